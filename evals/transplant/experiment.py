"""Runs transplanted faults through the product and says how often it names application and fault.

Three experiments: everything said (`all`), evidence hidden (`no events`, `no logs`, `no manifest`, `no words` without
events and logs, `half` of what was described and logged), and noise added (`noise`). Hidden evidence may make an answer
uncertain; it must not make it confidently wrong.
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evals.suites import cloud_opsbench
from evals.suites.files import read_object
from evals.transplant.faults import FAULTS, Fault
from evals.transplant.slowness import SLOWNESS
from evals.transplant.stores import STORE_FAULTS
from evals.transplant.tape import Tape
from evals.transplant.units import UNIT_FAULTS

CONFIDENT = 0.8
_TRACE = 0.3
"""Recordings in which no cause has this strength are taken for healthy."""
ALL: dict[str, Fault] = {**FAULTS, **STORE_FAULTS, **UNIT_FAULTS, **SLOWNESS}


class Outcome(NamedTuple):
    """One transplanted fault and what was answered."""

    fault: str
    hidden: str
    app: str
    expected: tuple[str, str]
    """Entity and cause in the words of the set."""
    answered: tuple[str, str]
    """Empty texts when there was no answer."""
    score: float
    strength: float | None = None
    """Of the cause that was answered; None where its score is no more than that, or there is none"""

    @property
    def is_right(self) -> bool:
        return self.expected == self.answered


def healthy(data: Path, *, most: int | None = None, each: int | None = None) -> list[tuple[str, Tape]]:
    """Recordings whose objects show no fault once what systems said is taken away, by case.

    Args:
        data: folder of the set.
        most: how many at most.
        each: how many of one system at most.
    """
    found: list[tuple[str, Tape]] = []
    labels = labels_of(data)
    for folder in sorted((data / "cases").iterdir()):
        tape = _read(folder).quiet()
        if each is not None and sum(other.namespace == tape.namespace for _, other in found) >= each:
            continue
        if all((a["score"] if a["strength"] is None else a["strength"]) < _TRACE for a in _answer(tape, labels)):
            found.append((folder.name, tape))
        if len(found) == most:
            break
    return found


class Planted(NamedTuple):
    """A fault that was put into a recording."""

    fault: str
    app: str
    expected: tuple[str, str]
    """Entity and cause in the words of the set."""
    before: Tape
    after: Tape
    rng: random.Random
    """For whatever else is to be chosen by chance"""


def outcomes(
    data: Path,
    *,
    faults: Mapping[str, Fault] = ALL,
    seed: int = 0,
    apps: int = 3,
    bases: int = 2,
    recordings: Sequence[tuple[str, Tape]] | None = None,
) -> Iterator[Outcome]:
    """Put each fault into some applications of some recordings, and ask, with each sort of evidence hidden in turn.

    Args: as those of `planted`.
    """
    labels = labels_of(data)
    for one in planted(data, faults=faults, seed=seed, apps=apps, bases=bases, recordings=recordings):
        for hidden, hide in HIDDEN.items():
            shown = Tape(one.after.answers, one.after.namespace)
            hide(shown, one.rng)
            ranked = _answer(shown, labels)
            top = ranked[0] if ranked else {}
            answered = (str(top.get("entity", "")), str(top.get("cause", "")))
            sure = float(top.get("score") or 0.0)
            yield Outcome(one.fault, hidden, one.app, one.expected, answered, sure, top.get("strength"))


def planted(
    data: Path,
    *,
    faults: Mapping[str, Fault] = ALL,
    seed: int = 0,
    apps: int = 3,
    bases: int = 2,
    recordings: Sequence[tuple[str, Tape]] | None = None,
) -> Iterator[Planted]:
    """Put each fault into some applications of some recordings.

    Args:
        data: folder of the set.
        faults: what to put in, by name.
        seed: of the choice of applications and wordings.
        apps: how many applications of a recording get each fault.
        bases: how many recordings of each system are used.
        recordings: those that are healthy, where they are known; all of the set are tried when None.
    """
    chosen: dict[str, list[Tape]] = defaultdict(list)
    for _, tape in healthy(data, each=bases) if recordings is None else recordings:
        chosen[tape.namespace].append(tape)
    for namespace in sorted(chosen):
        for base, tape in enumerate(chosen[namespace][:bases]):
            for name, fault in faults.items():
                rng = random.Random(f"{seed}/{namespace}/{base}/{name}")  # noqa: S311  (a choice of cases)
                yield from _of_fault(tape, name, fault, rng, apps)


def _of_fault(tape: Tape, name: str, fault: Fault, rng: random.Random, apps: int) -> Iterator[Planted]:
    candidates = tape.apps()
    first, others = candidates[0], rng.sample(candidates[1:], len(candidates) - 1)
    tried = 0
    for app in [first, *[a for a in candidates if "gateway" in a], *others]:
        changed = Tape(tape.answers, tape.namespace)
        kind = fault(changed, app, rng)
        if kind is None:
            continue
        yield Planted(name, app, _expected(kind, app, tape.namespace), tape, changed, rng)
        tried += 1
        if tried >= apps:
            return


def _expected(kind: str, app: str, namespace: str) -> tuple[str, str]:
    kind, _, place = kind.partition("@")
    if kind.startswith("quota:"):
        return f"namespace/{namespace}", cloud_opsbench.quota_name(kind.partition(":")[2]) or ""
    is_node = place and place != "tsdb-mysql"
    return f"{'node' if is_node else 'app'}/{place or app}", cloud_opsbench.CAUSES[kind]


def _nothing(tape: Tape, rng: random.Random) -> None:
    """Everything is shown."""


def _no_events(tape: Tape, rng: random.Random) -> None:  # noqa: ARG001
    for key, value in tape.answers.items():
        if key.startswith("DescribeResource") and isinstance(value, str):
            tape.answers[key] = re.sub(r"\nEvents:.*", "\nEvents:  <none>", value, flags=re.DOTALL)
        elif '"resource_type":"events"' in key:
            tape.answers[key] = ""


def _no_logs(tape: Tape, rng: random.Random) -> None:  # noqa: ARG001
    for key in tape.answers:
        if key.startswith("GetErrorLogs"):
            tape.answers[key] = ""


def _no_manifest(tape: Tape, rng: random.Random) -> None:  # noqa: ARG001
    for key in [k for k in tape.answers if k.startswith("GetAppYAML")]:
        del tape.answers[key]


def _no_words(tape: Tape, rng: random.Random) -> None:
    """Neither events nor logs: what the objects themselves show."""
    _no_events(tape, rng)
    _no_logs(tape, rng)


def _half(tape: Tape, rng: random.Random) -> None:
    """Every other object was not described, and every other log not read."""
    for key in [k for k in tape.answers if k.startswith(("DescribeResource", "GetErrorLogs"))]:
        if rng.random() < _LOST:
            del tape.answers[key]


_LOST = 0.5
_NOISE = (
    "WARN retrying request after connection reset by peer",
    "ERROR user 4711 not found",
    "INFO cache miss ratio 0.2",
    "ERROR [create][Create order error][Already exists][OrderId: null]",
    "context deadline exceeded while exporting spans to otel-collector:4317",
    "WARN slow query took 1200 ms",
)


def _noise(tape: Tape, rng: random.Random) -> None:
    """Old restarts, old events and chatter of services that have nothing to do with it."""
    for app in rng.sample(tape.apps(), 5):
        key = f'GetErrorLogs:{{"namespace":"{tape.namespace}","service_name":"{app}"}}'
        if not tape.answers.get(key):
            tape.answers[key] = {"app": rng.sample(_NOISE, 2)}
        for pod in tape.pods(app):
            name = f'"resource_type":"pods","name":"{pod}"'
            for one, value in tape.answers.items():
                if name in one and one.startswith("DescribeResource") and "Ready:          True" in str(value):
                    old = (
                        "  Warning  Unhealthy  42m (x2 over 43m)  kubelet  Readiness probe failed: connection refused\n"
                    )
                    tape.answers[one] = re.sub(r"Restart Count:  0", "Restart Count:  1", str(value)) + old


def _shuffled(tape: Tape, rng: random.Random) -> None:
    """Another order, other times: nothing of a recording's form may matter."""
    items = list(tape.answers.items())
    rng.shuffle(items)
    tape.answers = {k: v for k, v in items if k != "collection_timestamp" and "output_wide" not in k}


HIDDEN: dict[str, Callable[[Tape, random.Random], None]] = {
    "all": _nothing,
    "no events": _no_events,
    "no logs": _no_logs,
    "no manifest": _no_manifest,
    "no words": _no_words,
    "half": _half,
    "noise": _noise,
    "shuffled": _shuffled,
}


def _read(folder: Path) -> Tape:
    namespace = json.loads((folder / "query.json").read_text(encoding="utf-8"))["namespace"]
    return Tape(read_object(folder / "tool_cache.json", needs=()), namespace)


def labels_of(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((data / "labels.json").read_text(encoding="utf-8"))
    return found


def posed(tape: Tape, labels: Mapping[str, Any]) -> cloud_opsbench.Case:
    """Return what a recording says as a case of the set, read by the set's own adapter."""
    return cloud_opsbench.posed("Something is wrong.", tape.namespace, tape.answers, labels)


def _answer(tape: Tape, labels: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloud_opsbench.SUITE.answer(posed(tape, labels), None)["ranked"]
    return found
