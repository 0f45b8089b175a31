"""Plots of the report. Needs matplotlib (extra `evals`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib

from evals.figures import reliability, summaries
from evals.parts import WHOLE
from evals.published import PUBLISHED

if TYPE_CHECKING:
    from evals.report import SetResult

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.figure import Figure

_OURS, _THEIRS = "#14507a", "#b3541e"
_SERIES = (_OURS, _THEIRS, "#4f7f3f", "#7a4f9a", "#6b7682")


def draw(results: Sequence[SetResult], out: Path) -> dict[str, str]:
    """Draw the plots into a folder; return their file names by what they show."""
    return {"overview": _overview(results, out), "reliability": _reliability(results, out)}


def draw_ablation(ablated: Mapping[str, Any], out: Path) -> dict[str, str]:
    """Draw the share right of each variant by set, of those that have something to take away."""
    rows = [o for o in ablated["outcomes"] if o["variant"] == WHOLE or o["touched"]]
    sets = [name for name in dict.fromkeys(o["set"] for o in rows) if sum(o["set"] == name for o in rows) > 1]
    variants = list(dict.fromkeys(o["variant"] for o in rows))
    figure, axes = pyplot.subplots(figsize=(8, 0.75 * len(sets) + 1.6))
    for index, variant in enumerate(variants):
        mine = {o["set"]: o for o in rows if o["variant"] == variant and o["set"] in sets}
        places = [sets.index(name) + 0.15 * (index - (len(variants) - 1) / 2) for name in mine]
        values = [o["right"]["value"] for o in mine.values()]
        ends = [
            [abs(v - o["right"]["interval"][i]) for v, o in zip(values, mine.values(), strict=True)] for i in (0, 1)
        ]
        axes.errorbar(
            values, places, xerr=ends, fmt="o", markersize=4, color=_SERIES[index % len(_SERIES)], label=variant
        )
    counts = {o["set"]: o["n"] for o in rows}
    axes.set_yticks(range(len(sets)), [f"{name} (n={counts[name]})" for name in sets])
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("share right, 95 % interval")
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
    return {"ablation": _save(figure, out / "ablation.png")}


def _overview(results: Sequence[SetResult], out: Path) -> str:
    """Headline figures with intervals, the best published one of the same name as a mark."""
    figure, axes = pyplot.subplots(figsize=(8, 0.6 * len(results) + 1.2))
    for row, result in enumerate(results):
        first = summaries(result.scores)[0]
        axes.plot([first.low, first.high], [row, row], color=_OURS, linewidth=2)
        axes.plot(first.value, row, "o", color=_OURS, label="Plumbline, 95 % interval" if row == 0 else None)
        theirs = [p.value for p in PUBLISHED.get(result.name, ()) if p.figure.startswith(first.name)]
        if theirs:
            axes.plot(max(theirs), row, "D", color=_THEIRS, label="best published" if row == 0 else None)
    axes.set_yticks(range(len(results)), [f"{r.name}: {summaries(r.scores)[0].name}" for r in results])
    axes.set_xlim(0, 1.02)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower left", fontsize=8)
    return _save(figure, out / "overview.png")


def _reliability(results: Sequence[SetResult], out: Path) -> str:
    """Share of right answers against stated confidence; on the line the two are equal."""
    figure, axes = pyplot.subplots(figsize=(5, 4))
    bins = reliability(s for r in results for s in r.scores)
    axes.plot([0, 1], [0, 1], color="#9aa7b4", linewidth=1)
    axes.scatter([b.confidence for b in bins], [b.right for b in bins], s=[20 + 4 * b.n for b in bins], color=_OURS)
    for one in bins:
        axes.annotate(
            f"n={one.n}", (one.confidence, one.right), fontsize=8, xytext=(4, -12), textcoords="offset points"
        )
    axes.set_xlabel("stated confidence")
    axes.set_ylabel("share right")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.05)
    return _save(figure, out / "reliability.png")


def _save(figure: Figure, path: Path) -> str:
    figure.tight_layout()
    # No time of writing in the file: the same figures give the same bytes.
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)
    return path.name
