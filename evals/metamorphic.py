"""Does what means the same stay silent, and is one change found alone? `python -m evals.metamorphic` prints the table.

Every object of the public estates is held as a server would hold it, written in one of the usual ways and spelled
anew: no finding may come of it. Then one thing is altered: exactly that must be found. The stand-in for the server is
written apart from the product's own knowledge of defaults. Two simple differs are asked the same.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evals.drift.estates import document, estates
from evals.drift.mutation import Mutation, is_found, mutate
from evals.drift.ownership import WAYS, owned, taken
from evals.drift.server import newer, serve
from evals.drift.simple import SIMPLE
from evals.drift.spelling import SPELLINGS
from graph.document import get, pointer
from graph.drift import Finding, compare

Object = dict[str, Any]

PLAIN = "no owner known"
HISTORIES = (PLAIN, *WAYS)
"""How the object came to be, as far as it tells: dumps often lack managedFields."""
NEWER = 0.2
"""Share of the objects that are held by a server with fields and defaults that no schema of today has."""


@dataclass(slots=True)
class Tally:
    """Counts over checks."""

    untouched: Counter[str] = field(default_factory=Counter)
    """By kind: checks in which nothing was altered."""
    alarms: list[str] = field(default_factory=list)
    """What was found there all the same."""
    altered: Counter[str] = field(default_factory=Counter)
    exact: Counter[str] = field(default_factory=Counter)
    """By kind: the one finding, at its path."""
    wrong: list[str] = field(default_factory=list)
    simple_alarms: Counter[str] = field(default_factory=Counter)
    """By simple differ: untouched checks in which it found something."""
    simple_exact: Counter[str] = field(default_factory=Counter)
    simple_checks: int = 0

    @property
    def is_right(self) -> bool:
        return not self.alarms and not self.wrong


def evaluate(bodies_by_estate: Mapping[str, Iterable[Object]], seeds: Iterable[int]) -> Tally:
    """Run both checks for every object and seed."""
    tally = Tally()
    for seed in seeds:
        for estate, bodies in bodies_by_estate.items():
            for number, body in enumerate(bodies):
                _check(body, random.Random(f"{seed} {estate} {number}"), tally)  # noqa: S311  (repeatable on purpose)
    return tally


def _check(body: Object, chooser: random.Random, tally: Tally) -> None:
    kind = str(body["kind"])
    history = chooser.choice(HISTORIES)
    served = serve(body)
    if chooser.random() < NEWER:
        served = newer(served)
    held = served if history == PLAIN else owned(served, body, history)
    spelled = _spelled(held, chooser)
    found = findings(body, spelled)
    tally.untouched[kind] += 1
    tally.alarms += [f"{kind} {body['metadata']['name']} ({history}): {_told(f)}" for f in found]
    mutation = mutate(body, held, chooser)
    for name, differ in SIMPLE.items():
        tally.simple_alarms[name] += bool(next(differ(body, spelled), None))
    tally.simple_checks += 1
    if mutation is None:
        return
    changed = mutation.body if history == PLAIN else taken(mutation.body, _written(mutation))
    found = findings(body, _spelled(changed, chooser))
    tally.altered[kind] += 1
    if len(found) == 1 and is_found(mutation, found[0].path, body):
        tally.exact[kind] += 1
    else:
        told = ", ".join(map(_told, found)) or "nothing"
        where = f"{kind} {body['metadata']['name']} ({history})"
        tally.wrong.append(f"{where}: {mutation.what} {mutation.path}: found {told}")
    for name, differ in SIMPLE.items():
        paths = list(differ(body, mutation.body))
        tally.simple_exact[name] += len(paths) == 1 and is_found(mutation, paths[0], body)


def findings(declared: Object, live: Object) -> tuple[Finding, ...]:
    """What the product finds between one declared object and one that runs."""
    return compare(intended=[document(declared)], applied=None, actual=[document(live)]).findings


def _written(mutation: Mutation) -> str:
    """Place that the writer owns afterwards: the new member of a collection, or what was changed."""
    if mutation.what != "added":
        return mutation.path
    collection: Any = get(mutation.body, mutation.path)
    last = len(collection) - 1 if isinstance(collection, list) else list(collection)[-1]
    return mutation.path + pointer(last)


def _spelled(body: Object, chooser: random.Random) -> Object:
    for change in SPELLINGS.values():
        body = change(body, chooser)
    return body


def _told(finding: Finding) -> str:
    return f"{finding.verdict.value} {finding.path}"


def report(tally: Tally) -> list[str]:
    """Lines of the table, by kind and in all."""
    lines = [f"{'kind':24} {'untouched':>10} {'altered':>9} {'exact':>9}"]
    kinds = [*(kind for kind, _ in tally.untouched.most_common()), ""]
    for kind in kinds:
        counts = [c[kind] if kind else c.total() for c in (tally.untouched, tally.altered, tally.exact)]
        lines.append(f"{kind or 'all':24} {counts[0]:10,} {counts[1]:9,} {counts[2]:9,}")
    untouched, altered = tally.untouched.total(), tally.altered.total()
    lines.append(
        f"plumbline: {len(tally.alarms)} false alarms in {untouched:,}; {tally.exact.total():,} of {altered:,} exact"
    )
    for name in SIMPLE:
        alarms, exact = tally.simple_alarms[name], tally.simple_exact[name]
        lines.append(
            f"{name}: {alarms:,} of {tally.simple_checks:,} untouched raise an alarm; {exact:,} of {altered:,} exact"
        )
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Print the table and the first failures; 1 when there are any."""
    parser = argparse.ArgumentParser(prog="python -m evals.metamorphic", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("PLUMBLINE_SHARED", "../shared")) / "data")
    parser.add_argument("--seeds", type=int, default=8, help="how often each object is tried")
    parser.add_argument("--show", type=int, default=20, help="how many failures are shown")
    options = parser.parse_args(arguments)
    tally = evaluate(estates(options.data), range(options.seeds))
    print("\n".join([*report(tally), *tally.alarms[: options.show], *tally.wrong[: options.show]]))
    return 0 if tally.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
