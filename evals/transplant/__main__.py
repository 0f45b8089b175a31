"""`python -m evals.transplant --data DIR`: transplanted faults by kind, and what confidence is worth on them."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import defaultdict
from pathlib import Path

from evals.transplant.experiment import ALL, CONFIDENT, HIDDEN, Outcome, outcomes

_BANDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.01)


def main(argv: list[str] | None = None) -> int:
    """Run the experiments and print a table of shares right and one of confidence."""
    parser = argparse.ArgumentParser(prog="python -m evals.transplant", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the set, with cases/ and labels.json")
    parser.add_argument("--apps", type=int, default=3, help="applications that get each fault")
    parser.add_argument("--bases", type=int, default=1, help="healthy recordings of each system")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault", action="append", choices=sorted(ALL), help="only this fault; may be repeated")
    chosen = parser.parse_args(argv)
    faults = {name: ALL[name] for name in chosen.fault or ALL}
    found = []
    for outcome in outcomes(chosen.data, faults=faults, seed=chosen.seed, apps=chosen.apps, bases=chosen.bases):
        found.append(outcome)
        if not outcome.is_right and outcome.score >= CONFIDENT:
            print("confidently wrong:", outcome, file=sys.stderr)
    print(by_fault(found))
    print(by_confidence(found))
    return 0


def by_fault(found: list[Outcome]) -> str:
    """A table: faults down, what is hidden across, each cell right of tried."""
    cells: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for one in found:
        cells[one.fault, one.hidden].append(one.is_right)
        cells["all faults", one.hidden].append(one.is_right)
    lines = ["| fault | " + " | ".join(HIDDEN) + " |", "|---|" + "---|" * len(HIDDEN)]
    for fault in dict.fromkeys([*(one.fault for one in found), "all faults"]):
        shares = [cells.get((fault, hidden), []) for hidden in HIDDEN]
        lines.append(f"| {fault} | " + " | ".join(f"{sum(s)}/{len(s)}" for s in shares) + " |")
    return "\n".join(lines)


def by_confidence(found: list[Outcome]) -> str:
    """A reliability table: how often answers of a confidence are right."""
    lines = ["| confidence | answers | right |", "|---|---|---|"]
    for low, high in itertools.pairwise(_BANDS):
        band = [one for one in found if one.answered[0] and low <= one.score < high]
        if band:
            right = sum(one.is_right for one in band)
            lines.append(f"| {low:.1f} to {min(high, 1.0):.1f} | {len(band)} | {right / len(band):.2f} |")
    wrong = sum(not one.is_right and one.score >= CONFIDENT for one in found)
    lines.append(f"\nconfidently wrong (from {CONFIDENT}): {wrong} of {len(found)}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
