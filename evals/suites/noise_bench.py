"""NoiseBench: which pages deserve a person. The text of `instruction.md` is not read."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from agents.model import Model
from evals.suite import Prediction
from graph.triage import PAGE_FROM, Known, LogForm, Mood, Page, triage

_MOODS = {"negative": Mood.BAD, "neutral": Mood.NEUTRAL, "positive": Mood.GOOD}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    pages: tuple[Page, ...]
    known: tuple[Known, ...]


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> _Case:  # noqa: ARG002  (the decisions are fixed)
        data = folder / "workdir"
        forms = {p["pattern_id"]: _form(p) for p in _items(data / "patterns.json", "patterns")}
        readings = _readings(data / "metrics.csv")
        pages = tuple(_page(p, forms, readings) for p in _items(data / "pages.json", "pages"))
        return _Case(pages=pages, known=tuple(_known(i) for i in _items(data / "incidents_open.json", "incidents")))

    def answer(self, case: _Case, model: Model | None) -> Prediction:  # noqa: ARG002  (the triage needs none)
        decisions = triage(case.pages, case.known)
        told = [d.page for d in decisions if d.is_page]
        pages = {d.page: "page" if d.is_page else "suppress" for d in decisions}
        # The least clear decision tells how sure the whole batch is.
        clear = min((abs(d.points - PAGE_FROM) for d in decisions if not d.same_as), default=0.0)
        ranked = [{"entity": "batch", "score": round(min(0.9, 0.5 + 0.2 * clear), 2)}]
        return {"pages": pages, "ranked": ranked, "note": f"{len(told)} of {len(decisions)} wake a person"}


SUITE = _Suite()


def _items(path: Path, key: str) -> list[dict[str, Any]]:
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return list(found.get(key, ()) if isinstance(found, dict) else found)


def _readings(path: Path) -> dict[tuple[str, str], list[tuple[float, float]]]:
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["value"]:
                found[row["service"], row["metric"]].append((_seconds(row["timestamp"]), float(row["value"])))
    return {key: sorted(many) for key, many in found.items()}


def _form(pattern: Mapping[str, Any]) -> LogForm:
    return LogForm(
        id=pattern["pattern_id"],
        text=str(pattern.get("signature") or ""),
        count=int(pattern.get("count") or 0),
        growth=float(pattern.get("delta_vs_baseline_pct") or 0) / 100,
        mood=_MOODS.get(str(pattern.get("sentiment"))),
    )


def _page(
    page: Mapping[str, Any],
    forms: Mapping[str, LogForm],
    readings: Mapping[tuple[str, str], list[tuple[float, float]]],
) -> Page:
    mine = readings.get((page["service"], page["metric"]), [])
    severity = str(page.get("severity") or "").upper().removeprefix("SEV")
    return Page(
        id=page["id"],
        service=page["service"],
        metric=page["metric"],
        fired_at=_seconds(page["fired_at"]),
        value=float(page["value"]),
        threshold=float(page["threshold"]),
        severity=int(severity) if severity.isdigit() else None,
        fired_last_hour=int(page.get("fired_count_last_1h") or 1),
        resolved_after_s=page.get("auto_resolved_after_s"),
        form=forms.get(str(page.get("related_pattern"))),
        times=np.array([t for t, _ in mine]),
        values=np.array([v for _, v in mine]),
    )


def _known(incident: Mapping[str, Any]) -> Known:
    places = {str(incident.get("service") or ""), *map(str, incident.get("scope") or ())} - {""}
    metric = str(incident.get("metric") or "")
    return Known(
        id=str(incident.get("incident_id") or ""),
        services=frozenset(places),
        metric="" if metric == "*" else metric,
        form=str(incident.get("related_pattern") or ""),
        since=_seconds(incident["opened_at"]) if incident.get("opened_at") else 0.0,
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
