"""Does Plumbline name the change that took a permission away? `python -m evals.permissions` prints the table.

Each way to lose the permission runs by deployment, by hand, and by hand with a hole in the audit stream where the
change was. Beside it, in the same minute, somebody else makes a harmless change. Estate, git and logs are on disk, and
are read by the adapters of the product at two times.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from evals.permission_estate import DEPLOYER, DEPLOYERS, FIRST, LOST, SECOND, Estate
from evals.permission_scenarios import SCENARIOS, Scenario, build
from graph.access.explanation import PermissionExplanation, Taker, explain_permission
from graph.change import Channel
from graph.document import Json
from graph.environment import EnvironmentGraph, SourceState
from graph.kinds.aws.canonical import equivalent
from graph.lookup import find
from graph.place import opened, read
from graph.relations import derive
from graph.resource import Facet
from graph.version import Document, Snapshot, Version

VARIANTS = ("deployment", "by hand", "gap")
PERSON, ANOTHER = "ann@example.com", "bob@example.com"
CHECKS = ("cause", "time", "actor", "channel", "values", "decoy", "revert")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one scenario was answered."""

    scenario: Scenario
    variant: str
    checks: dict[str, bool]
    summary: str
    elapsed_s: float
    """From the graph to the answer."""

    @property
    def is_right(self) -> bool:
        return all(self.checks.values())


def evaluate(scenarios: Iterable[Scenario] = SCENARIOS, variants: Iterable[str] = VARIANTS) -> Iterator[Result]:
    """Run scenarios, each in all variants."""
    chosen = tuple(variants)
    for scenario in scenarios:
        for variant in chosen:
            with tempfile.TemporaryDirectory() as folder:
                yield run(Path(folder), scenario, variant)


def run(root: Path, scenario: Scenario, variant: str) -> Result:
    """Play one scenario on disk, ask why, and judge the answer."""
    _, graph = played(root, scenario, variant)
    begun = time.perf_counter()
    service = find(graph, scenario.service)
    answer = explain_permission(graph, service, "kms:Decrypt", scenario.target, deployers=DEPLOYERS)
    elapsed = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as folder:
        harmless = played(Path(folder), scenario, variant, loses=False)[1]
    checks = judged(answer, scenario, variant, harmless)
    return Result(scenario=scenario, variant=variant, checks=checks, summary=answer.summary, elapsed_s=elapsed)


def played(root: Path, scenario: Scenario, variant: str, *, loses: bool = True) -> tuple[Estate, EnvironmentGraph]:
    """Write the estate, let the harmless change and the loss happen, and read it before and after."""
    estate = build(root, scenario)
    prepare = getattr(scenario.lose, "prepare", None)
    if prepare:
        prepare(estate, PERSON)
    estate.commit("The shop", FIRST - timedelta(days=2))
    estate.write()
    ledger = Ledger()
    ledger.take(estate.read(FIRST))
    happen(estate, scenario, variant, loses=loses)
    estate.write()
    ledger.take(estate.read(SECOND))
    return estate, ledger.graph(estate, SECOND + timedelta(minutes=1))


def happen(estate: Estate, scenario: Scenario, variant: str, *, loses: bool = True) -> None:
    """The harmless change by one, the loss by the other: one of them deploys, the other works by hand."""
    deploys = variant == "deployment"
    scenario.decoy(estate, ANOTHER if deploys else DEPLOYER)
    if not deploys:
        estate.run(estate.commit("Harmless", LOST - timedelta(minutes=5)))
    if not loses:
        return
    before = len(estate.trail), len(estate.audit)
    scenario.lose(estate, DEPLOYER if deploys else PERSON)
    if variant == "gap":
        kept = [r for r in estate.trail[before[0] :] if r["eventTime"] < f"{FIRST:%Y-%m-%dT%H:%M:%SZ}"]
        estate.trail[before[0] :] = kept
        del estate.audit[before[1] :]
    if deploys:
        estate.run(estate.commit("Tidy up permissions", LOST - timedelta(minutes=5)))


