"""Runs transplanted faults through the product and says how often it names application and fault.

Three experiments: everything said (`all`), one source of evidence hidden (`no events`, `no logs`, `no describe`), and
noise added (`noise`). Hidden evidence may make an answer uncertain; it must not make it confidently wrong.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import tempfile
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
"""Recordings in which nothing is thought more likely than this are taken for healthy."""
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

    @property
    def is_right(self) -> bool:
        return self.expected == self.answered


def healthy(data: Path, *, most: int | None = None) -> list[tuple[str, Tape]]:
    """Recordings whose objects show no fault once what systems said is taken away, by case; at most so many."""
    found: list[tuple[str, Tape]] = []
    for folder in sorted((data / "cases").iterdir()):
        tape = _read(folder).quiet()
        if all(float(a["score"]) < _TRACE for a in _answer(tape, _labels(data))):
            found.append((folder.name, tape))
        if len(found) == most:
            break
    return found


def outcomes(
    data: Path,
    *,
    faults: Mapping[str, Fault] = ALL,
    seed: int = 0,
    apps: int = 3,
    bases: int = 2,
    recordings: Sequence[tuple[str, Tape]] | None = None,
) -> Iterator[Outcome]:
    """Put each fault into some applications of some recordings, and ask.

    Args:
        data: folder of the set.
        faults: what to put in, by name.
        seed: of the choice of applications and wordings.
        apps: how many applications of a recording get each fault.
        bases: how many recordings of each system are used.
        recordings: those that are healthy, where they are known; all of the set are tried when None.
    """
    labels, chosen = _labels(data), defaultdict(list)
    for _, tape in healthy(data) if recordings is None else recordings:
        chosen[tape.namespace].append(tape)
    for namespace in sorted(chosen):
        for base, tape in enumerate(chosen[namespace][:bases]):
            for name, fault in faults.items():
                rng = random.Random(f"{seed}/{namespace}/{base}/{name}")  # noqa: S311  (a choice of cases)
                yield from _of_fault(tape, name, fault, rng, labels, apps)


def _of_fault(
    tape: Tape, name: str, fault: Fault, rng: random.Random, labels: dict[str, Any], apps: int
) -> Iterator[Outcome]:
    candidates = tape.apps()
    first, others = candidates[0], rng.sample(candidates[1:], len(candidates) - 1)
    tried = 0
    for app in [first, *[a for a in candidates if "gateway" in a], *others]:
        changed = Tape(tape.answers, tape.namespace)
        kind = fault(changed, app, rng)
        if kind is None:
            continue
        expected = _expected(kind, app, tape.namespace)
        for hidden, hide in HIDDEN.items():
            shown = Tape(changed.answers, changed.namespace)
            hide(shown, rng)
            ranked = _answer(shown, labels)
            top = ranked[0] if ranked else {}
            answered = (str(top.get("entity", "")), str(top.get("cause", "")))
            yield Outcome(name, hidden, app, expected, answered, float(top.get("score") or 0.0))
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
    "noise": _noise,
    "shuffled": _shuffled,
}


def _read(folder: Path) -> Tape:
    namespace = json.loads((folder / "query.json").read_text(encoding="utf-8"))["namespace"]
    return Tape(read_object(folder / "tool_cache.json", needs=()), namespace)


def _labels(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((data / "labels.json").read_text(encoding="utf-8"))
    return found


def _answer(tape: Tape, labels: dict[str, Any]) -> list[dict[str, Any]]:
    """Write a case in the layout of the set, and run the set's own adapter on it."""
    folder = Path(tempfile.mkdtemp(prefix="transplant-"))
    try:
        (folder / "query.json").write_text(json.dumps({"query": "Something is wrong.", "namespace": tape.namespace}))
        (folder / "tool_cache.json").write_text(json.dumps(tape.answers), encoding="utf-8")
        found: list[dict[str, Any]] = cloud_opsbench.SUITE.answer(cloud_opsbench.SUITE.load(folder, labels), None)[
            "ranked"
        ]
        return found
    finally:
        shutil.rmtree(folder)
