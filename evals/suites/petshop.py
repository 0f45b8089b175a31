"""PetShop: which node, from metrics and the call graph only; or none, when nothing is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agents.model import Model
from evals.suite import Prediction
from evals.suites.files import read_object, read_text
from evals.world import World, alert_of, called, commented, diagnosed, environment, service, uid_of
from graph.errors import Invalid
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
        about = read_object(folder / "case.json", needs=("scenario", "baseline_rows"))
        target = read_object(folder / "target.json", needs=("target",))["target"]
        scenario = folder.parents[1] / "scenarios" / about["scenario"]
        window = _table(folder / "metrics.csv")
        past = _past(scenario / "normal_metrics.csv")
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
    return _table(path)


def _table(path: Path) -> _Table:
    """A row that is cut off is left out."""
    rows = _cells(path)
    if len(rows) < len(_Column._fields):
        raise Invalid("three header rows were expected: microservice, metric, statistic", where=str(path))
    columns = [_Column(*names) for names in zip(rows[0][1:], rows[1][1:], rows[2][1:], strict=True)]
    data = [row for row in rows[3:] if len(row) == len(rows[0]) and row[0] != "unix_timestamp"]
    if not data:
        raise Invalid("there are no readings", where=str(path))
    values = np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in data])
    return _Table(columns, np.array([float(row[0]) for row in data]), values)


def _cells(path: Path) -> list[list[str]]:
    text = read_text(path)
    if text is None:
        raise Invalid("the file is missing; a case can't be answered without it", where=str(path))
    return list(csv.reader(io.StringIO(text, newline="")))


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
    rows = _cells(path)
    names: Sequence[str] = rows[0][1:] if rows else ()
    return tuple(
        Call(caller=uid_of(row[0]), callee=uid_of(names[index]))
        for row in rows[1:]
        for index, cell in enumerate(row[1:])
        if cell and float(cell)
    )
