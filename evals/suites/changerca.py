"""ChangeRCA: which of several releases. Nothing after the moment of detection is read."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.model import Model
from evals.suite import Prediction
from evals.world import uid_of
from graph.diagnosis.releases import Blamed, Release, rank_releases
from graph.resource import display_uid
from graph.telemetry import Call, Series, Signal, Telemetry

_COLUMNS = {
    "SuccessRate": Signal.AVAILABILITY,
    "Latency": Signal.LATENCY,
    "CPUUsageRate(%)": Signal.CPU,
    "MemoryUsageRate(%)": Signal.MEMORY,
}
_EDGES = ("source_success.csv", "destination_success.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    releases: tuple[Release, ...]
    telemetry: Telemetry
    at: float


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> _Case:  # noqa: ARG002  (the set has no labels)
        about = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        at = float(about["detect_timestamp"])
        series = tuple(_instances(folder, at)) + tuple(_edges(folder, at))
        calls = {(s.peer, s.resource) for s in series if s.peer}
        return _Case(
            releases=tuple(_releases(about["plan"], at)),
            telemetry=Telemetry(series=series, calls=tuple(Call(caller=a, callee=b) for a, b in sorted(calls))),
            at=at,
        )

    def answer(self, case: _Case, model: Model | None) -> Prediction:  # noqa: ARG002  (the ranking needs none)
        ranked = rank_releases(case.releases, case.telemetry, at=case.at)
        names = [display_uid(b.release.service) for b in ranked]
        note = f"{names[0]}: {' '.join(ranked[0].reasons) or 'nothing speaks against any release'}" if ranked else ""
        scored = [{"entity": n, "score": _confidence(ranked)} for n in names[:1]]
        return {"release": names, "ranked": scored, "abstained": not names, "note": note}


SUITE = _Suite()


def _confidence(ranked: Sequence[Blamed]) -> float:
    """How far the first is ahead of the second, as a share of its own score."""
    first, second = ranked[0].score, ranked[1].score if len(ranked) > 1 else 0.0
    return round(min(0.9, 0.4 + 0.5 * (first - second)), 2) if first > 0 else 0.2


def _releases(plan: Mapping[str, Any], at: float) -> Iterator[Release]:
    for name, about in plan.items():
        steps = [step for begun, step in about["process"].items() if float(begun) <= at]
        done = [float(s["release_complete_timestamp"]) for s in steps if s.get("release_complete_timestamp")]
        done = [moment for moment in done if moment <= at]
        if float(about["release_time"]) <= at:
            yield Release(
                service=uid_of(name),
                started_at=float(about["release_time"]),
                completed_at=max(done, default=None),
                new=frozenset(pod for step in steps for pod in step["release_pod"]),
            )


def _instances(folder: Path, at: float) -> Iterator[Series]:
    """One file for each pod and call, `<pod>_<caller>_<callee>.csv`."""
    for path in sorted(folder.glob("*_*_*.csv")):
        pod, caller, callee = path.stem.split("_")
        if not pod.startswith(f"{callee}-"):
            continue
        rows = _rows(path, "Timestamp", at)
        for column, signal in _COLUMNS.items():
            yield _series(rows, "Timestamp", column, signal, callee=callee, caller=caller, instance=pod)


def _edges(folder: Path, at: float) -> Iterator[Series]:
    for name in _EDGES:
        path = folder / name
        rows = _rows(path, "timestamp", at) if path.is_file() else []
        for column in rows[0] if rows else ():
            caller, sign, callee = column.partition("_")
            if sign:
                yield _series(rows, "timestamp", column, Signal.AVAILABILITY, callee=callee, caller=caller)


def _rows(path: Path, time: str, at: float) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if float(row[time]) <= at]


def _series(
    rows: list[dict[str, str]], time: str, column: str, signal: Signal, *, callee: str, caller: str, instance: str = ""
) -> Series:
    return Series(
        resource=uid_of(callee),
        metric=column,
        signal=signal,
        times=np.array([float(row[time]) for row in rows]),
        values=np.array([float(row[column]) if row[column] else np.nan for row in rows]),
        peer=uid_of(caller),
        instance=instance,
    )
