"""`python -m evals.calibration --data DIR`: how often answers of a strength are right, and what a curve gains.

The curve is fitted to faults put into healthy recordings, with evidence hidden at several degrees. It is judged on what
it was not fitted to: each fault by the curve through all others, and the cases of other sets by the curve through all
faults. Those sets were at hand while rules were written, so that nearly all of their answers are right, and they can
only show that confidence is too low. `--write` puts the curve into `graph/diagnosis/reliability.py`.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evals.run import run
from evals.scorers import score
from evals.suites import suite_of
from evals.transplant.experiment import outcomes
from graph.diagnosis import reliability
from graph.diagnosis.calibration import fitted

SETS = ("cloud-opsbench", "opensre", "demo")
"""Sets some of whose answers rest on what the platform shows."""
_SURE = 0.8
_DEGREES = 2
"""Decimal places of a strength that are told apart."""
_BINS = 10


class Point(NamedTuple):
    """One answer."""

    group: str
    """The fault, or the set"""
    strength: float
    is_right: bool


def of_transplants(data: Path, *, apps: int, bases: int) -> Iterator[Point]:
    """Yield the answers to transplanted faults that rest on what the platform shows."""
    for one in outcomes(data, apps=apps, bases=bases):
        if one.answered[0] and one.strength is not None:
            yield Point(one.fault, one.strength, one.is_right)


def of_set(name: str, data: Path) -> Iterator[Point]:
    """Yield the answers to the cases of a set that rest on what the platform shows."""
    lines = (data / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    truth = {t["case"]: t for t in map(json.loads, lines)}
    for one in run(suite_of(name), data):
        ranked = one.prediction.get("ranked") or [{}]
        if one.case in truth and ranked[0].get("strength") is not None:
            yield Point(name, ranked[0]["strength"], score(name, truth[one.case], one.prediction).is_right)


def observed(points: Iterable[Point]) -> tuple[tuple[float, int, int], ...]:
    """Count answers and right ones by strength, weakest first."""
    counts: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for point in points:
        count = counts[round(point.strength, _DEGREES)]
        count[0] += 1
        count[1] += point.is_right
    return tuple((strength, n, right) for strength, (n, right) in sorted(counts.items()))


class Judged(NamedTuple):
    """What confidences were worth over some answers."""

    n: int
    brier: float
    """Mean squared distance from what came true (Brier 1950)."""
    ece: float
    """Expected calibration error over ten bins of equal width (Naeini et al. 2015)."""
    surely_wrong: int
    """Wrong with more than 0.8."""


def judged(stated: Sequence[tuple[float, bool]]) -> Judged:
    """Compare stated confidences with what was right.

    >>> judged([(1.0, True), (0.5, False)])
    Judged(n=2, brier=0.125, ece=0.25, surely_wrong=0)
    """
    n = len(stated)
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, is_right in stated:
        bins[min(_BINS - 1, int(confidence * _BINS))].append((confidence, is_right))
    error = sum(abs(sum(c - r for c, r in some)) for some in bins.values())
    brier = sum((c - r) ** 2 for c, r in stated) / n if n else 0.0
    return Judged(n, brier, error / n if n else 0.0, sum(c > _SURE and not r for c, r in stated))


def left_out(points: Sequence[Point]) -> list[tuple[float, bool]]:
    """State a confidence for each answer by the curve through those of all other groups."""
    found = []
    for group in dict.fromkeys(p.group for p in points):
        curve = fitted(observed(p for p in points if p.group != group))
        found += [(curve.at(p.strength), p.is_right) for p in points if p.group == group]
    return found


def rendered(counts: Sequence[tuple[float, int, int]]) -> str:
    """Return the text of `graph/diagnosis/reliability.py`."""
    curve = fitted(counts)
    rows = "".join(f"    ({strength}, {n}, {right}),\n" for strength, n, right in counts)
    return (
        '"""How often answers of a strength were right. '
        'Written by `python -m evals.calibration --data DIR --write`."""\n\n'
        f"OBSERVED: tuple[tuple[float, int, int], ...] = (\n{rows})\n"
        '"""(strength, answers of it, how many of them were right), weakest first."""\n\n'
        f"INTERCEPT = {curve.intercept:.4f}\nSLOPE = {curve.slope:.4f}\n"
        '"""Of the logistic curve through `OBSERVED`."""\n'
    )


def table(points: Sequence[Point], others: Sequence[Point]) -> str:
    """The judgement as Markdown: strength as it stands beside the curve, on answers that the curve has not seen."""
    lines = ["| Answers | n | Stated | Brier | ECE | Wrong above 0.8 |", "|---|---|---|---|---|---|"]
    whole = fitted(observed(points))
    rows: list[tuple[str, Sequence[Point], list[tuple[float, bool]]]] = [
        ("transplants, each fault left out", points, left_out(points))
    ]
    for name in dict.fromkeys(p.group for p in others):
        mine = [p for p in others if p.group == name]
        rows.append((name, mine, [(whole.at(p.strength), p.is_right) for p in mine]))
    for name, some, curved in rows:
        for way, stated in (("strength", [(p.strength, p.is_right) for p in some]), ("curve", curved)):
            one = judged(stated)
            lines.append(f"| {name} | {one.n} | {way} | {one.brier:.4f} | {one.ece:.4f} | {one.surely_wrong} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Observe, judge, and write the curve when asked to."""
    parser = argparse.ArgumentParser(prog="python -m evals.calibration", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds a folder for each set")
    parser.add_argument("--apps", type=int, default=2, help="applications that get each fault")
    parser.add_argument("--bases", type=int, default=1, help="healthy recordings of each system")
    parser.add_argument("--write", action="store_true", help="write graph/diagnosis/reliability.py")
    chosen = parser.parse_args(argv)
    points = list(of_transplants(chosen.data / "cloud-opsbench", apps=chosen.apps, bases=chosen.bases))
    others = [p for n in SETS if (chosen.data / n / "truth.jsonl").is_file() for p in of_set(n, chosen.data / n)]
    print(table(points, others))
    if chosen.write:
        Path(reliability.__file__).write_text(rendered(observed(points)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
