"""Root Cause Bench: which commit, or none. The text of `instruction.md` is not read."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from agents.model import Model
from evals.suite import Prediction
from graph.diagnosis.commits import Commit, CommitVerdict, Complaint, Rollout, Trouble, rank_commits
from graph.diagnosis.diffs import Effect

_TAIL = 3.0
_CONFIG = re.compile(r"(go\.mod|go\.sum|\.ya?ml|\.json|\.toml|\.env|\.ini|\.properties|requirements\.txt)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    alert: Mapping[str, Any]
    commits: tuple[Commit, ...]
    rollouts: tuple[Rollout, ...]
    complaints: tuple[Complaint, ...]
    onset: float
    outage: bool


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> _Case:  # noqa: ARG002  (answers are commit ids)
        data = folder / "workdir" / "data"
        alert = _json(data / "alert.json")
        fired = _seconds(alert["fired_at"])
        series = _series(data / "metrics.csv")
        patterns = _json(data / "patterns.json")
        return _Case(
            alert=alert,
            commits=tuple(_commit(c) for c in _json(data / "context" / "commits.json")),
            rollouts=tuple(_rollout(d) for d in _json(data / "context" / "deploys.json")),
            complaints=tuple(_complaints(alert, patterns, series, fired)),
            onset=_onset(alert, series, fired),
            outage=_says_outage(data / "status_feed.json"),
        )

    def answer(self, case: _Case, model: Model | None) -> Prediction:  # noqa: ARG002  (the ranking needs none)
        found = rank_commits(case.commits, case.rollouts, case.complaints, onset=case.onset, outage=case.outage)
        others = {c.service for c in case.complaints} - {case.alert["service"]}
        best = next((s for s in found.suspects if s.commit == found.guilty), None)
        return {
            "change": found.guilty or "none",
            "first_failing": case.alert["service"],
            "blast_radius": sorted(others),
            "remediation": _remedy(found, case),
            "ranked": [{"entity": found.guilty or "none", "score": _confidence(found)}],
            "note": " ".join(best.reasons) if best else "no commit explains it",
        }


SUITE = _Suite()


def _confidence(found: CommitVerdict) -> float:
    """How clearly the first is ahead of the second and of a cause outside."""
    points = sorted((s.points for s in found.suspects), reverse=True)
    first, second = (*points, 0.0, 0.0)[:2]
    if not found.guilty:
        return round(min(0.75, 0.4 + 0.1 * max(0.0, found.outside - first)), 2)
    return round(min(0.9, 0.35 + 0.15 * (first - max(second, found.outside))), 2)


def _remedy(found: CommitVerdict, case: _Case) -> str:
    if not found.guilty:
        return "purge-bad-data" if Trouble.DATA in found.troubles else "escalate-upstream"
    if Effect.QUERIES_NEW_TABLE in found.effects:
        return "roll-forward"
    files = next(c.files for c in case.commits if c.id == found.guilty)
    return "config-revert" if files and all(_CONFIG.search(f) for f in files) else "rollback"


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _commit(commit: Mapping[str, Any]) -> Commit:
    files = tuple(map(str, commit.get("files_changed") or ()))
    return Commit(id=commit["sha"], at=_seconds(commit["timestamp"]), files=files, diff=str(commit.get("diff") or ""))


def _rollout(deploy: Mapping[str, Any]) -> Rollout:
    return Rollout(commit=deploy["commit_sha"], service=deploy["service"], at=_seconds(deploy["timestamp"]))


_Readings = dict[tuple[str, str], list[tuple[float, float]]]


def _series(path: Path) -> _Readings:
    found: _Readings = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["value"]:
                found[row["service"], row["metric"]].append((_seconds(row["timestamp"]), float(row["value"])))
    return {key: sorted(many) for key, many in found.items()}


def _complaints(
    alert: Mapping[str, Any], patterns: list[dict[str, Any]], series: _Readings, fired: float
) -> Iterator[Complaint]:
    yield Complaint(service=alert["service"], text=f"{alert['metric']} {alert.get('summary') or ''}", weight=2.0)
    for pattern in patterns:
        growth = _growth(pattern)
        if growth > 0 and pattern.get("sentiment") != "positive" and pattern.get("sentiment") != "neutral":
            yield Complaint(service=pattern["service"], text=str(pattern["signature"]), weight=1.0)
    for (service, metric), readings in series.items():
        if _broke_out(readings, fired):
            yield Complaint(service=service, text=metric, weight=0.7)


def _growth(pattern: Mapping[str, Any]) -> float:
    text = str(pattern.get("delta_vs_baseline") or "0").replace("+", "")
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else float(pattern.get("count") or 0)


def _broke_out(readings: list[tuple[float, float]], fired: float) -> bool:
    """Whether a metric left its range of the first half by the end."""
    values = np.array([v for _, v in readings])
    if values.size < 6:
        return False
    past = values[: values.size // 2]
    spread = 1.4826 * float(np.median(np.abs(past - np.median(past)))) or 0.05 * abs(float(np.median(past))) or 0.01
    late = np.array([v for t, v in readings if t >= fired - 300])
    return late.size > 0 and float(np.max(np.abs(late - np.median(past)))) > _TAIL * spread * 2


def _onset(alert: Mapping[str, Any], series: _Readings, fired: float) -> float:
    """First reading of the metric of the alert that goes on to the alert; that of the alert when it has none."""
    readings = series.get((alert["service"], alert["metric"]), [])
    before = [(t, v) for t, v in readings if t <= fired]
    if len(before) < 6:
        return fired
    past = np.array([v for _, v in before[: len(before) // 2]])
    usual = float(np.median(past))
    spread = 1.4826 * float(np.median(np.abs(past - usual))) or 0.05 * abs(usual) or 0.01
    onset = fired
    for moment, value in reversed(before):
        if abs(value - usual) <= _TAIL * spread:
            break
        onset = moment
    return onset


def _says_outage(path: Path) -> bool:
    if not path.is_file():
        return False
    return any(word in path.read_text(encoding="utf-8").lower() for word in ("degraded", "outage", "investigating"))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
