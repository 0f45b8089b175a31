"""`python -m evals.baselines --data DIR --out DIR`: published methods on the sets whose cases are metrics.

Runs in an environment of its own with `evals/baselines/requirements.txt` (see docs/evaluation.md). The report of
`plumbline eval report --predictions DIR` then holds them beside the product. What can't be imported is named.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evals.baselines import FOLDER
from evals.baselines.methods import METHODS
from evals.baselines.tables import TABLES, Table
from graph.errors import PlumblineError

_SHOWN = 10


def main(argv: list[str] | None = None) -> int:
    """Run every method on every set that is there; 1 when there was nothing to run."""
    parser = argparse.ArgumentParser(prog="python -m evals.baselines", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds a folder for each set")
    parser.add_argument("--out", type=Path, required=True, help="folder of predictions, as for `plumbline eval report`")
    chosen = parser.parse_args(argv)
    usable = {name: method for name, (package, method) in METHODS.items() if find_spec(package)}
    for name in METHODS.keys() - usable.keys():
        print(f"skipped: {name}: the package {METHODS[name][0]} can't be imported here")
    written = 0
    for set_name, read in TABLES.items():
        folders = sorted(p for p in (chosen.data / set_name / "cases").glob("*") if p.is_dir())
        if not folders:
            print(f"skipped: {set_name}: there are no cases in {chosen.data / set_name / 'cases'}")
            continue
        for name, method in usable.items():
            path = chosen.out / FOLDER / set_name / f"{name}.jsonl"
            lines = list(predictions(set_name, folders, read, method))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines), encoding="utf-8")
            failed = [line for line in lines if "error" in line]
            told = f"; {len(failed)} failed, the first: {failed[0]['case']}: {failed[0]['error']}" if failed else ""
            print(f"{set_name}: {name}: {len(lines)} cases, written to {path}{told}")
            written += 1
    return 0 if written else 1


def predictions(
    set_name: str, folders: list[Path], read: Callable[[Path], Table], method: Callable[[Table], list[str]]
) -> Iterator[dict[str, Any]]:
    """Yield one prediction for each case in the words of its set, also for those that fail."""
    for folder in folders:
        begun = time.process_time()
        try:
            ranked = method(read(folder))[:_SHOWN]
        except (PlumblineError, ArithmeticError, KeyError, IndexError, ValueError) as error:
            yield {"case": folder.name, "abstained": True, "error": f"{type(error).__name__}: {error}"}
            continue
        answer: dict[str, Any] = {"ranked": [{"entity": place, "score": None} for place in ranked]}
        if set_name == "changerca":
            answer = {"release": ranked}
        yield {"case": folder.name, "abstained": not ranked, "cpu_s": time.process_time() - begun, **answer}


if __name__ == "__main__":
    raise SystemExit(main())
