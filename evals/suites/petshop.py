"""PetShop: which node, from metrics and the call graph only; or none, when nothing is wrong."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from agents.model import Model
from evals.suite import Prediction
from evals.world import World, alert_of, called, commented, diagnosed, environment, service, uid_of
from graph.resource import display_uid
from graph.telemetry import Call, Floats, Series, Signal, Telemetry

_SIGNALS = {"latency": Signal.LATENCY, "availability": Signal.AVAILABILITY, "requests": Signal.TRAFFIC}
_READ = frozenset({"Average", "Sum"})
"""Statistics that are read; the percentiles say the same of fewer requests."""
_SHOWN = 3


class _Column(NamedTuple):
    node: str
    metric: str
    statistic: str


class _Table(NamedTuple):
    columns: list[_Column]
    times: Floats
    values: Floats
    """One row a time, one column a column; NaN for an empty cell."""


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> World:  # noqa: ARG002  (the set has no labels)
        about = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        target = json.loads((folder / "target.json").read_text(encoding="utf-8"))["target"]
        scenario = folder.parents[1] / "scenarios" / about["scenario"]
        with (folder / "metrics.csv").open(encoding="utf-8") as file:
            window = _table(file)
        past = _past(scenario / "normal_metrics.csv.gz")
        rows = int(about["baseline_rows"])
        calls = _calls(scenario / "graph.csv")
        names = {c.node for c in window.columns} | {display_uid(u) for c in calls for u in (c.caller, c.callee)}
        now = datetime.fromtimestamp(target["timestamp"], UTC)
        alert = alert_of(
            title=f"{target['metric']} of {target['node']} violates its objective",
            at=now,
            labels={"service": target["node"]},
            metric=target["metric"],
        )
        graph = environment(now=now, actual=[service(name) for name in sorted(names)], relations=called(calls))
        series = tuple(_series(_Table(past.columns, past.times[:rows], past.values[:rows]), window))
        return World(graph=graph, alerts=(alert,), telemetry=Telemetry(series=series, calls=calls))

    def answer(self, case: World, model: Model | None) -> Prediction:
        found = diagnosed(case)
        ranked = [{"entity": display_uid(c.resource), "score": c.confidence} for c in found.causes[:_SHOWN]]
        return {"ranked": ranked, "abstained": not ranked, "note": found.summary, **commented(found, model)}


SUITE = _Suite()


@lru_cache(maxsize=4)
def _past(path: Path) -> _Table:
    """The fault-free metrics of a scenario: many cases share one file. A case takes the rows before it only."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return _table(file)


def _table(file: TextIO) -> _Table:
    rows = list(csv.reader(file))
    columns = [_Column(*names) for names in zip(rows[0][1:], rows[1][1:], rows[2][1:], strict=True)]
    data = [row for row in rows[3:] if row and row[0] != "unix_timestamp"]
    values = np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in data])
    return _Table(columns, np.array([float(row[0]) for row in data]), values)


def _series(past: _Table, window: _Table) -> Iterable[Series]:
    before = {column: index for index, column in enumerate(past.columns)}
    times = np.concatenate([past.times, window.times])
    for index, column in enumerate(window.columns):
        if column.statistic in _READ and column in before:
            yield Series(
                resource=uid_of(column.node),
                metric=column.metric,
                signal=_SIGNALS.get(column.metric, Signal.OTHER),
                times=times,
                values=np.concatenate([past.values[:, before[column]], window.values[:, index]]),
                unit="s" if column.metric == "latency" else "",
                statistic=column.statistic,
            )


def _calls(path: Path) -> tuple[Call, ...]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    names: Sequence[str] = rows[0][1:]
    return tuple(
        Call(caller=uid_of(row[0]), callee=uid_of(names[index]))
        for row in rows[1:]
        for index, cell in enumerate(row[1:])
        if cell and float(cell)
    )
