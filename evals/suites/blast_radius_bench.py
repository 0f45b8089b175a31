"""Blast Radius Bench: where it began, and how it spread. Notes of the authors and `instruction.md` are not read."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from agents.model import Model
from evals.suite import Prediction
from graph.diagnosis.ailments import Ailment, ailments
from graph.diagnosis.spread import Link, LinkType, spreads
from graph.telemetry import LogLine, Series, Signal, Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    links: tuple[Link, ...]
    telemetry: Telemetry
    told: str
    rollouts: Mapping[str, float]


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> _Case:  # noqa: ARG002  (names are those of the case)
        data = folder / "workdir"
        alert = _json(data / "alert.json")
        names = _names(data)
        fired = _seconds(alert["fired_at"])
        return _Case(
            links=tuple(dict.fromkeys(_links(_json(data / "service_map.json"), names))),
            telemetry=Telemetry(series=tuple(_series(data / "metrics.csv")), logs=tuple(_logs(data, names))),
            told=alert["service"],
            rollouts=_rollouts(data, fired),
        )

    def answer(self, case: _Case, model: Model | None) -> Prediction:  # noqa: ARG002  (the account needs none)
        unwell = ailments(case.telemetry)
        unwell.setdefault(case.told, [])
        known = {uid: signs for uid, signs in unwell.items() if signs}
        found = spreads(case.links, known, told=case.told, texts=_texts(known), rollouts=case.rollouts)
        if not found:
            return {"abstained": True, "note": f"nothing was measured that explains {case.told}"}
        best = found[0]
        ahead = best.score - (found[1].score if len(found) > 1 else 0.0)
        return {
            "origin": best.origin,
            "propagation": [{"from": s.source, "to": s.target} for s in best.steps],
            "blast_radius": list(best.victims),
            "ranked": [{"entity": best.origin, "score": round(min(0.9, 0.4 + 0.4 * ahead), 2)}],
            "note": " ".join(best.reasons[:3]),
        }


SUITE = _Suite()


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _bare(name: str) -> str:
    """The name without its prefix and domain, under which it is called elsewhere."""
    return name.rpartition(":")[2].partition(".")[0]


def _names(data: Path) -> dict[str, str]:
    """Map the bare name of each thing that was measured to the name under which it was."""
    with (data / "metrics.csv").open(encoding="utf-8") as file:
        return {_bare(row["service"]): row["service"] for row in csv.DictReader(file)}


def _links(found: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Link]:
    for edge in found.get("edges") or ():
        yield Link(source=edge["from"], target=edge["to"], type=LinkType.CALLS)
    for service in found.get("services") or ():
        if not isinstance(service, Mapping):
            continue
        name = service["name"]
        for store in (*(service.get("datastores") or ()), *filter(None, (service.get("resolver"),))):
            yield Link(source=name, target=names.get(_bare(store), str(store)), type=LinkType.USES)
        if service.get("node"):
            node = str(service["node"])
            yield Link(source=name, target=names.get(_bare(node), f"node:{_bare(node)}"), type=LinkType.RUNS_ON)


def _series(path: Path) -> Iterator[Series]:
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["value"]:
                found[row["service"], row["metric"]].append((_seconds(row["timestamp"]), float(row["value"])))
    for (service, metric), readings in found.items():
        times, values = zip(*sorted(readings), strict=True)
        yield Series(
            resource=service, metric=metric, signal=Signal.OTHER, times=np.array(times), values=np.array(values)
        )


def _logs(data: Path, names: Mapping[str, str]) -> Iterator[LogLine]:
    for pattern in _json(data / "patterns.json").get("patterns") or ():
        change = float(str(pattern.get("delta_vs_baseline") or 0).replace("+", "") or 0)
        count = int(pattern.get("count") or 0)
        is_bad = pattern.get("sentiment") == "negative"
        yield LogLine(
            resource=pattern["service"],
            at=_seconds(pattern["first_seen"]) if pattern.get("first_seen") else None,
            severity="error" if is_bad and change >= 0.5 * count and count >= _MANY else "",
            text=str(pattern.get("signature") or ""),
            count=count,
            baseline=max(0.0, count - change),
        )
    for event in _json(data / "events.json").get("events") or ():
        kind, _, name = str(event.get("object") or "").partition("/")
        if kind == "node" and event.get("type") != "Deployment":
            text = f"{event.get('reason')} {event.get('message')}"
            owner = names.get(_bare(name), f"node:{_bare(name)}")
            yield LogLine(resource=owner, at=_seconds(event["timestamp"]), severity="error", text=text)


_MANY = 200
"""Lines of one form below which a service grumbles, and nobody suffers."""


def _rollouts(data: Path, fired: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for event in _json(data / "events.json").get("events") or ():
        if event.get("type") == "Deployment" and _seconds(event["timestamp"]) <= fired:
            found[str(event["object"]).partition("/")[2]] = _seconds(event["timestamp"])
    deploys = _json(data / "context" / "deploys.json")
    for deploy in deploys.get("deploys") or () if isinstance(deploys, Mapping) else ():
        if deploy.get("service") and _seconds(deploy["timestamp"]) <= fired:
            found[deploy["service"]] = max(found.get(deploy["service"], 0.0), _seconds(deploy["timestamp"]))
    return found


def _texts(unwell: Mapping[str, list[Ailment]]) -> dict[str, str]:
    return {uid: " ".join(a.what for a in signs if " " in a.what) for uid, signs in unwell.items()}


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
