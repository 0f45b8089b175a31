"""Cases that hold metrics, as plain tables for methods that rank columns. Needs neither the product nor pandas.

A table has one row a time and one column a measure of one place. Methods get no more than what a case gives: the times
before trouble, the times since, and who calls whom.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from evals.suites.files import number, read_object, read_table, read_text
from graph.errors import Invalid

NAN = float("nan")
_READ = frozenset({"Average", "Sum"})
_FALLING = frozenset({"availability", "SuccessRate"})
"""Measures that are bad when they fall. Methods that look for rises get what is lacking to their best value."""


class Column(NamedTuple):
    """One measure of one place."""

    place: str
    measure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The metrics of one case."""

    columns: tuple[Column, ...]
    before: tuple[tuple[float, ...], ...]
    """Rows before trouble, oldest first; NaN where nothing was measured."""
    since: tuple[tuple[float, ...], ...]
    """Rows since then."""
    calls: tuple[tuple[str, str], ...] = ()
    """(caller, callee)"""
    target: Column | None = None
    """What violates its objective; None where the case does not say."""
    candidates: tuple[str, ...] = ()
    """Places among which the answer is; empty for all."""


def petshop(folder: Path) -> Table:
    """A window of PetShop with the fault-free rows before it."""
    about = read_object(folder / "case.json", needs=("scenario", "baseline_rows"))
    target = read_object(folder / "target.json", needs=("target",))["target"]
    scenario = folder.parents[1] / "scenarios" / about["scenario"]
    names, past = _wide(scenario / "normal_metrics.csv")
    window_names, window = _wide(folder / "metrics.csv")
    known = [n for n in window_names if n in names]
    past_at, window_at = [names.index(n) for n in known], [window_names.index(n) for n in known]
    columns = tuple(Column(node, measure) for node, measure, _ in known)
    graph = _cells(scenario / "graph.csv")
    calls = [(row[0], graph[0][i]) for row in graph[1:] for i, cell in enumerate(row) if i and cell and float(cell)]
    return Table(
        columns=columns,
        before=_rows(past[: int(about["baseline_rows"])], past_at, columns),
        since=_rows(window, window_at, columns),
        calls=tuple(calls),
        target=Column(target["node"], target["metric"]),
    )


def changerca(folder: Path) -> Table:
    """Releases of ChangeRCA: before the first of them, and from then until the moment of detection."""
    about = read_object(folder / "case.json", needs=("plan", "detect_timestamp"))
    at = float(about["detect_timestamp"])
    begun = {name: float(plan["release_time"]) for name, plan in about["plan"].items()}
    started = tuple(name for name, moment in sorted(begun.items()) if moment <= at)
    cells: dict[Column, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    calls = set()
    for path in sorted({p.with_name(p.name.removesuffix(".gz")) for p in folder.glob("*_*_*.csv*")}):
        pod, caller, callee = path.stem.split("_", 2)
        calls.add((caller, callee))
        is_callee = pod.startswith(f"{callee}-")
        for row in read_table(path, needs=("Timestamp",)):
            moment = number(row["Timestamp"])
            for measure in ("Latency", "SuccessRate", "CPUUsageRate(%)", "MemoryUsageRate(%)") if is_callee else ():
                value = number(row.get(measure, ""))
                if moment is not None and moment <= at and value is not None:
                    cells[Column(callee, measure)][moment // 60].append(value)
    columns = tuple(sorted(cells))
    first = min((m for m in begun.values() if m <= at), default=at) // 60
    rows = {
        minute: tuple(_mean(cells[c].get(minute, ())) for c in columns)
        for minute in sorted({m for many in cells.values() for m in many})
    }
    every = range(len(columns))
    return Table(
        columns=columns,
        before=_rows([r for m, r in rows.items() if m < first], every, columns),
        since=_rows([r for m, r in rows.items() if m >= first], every, columns),
        calls=tuple(sorted(calls)),
        candidates=started,
    )


TABLES: Mapping[str, Callable[[Path], Table]] = {"petshop": petshop, "changerca": changerca}
"""How the cases of a set are read, of those sets whose cases are metrics."""


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else NAN


def _rows(
    rows: Sequence[Sequence[float]], at: Sequence[int], columns: Sequence[Column]
) -> tuple[tuple[float, ...], ...]:
    signs = [-1.0 if c.measure in _FALLING else 1.0 for c in columns]
    return tuple(tuple(sign * row[i] for i, sign in zip(at, signs, strict=True)) for row in rows)


@lru_cache(maxsize=4)
def _wide(path: Path) -> tuple[list[tuple[str, str, str]], list[tuple[float, ...]]]:
    """Columns (node, measure, statistic), of those statistics that are read, and rows of a file of PetShop."""
    cells = _cells(path)
    names = list(zip(cells[0], cells[1], cells[2], strict=True))
    kept = [i for i, name in enumerate(names) if i and name[2] in _READ]
    data = [row for row in cells[3:] if len(row) == len(names) and row[0] != "unix_timestamp"]
    return [names[i] for i in kept], [tuple(float(row[i]) if row[i] else NAN for i in kept) for row in data]


def _cells(path: Path) -> list[list[str]]:
    text = read_text(path)
    if text is None:
        raise Invalid("the file is missing; a case can't be answered without it", where=str(path))
    return list(csv.reader(io.StringIO(text, newline="")))


def places(ranked: Iterable[Column], table: Table) -> list[str]:
    """Turn ranked columns into ranked places, each once, of those among which the answer is."""
    found = dict.fromkeys(column.place for column in ranked)
    return [p for p in found if not table.candidates or p in table.candidates]
