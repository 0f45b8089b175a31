"""What `plumbline eval` does: runs a set with a progress bar, and says how it went."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agents.model import Model
from evals.ablation import FILE
from evals.run import Finished, case_folders, run, write
from evals.suites import SETS, suite_of
from graph.errors import Invalid, NotFound, PlumblineError


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


def run_all(data: Path, out: Path, *, model: Model | None = None) -> tuple[list[str], bool]:
    """Run every set that is below a folder, and write predictions and the report.

    Args:
        data: folder that holds a folder for each set, by its name.
        out: folder to write into.
        model: as for `run_set`.

    Returns:
        Lines for people, and whether everything went well: no case failed and at least one set was there.
    """
    lines, is_good = [], True
    for name in SETS:
        if not (data / name / "cases").is_dir():
            continue
        found = out / f"{name}.jsonl"
        try:
            finished = run_set(name, data=data / name, out=found, model=model)
        except PlumblineError as error:
            # The other sets go on: a run of an hour must not end for one folder without cases.
            lines.append(f"{name}: not run: {error}")
            is_good = False
            continue
        is_good &= not any(f.error for f in finished)
        lines.append(summary(name, finished, found))
    try:
        written, absent = report(data, out, out, model=model.name if model else "")
    except Invalid as error:
        # Answers are not needed to predict; where some are there, a report that can't be written is a failure.
        has_answers = any((data / name / "truth.jsonl").is_file() for name in SETS)
        return [*lines, f"no report: {error}"], is_good and not has_answers
    lines += [f"{name}: {reason}" for name, reason in absent.items()]
    return [*lines, *(f"written: {path}" for path in written)], is_good


def report(data: Path, found: Path, out: Path, *, model: str = "") -> tuple[tuple[Path, Path], dict[str, str]]:
    """Write the report of predictions that were made before.

    Args:
        data: folder that holds a folder for each set, with its answers.
        found: folder of `<set>.jsonl` files.
        out: folder to write into.
        model: name of the model that took part.

    Returns:
        The files written, and the sets that are not in the report with the reason of each.

    Raises:
        NotFound: no set is there at all.
        Invalid: predictions of a set are missing or incomplete, or no set has answers.
    """
    from evals.report import evaluate, write_report

    present = [name for name in SETS if any(p.is_dir() for p in (data / name / "cases").glob("*"))]
    if not present:
        raise NotFound(f"no set in {str(data)!r}: it should hold folders such as {', '.join(list(SETS)[:3])}")
    absent = {name: f"skipped, there are no cases in {data / name / 'cases'}" for name in SETS if name not in present}
    absent |= {n: "not scored, it has no truth.jsonl" for n in present if not (data / n / "truth.jsonl").is_file()}
    scored = [name for name in present if name not in absent]
    if not scored:
        raise Invalid("no set has a truth.jsonl to compare with", where=str(data))
    results = [replace(evaluate(n, data / n, found / f"{n}.jsonl"), model=model) for n in scored]
    return write_report(results, absent, out, ablated=_ablated(found)), absent


def _ablated(found: Path) -> Any:
    """What `plumbline eval ablation` wrote into a folder; None where it did not."""
    path = found / FILE
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError) as error:
        raise Invalid(f"not JSON: {error}", where=str(path)) from error


def summary(name: str, finished: list[Finished], out: Path) -> str:
    """One line for people: how many cases were run, how long one took, how many failed and where the first did."""
    failed = [f for f in finished if f.error]
    seconds = sorted(f.prediction["elapsed_s"] for f in finished)
    text = f"{name}: {len(finished)} cases, median {seconds[len(seconds) // 2]:.3f} s, written to {out}"
    return text if not failed else f"{text}; {len(failed)} failed, the first: {failed[0].case}: {failed[0].error}"
