"""What `plumbline eval` does: runs a set with a progress bar, and says how it went."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agents.model import Model
from evals.run import Finished, case_folders, run, write
from evals.suites import SETS, suite_of


def run_set(name: str, *, data: Path, out: Path, model: Model | None = None) -> list[Finished]:
    """Run one set and write its predictions.

    Args:
        name: one of `evals.suites.SETS`.
        data: folder that holds `cases/<id>/`.
        out: file to write, JSON lines.
        model: used by the deeper step; None: none is.

    Raises:
        NotFound: there is no such set, or it has no cases.
    """
    suite = suite_of(name)
    total = len(case_folders(data))
    finished = []
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{name}: {SETS[name]}", total=total)
        for one in run(suite, data, model=model):
            finished.append(one)
            bar.advance(task)
    write(finished, out)
    return finished


def summary(name: str, finished: list[Finished], out: Path) -> str:
    """One line for people: how many cases were run, how long one took, how many failed and where the first did."""
    failed = [f for f in finished if f.error]
    seconds = sorted(f.prediction["elapsed_s"] for f in finished)
    text = f"{name}: {len(finished)} cases, median {seconds[len(seconds) // 2]:.3f} s, written to {out}"
    return text if not failed else f"{text}; {len(failed)} failed, the first: {failed[0].case}: {failed[0].error}"