def judged(
    answer: PermissionExplanation, scenario: Scenario, variant: str, harmless: EnvironmentGraph
) -> dict[str, bool]:
    """Judge each part of an answer; `harmless` is the same world in which the permission was not lost."""
    blamed = [t for t in answer.takers if t.is_decisive]
    if len(answer.takers) != 1 or not blamed:
        return dict.fromkeys(CHECKS, False)
    taker = blamed[0]
    change, revert = taker.change, taker.revert
    channel = {"deployment": Channel.DEPLOYMENT, "by hand": Channel.BY_HAND, "gap": Channel.UNKNOWN}[variant]
    actor = {"deployment": DEPLOYER, "by hand": PERSON, "gap": ""}[variant]
    named = change.actor.name if change.actor else ""
    is_cluster = change.uid.startswith("k8s://") and variant == "deployment"
    return {
        "cause": change.uid.endswith(scenario.blamed) and change.path == scenario.field,
        "time": _is_time(change.earliest, change.latest, variant),
        "actor": named == actor or (is_cluster and named in DEPLOYERS),
        "channel": change.channel is channel,
        "values": change.before != change.after
        and (not _is_policy(change.before) or bool(taker.removed or taker.added)),
        "decoy": all(n.change.id not in change.evidence for n in answer.not_blamed),
        "revert": _restores(taker, harmless) and revert.before != revert.after,
    }


def _is_time(earliest: datetime | None, latest: datetime, variant: str) -> bool:
    if variant == "gap":
        return earliest is not None and FIRST <= earliest <= LOST <= latest <= SECOND
    return earliest is not None and LOST - timedelta(seconds=1) <= earliest <= latest <= LOST


def _is_policy(value: Json) -> bool:
    return isinstance(value, dict) and "Statement" in value


def _restores(taker: Taker, harmless: EnvironmentGraph) -> bool:
    """Whether the revert gives the value that holds where the permission was not lost, and a way to write it."""
    revert = taker.revert
    body = harmless.body(revert.resource, Facet.ACTUAL)
    if body is None:
        # What the loss itself brought, such as an attachment, is to be taken away again.
        return not revert.after and bool(revert.calls)
    if not revert.calls and revert.plan is None:
        return False
    if not revert.path:
        return bool(revert.after)
    wanted = opened(read(body, revert.path))
    if isinstance(wanted, dict) and isinstance(revert.after, dict):
        return equivalent(wanted, revert.after)
    return revert.after in (wanted, "Enabled" if wanted is True else wanted) or str(wanted).endswith(f"/{revert.after}")


class Ledger:
    """Versions of documents as readings follow each other; the store of the product keeps them in a database."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, Facet], Version] = {}
        self._closed: list[Version] = []
        self._sources: dict[tuple[str, Facet], SourceState] = {}

    def take(self, snapshots: Iterable[Snapshot]) -> None:
        """Take a reading of each source."""
        for snapshot in snapshots:
            state = SourceState(snapshot.source, snapshot.facet, snapshot.taken_at, "")
            self._sources[snapshot.source, snapshot.facet] = state
            seen = {d.resource.uid for d in snapshot.documents}
            for document in snapshot.documents:
                self._one(document, snapshot)
            for key, version in list(self._held.items()):
                if version.source == snapshot.source and key[1] is snapshot.facet and key[0] not in seen:
                    self._closed.append(replace(self._held.pop(key), valid_to=snapshot.taken_at))

    def graph(self, estate: Estate, as_of: datetime) -> EnvironmentGraph:
        """Build the graph from the versions and from all logs."""
        held = list(self._held.values())
        documents = [Document(resource=v.resource, body=v.body) for v in held]
        changes = [c for log in estate.logs() for c in log.changes(None).changes]
        return EnvironmentGraph(
            name="demo",
            as_of=as_of,
            versions=held,
            history=[*self._closed, *held],
            relations=derive(documents),
            changes=changes,
            sources=self._sources.values(),
        )

    def _one(self, document: Document, snapshot: Snapshot) -> None:
        key, at = (document.resource.uid, snapshot.facet), snapshot.taken_at
        known = self._held.get(key)
        if known is not None and known.body == document.body:
            self._held[key] = replace(known, last_seen=at)
            return
        if known is not None:
            self._closed.append(replace(known, valid_to=at))
        self._held[key] = Version(
            resource=document.resource,
            facet=snapshot.facet,
            body=document.body,
            source=snapshot.source,
            valid_from=at,
            valid_to=None,
            last_seen=at,
            recorded_at=at,
            origin=document.origin,
        )


def main() -> int:
    """Print the table; 1 when an answer is wrong."""
    results = list(evaluate())
    print(f"{'path':4} {'scenario':30} {'variant':11} {' '.join(CHECKS)}")
    for r in results:
        marks = " ".join(("yes" if r.checks[c] else "NO").ljust(len(c)) for c in CHECKS)
        print(f"{r.scenario.path:4} {r.scenario.name:30} {r.variant:11} {marks}")
        if not r.is_right:
            print(f"     {r.summary}")
    times = sorted(r.elapsed_s for r in results)
    right = sum(r.is_right for r in results)
    middle = times[len(times) // 2] * 1e3
    print(f"{right} of {len(results)} right; answer p50 {middle:.0f} ms, max {times[-1] * 1e3:.0f} ms")
    return 0 if right == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
