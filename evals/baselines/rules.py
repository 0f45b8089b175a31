"""Simple rules to stand beside the product: what somebody would write in ten minutes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from evals.run import case_folders
from evals.suite import Prediction
from evals.suites.files import read_object, read_rows, read_text
from graph.errors import Invalid

_Rule = Callable[[Path], Prediction]


def predictions(name: str, rule: str, data: Path) -> Iterator[Prediction]:
    """Yield the predictions of a rule for all cases of a set."""
    for folder in case_folders(data):
        try:
            yield {"case": folder.name, **RULES[name][rule](folder)}
        except (Invalid, KeyError, TypeError, ValueError, IndexError):  # a rule of one line can't read a broken case
            yield {"case": folder.name, "abstained": True}


def _latest_deploy(folder: Path) -> Prediction:
    deploys = read_rows(folder / "workdir" / "data" / "context" / "deploys.json", "deploys")
    fired = read_object(folder / "workdir" / "data" / "alert.json")["fired_at"]
    before = sorted((d["timestamp"], d["commit_sha"]) for d in deploys if d["timestamp"] <= fired)
    return {"change": before[-1][1] if before else "none", "remediation": "rollback"}


def _paging_service(folder: Path) -> Prediction:
    return {"origin": read_object(folder / "workdir" / "alert.json")["service"]}


def _loudest_service(folder: Path) -> Prediction:
    patterns = read_rows(folder / "workdir" / "patterns.json", "patterns")
    loud = max((p for p in patterns if p.get("sentiment") == "negative"), key=lambda p: p["count"], default=None)
    return {"origin": loud["service"] if loud else ""}


def _all_pages(folder: Path) -> Prediction:
    return {"pages": {p["id"]: "page" for p in read_rows(folder / "workdir" / "pages.json", "pages")}}


def _unresolved_pages(folder: Path) -> Prediction:
    pages = read_rows(folder / "workdir" / "pages.json", "pages")
    return {"pages": {p["id"]: "page" if p["auto_resolved_after_s"] is None else "suppress" for p in pages}}


def _latest_release(folder: Path) -> Prediction:
    case = read_object(folder / "case.json")
    begun = [(float(p["release_time"]), name) for name, p in case["plan"].items()]
    return {"release": [name for at, name in sorted(begun, reverse=True) if at <= case["detect_timestamp"]]}


def _alarming(_: Path) -> Prediction:
    return {"ranked": [{"category": "resource_exhaustion", "score": 0.5}]}


def _largest_rise(folder: Path) -> Prediction:
    """The node whose average latency rose most within the window; the answer that ignores both graph and past."""
    rows = list(csv.reader(io.StringIO(read_text(folder / "metrics.csv") or "", newline="")))
    data = [r for r in rows[3:] if r and r[0] != "unix_timestamp"]
    rises = []
    for index, (node, metric, statistic) in enumerate(zip(rows[0], rows[1], rows[2], strict=True)):
        values = [float(r[index]) for r in data if index and r[index]]
        if metric == "latency" and statistic == "Average" and len(values) > 1 and values[0] > 0:
            rises.append((max(values) / values[0], node))
    return {"ranked": [{"entity": node, "score": 0.5} for _, node in sorted(rises, reverse=True)[:3]]}


RULES: dict[str, dict[str, _Rule]] = {
    "root-cause-bench": {
        "latest deploy": _latest_deploy,
        "always none": lambda _: {"change": "none", "remediation": "scale"},
    },
    "blast-radius-bench": {"paging service": _paging_service, "loudest service": _loudest_service},
    "noise-bench": {"page all": _all_pages, "never resolved": _unresolved_pages},
    "changerca": {"latest release": _latest_release},
    "petshop": {"largest rise": _largest_rise},
    "opensre": {"always resource_exhaustion": _alarming},
}
