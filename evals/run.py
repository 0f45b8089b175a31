"""Runs the cases of a set one after another and writes one prediction for each, also for those that fail."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agents.model import Model
from evals.suite import Prediction, Suite
from evals.suites.files import read_object
from graph.errors import NotFound, PlumblineError


class Finished(NamedTuple):
    """One case that was run."""

    case: str
    prediction: Prediction
    """Has `case`, `elapsed_s` (from parsed case to answer) and `parse_s`; `error` when it failed."""

    @property
    def error(self) -> str:
        return str(self.prediction.get("error", ""))


def case_folders(data: Path) -> list[Path]:
    """Return the folders of all cases below `data/cases`, in the order of their names.

    Raises:
        NotFound: there is none.
    """
    cases = sorted(p for p in (data / "cases").glob("*") if p.is_dir())
    if not cases:
        raise NotFound(f"no cases in {str(data / 'cases')!r}: --data names a folder that holds cases/<id>/")
    return cases


def run(suite: Suite, data: Path, *, model: Model | None = None) -> Iterator[Finished]:
    """Run all cases of a set, in order; a case stands alone and nothing is carried from one to another."""
    labels = _labels(data)
    for folder in case_folders(data):
        yield Finished(folder.name, {"case": folder.name, **_one(suite, folder, labels, model)})


def write(finished: Sequence[Finished], out: Path) -> None:
    """Write predictions as JSON lines, keys sorted."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps(f.prediction, sort_keys=True) + "\n" for f in finished), encoding="utf-8")


def _one(suite: Suite, folder: Path, labels: dict[str, Any], model: Model | None) -> Prediction:
    begun = time.perf_counter()
    try:
        case = suite.load(folder, labels)
        parsed = time.perf_counter()
        answer = suite.answer(case, model)
    except Exception as error:  # a case is a run of its own: one that fails is a line with its error
        return {"abstained": True, "error": _words(error), "elapsed_s": _since(begun)}
    # What a model takes stands apart: the answer does not wait for it.
    elapsed = _since(parsed) - float(answer.get("model_s") or 0.0)
    return {**answer, "elapsed_s": round(max(0.0, elapsed), 4), "parse_s": round(parsed - begun, 4)}


def _words(error: Exception) -> str:
    """What our own errors say is for people; of others the type tells most."""
    return str(error) if isinstance(error, PlumblineError) else f"{type(error).__name__}: {error}"


def _since(begun: float) -> float:
    return round(time.perf_counter() - begun, 4)


def _labels(data: Path) -> dict[str, Any]:
    return read_object(data / "labels.json")
