"""Published methods as they stand in their packages. Each needs its own, from `evals/baselines/requirements.txt`.

They are no dependencies of the product, and are run in an environment of their own. What a method does not take -
missing values, measures that are bad when they fall - is prepared for it here, and said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from evals.baselines.tables import Column, Table, places

_ANOMALOUS = 3.0
"""Robust standard deviations from which a node counts as unusual in the traversal."""
_ENDLESS = 1e9
"""Score of a measure that never varied before and does now."""


def baro(table: Table) -> list[str]:
    """Rank places by BARO's robust scorer (Pham, Ha and Zhang 2024, doi:10.1145/3660805), as in `fse-baro`.

    The time at which trouble began is given by the case, so its change point detection is not needed. Measures that are
    bad when they fall are turned round, since the scorer looks for the largest rise; gaps hold the last value.
    """
    pandas, analysis = import_module("pandas"), import_module("baro.root_cause_analysis")
    names = [str(i) for i in range(len(table.columns))]
    frame = pandas.DataFrame([*table.before, *table.since], columns=names).ffill().bfill()
    frame = frame.dropna(axis=1, how="any")
    frame.insert(0, "time", range(len(frame)))
    found = analysis.robust_scorer(frame, inject_time=len(table.before))
    return places((table.columns[int(name)] for name in found["ranks"]), table)


def traversal(table: Table) -> list[str]:
    """Rank places by anomaly traversal of the call graph with DoWhy's scorers (`dowhy.gcm`, Blöbaum et al. 2024).

    From the target along calls between nodes whose measure is unusual: where no callee is unusual any more, trouble
    began. A case without a target begins at every unusual node. None where nothing is unusual.
    """
    numpy, scorers = import_module("numpy"), import_module("dowhy.gcm.anomaly_scorers")
    scores: dict[str, float] = {}
    for index, column in enumerate(table.columns):
        if table.target is not None and column.measure != table.target.measure:
            continue
        before, since = (_column(rows, index) for rows in (table.before, table.since))
        if len(before) > 1 and since:
            scorer = scorers.MedianDeviationScorer()
            scorer.fit(numpy.array(before))
            with numpy.errstate(all="ignore"):  # what never varied before has no spread to divide by
                score = float(numpy.nan_to_num(scorer.score(numpy.array(since)), nan=0.0, posinf=_ENDLESS).max())
            scores[column.place] = max(scores.get(column.place, 0.0), score)
    unusual = {place for place, score in scores.items() if score >= _ANOMALOUS}
    callees: dict[str, list[str]] = {}
    for caller, callee in table.calls:
        callees.setdefault(caller, []).append(callee)
    reached = _reached([table.target.place] if table.target else sorted(unusual), callees, unusual)
    ends = [p for p in reached if not any(c in unusual and c != p for c in callees.get(p, ()))]
    ranked = sorted(ends, key=lambda p: (-scores[p], p))
    return places((Column(p, "") for p in ranked), table)


def _column(rows: Iterable[tuple[float, ...]], index: int) -> list[float]:
    return [row[index] for row in rows if row[index] == row[index]]


def _reached(begin: Iterable[str], callees: Mapping[str, list[str]], unusual: set[str]) -> list[str]:
    found: dict[str, None] = {}
    todo = [p for p in begin if p in unusual]
    while todo:
        place = todo.pop()
        if place not in found:
            found[place] = None
            todo += [c for c in callees.get(place, ()) if c in unusual]
    return list(found)


METHODS: Mapping[str, tuple[str, Callable[[Table], Any]]] = {
    "BARO robust scorer (fse-baro)": ("baro", baro),
    "anomaly traversal (dowhy)": ("dowhy", traversal),
}
"""Maps what a method is called to the package that it needs, and to itself."""
