"""ChangeRCA: which of several releases. Nothing after the moment of detection is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from agents.model import Model
from evals.suite import Prediction
from evals.suites.files import number, read_object, read_table
from evals.world import World, alert_of, called, commented, diagnosed, environment, service, uid_of
from graph.change import Change
from graph.resource import display_uid
from graph.telemetry import Call, Series, Signal, Telemetry

_COLUMNS = {
    "SuccessRate": Signal.AVAILABILITY,
    "NodeMemoryUsageRate(%)": Signal.LATENCY,
    "Latency": Signal.CPU,
    "CPUUsageRate(%)": Signal.MEMORY,
}
"""What the columns hold, which is not what they are called: from `Latency` on the heads are one place off. What stands
under `Latency` is the same in all files of a pod, whoever calls it, and what stands in the last column is not."""
_OF_THE_POD = frozenset({Signal.CPU, Signal.MEMORY})
"""What is the same in every file of a pod."""
_EDGES = ("source_success.csv", "destination_success.csv")


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> World:  # noqa: ARG002  (the set has no labels)
        about = read_object(folder / "case.json", needs=("plan", "detect_timestamp"))
        at = float(about["detect_timestamp"])
        now = datetime.fromtimestamp(at, UTC)
        series = tuple(_instances(folder, at, _replaced(about["plan"], at))) + tuple(_edges(folder, at))
        calls = [Call(caller=a, callee=b) for a, b in sorted({(s.peer, s.resource) for s in series if s.peer})]
        releases = list(_releases(about["plan"], at))
        known = {*(u for c in calls for u in (c.caller, c.callee)), *(r.uid for r in releases)}
        graph = environment(
            now=now,
            actual=[service(display_uid(uid)) for uid in sorted(known)],
            relations=called(calls),
            changes=releases,
        )
        alert = alert_of(title="Calls fail while releases roll out", at=now)
        return World(graph=graph, alerts=(alert,), telemetry=Telemetry(series=series))

    def answer(self, case: World, model: Model | None) -> Prediction:
        found = diagnosed(case)
        suspects = found.change.suspects if found.change else ()
        names = [display_uid(s.change.uid) for s in suspects]
        ranked = [{"entity": display_uid(s.change.uid), "score": s.confidence} for s in suspects[:1]]
        return {
            "release": names,
            "ranked": ranked,
            "abstained": not names,
            "note": found.summary,
            **commented(found, model),
        }


SUITE = _Suite()


def _releases(plan: Mapping[str, Any], at: float) -> Iterator[Change]:
    for name, about in plan.items():
        begun = float(about["release_time"])
        steps = [step for started, step in about["process"].items() if float(started) <= at]
        done = [float(s["release_complete_timestamp"]) for s in steps if s.get("release_complete_timestamp")]
        done = [moment for moment in done if moment <= at]
        if begun <= at:
            yield Change(
                id=f"release:{name}",
                uid=uid_of(name),
                kind="deploy",
                earliest=datetime.fromtimestamp(begun, UTC),
                latest=datetime.fromtimestamp(max(done, default=begun), UTC),
                instances=tuple(sorted({pod for step in steps for pod in step["release_pod"]})),
                completed_at=datetime.fromtimestamp(max(done), UTC) if done else None,
            )


def _replaced(plan: Mapping[str, Any], at: float) -> dict[str, tuple[float, str]]:
    """Map each pod that was replaced by `at` to the time when that began, and to the pod that took its place."""
    steps = ((float(t), step) for about in plan.values() for t, step in about["process"].items())
    return {
        old: (begun, new)
        for begun, step in steps
        if begun <= at
        for old, new in zip(step["delete_pod"], step["release_pod"], strict=False)
    }


def _instances(folder: Path, at: float, replaced: Mapping[str, tuple[float, str]]) -> Iterator[Series]:
    """One file for each pod and call, `<pod>_<caller>_<callee>.csv`; the pod is of either of the two."""
    files: dict[tuple[str, str], list[dict[str, str]]] = {}
    for path in sorted({p.with_name(p.name.removesuffix(".gz")) for p in folder.glob("*_*_*.csv*")}):
        pod, _, call = path.stem.partition("_")
        if path.suffix == ".csv":
            files[pod, call] = _rows(path, "Timestamp", at, *_COLUMNS)
    for (pod, call), rows in files.items():
        begun, successor = replaced.get(pod, (at, ""))
        caller, _, callee = call.partition("_")
        is_outgoing = not pod.startswith(f"{callee}-")
        for column, signal in _COLUMNS.items():
            own = _own(rows, files.get((successor, call), ()), column, since=begun)
            if own and not (is_outgoing and signal in _OF_THE_POD):
                one = _series(own, "Timestamp", column, signal, callee=callee, caller=caller)
                yield replace(one, instance=pod, is_outgoing=is_outgoing)


def _own(
    rows: Sequence[dict[str, str]], of_successor: Sequence[dict[str, str]], column: str, *, since: float
) -> list[dict[str, str]]:
    """What a pod measured itself: from its replacement on, what stands under both names is of the pod that runs."""
    told = [float(r["Timestamp"]) for r in of_successor if _is_number(r[column])]
    times = ((row, float(row["Timestamp"])) for row in rows)
    return [row for row, at in times if at <= since or all(abs(at - t) > _SAME_S for t in told)]


def _is_number(cell: str) -> bool:
    value = number(cell)
    return value is not None and bool(np.isfinite(value))


_SAME_S = 30.0
"""Half of the time between two rows."""


def _edges(folder: Path, at: float) -> Iterator[Series]:
    for name in _EDGES:
        rows = _rows(folder / name, "timestamp", at)
        for column in rows[0] if rows else ():
            caller, sign, callee = column.partition("_")
            if sign:
                yield _series(rows, "timestamp", column, Signal.AVAILABILITY, callee=callee, caller=caller)


def _rows(path: Path, time: str, at: float, *needs: str) -> list[dict[str, str]]:
    rows = read_table(path, needs=(time, *needs))
    return [row for row in rows if (moment := number(row[time])) is not None and moment <= at]


def _series(rows: list[dict[str, str]], time: str, column: str, signal: Signal, *, callee: str, caller: str) -> Series:
    return Series(
        resource=uid_of(callee),
        metric=column,
        signal=signal,
        times=np.array([float(row[time]) for row in rows]),
        values=np.array([np.nan if (value := number(row[column])) is None else value for row in rows]),
        peer=uid_of(caller),
    )
