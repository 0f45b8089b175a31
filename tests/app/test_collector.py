"""Collecting a cluster over HTTP: what is changed by hand is a stored event soon, whatever happens on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.collector import Collector
from app.drift_watch import DriftWatch
from app.environments import GovernedEnvironments, Sources
from app.leadership import Leadership
from app.recording import News
from app.store.database import Database
from app.store.drift_events import DriftEvents
from app.store.graph import GraphStore
from app.store.leases import Leases
from evals.detection import estate
from graph.drift import compare_graph
from graph.resource import Facet
from tests.tools.adapters.test_kubernetes_api import write_kubeconfig
from tests.tools.adapters.watching import QUICK
from tools.actions.simulated_cluster.served import ServedCluster
from tools.adapters.kubernetes_api import KubernetesApi
from tools.adapters.kubernetes_audit import KubernetesAudit
from tools.adapters.manifests import ManifestSource

_PATIENCE_S = 30.0
"""Only a failing test waits for so long."""


def now() -> datetime:
    return datetime.now(UTC)


class Installation:
    """A cluster of the simulation with its declarations, and a database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects = estate.declared(2)
        self.audit = folder / "audit.jsonl"
        self.cluster = ServedCluster(audit=self.audit, bookmark_every_s=0.2)
        (folder / "declared").mkdir()
        for number, body in enumerate(self.objects):
            (folder / "declared" / f"{number}.json").write_text(json.dumps(body))
            with self.cluster.store.changed:
                self.cluster.api.apply(body, by=estate.DEPLOYER, at=now())
        self.database = Database(f"sqlite:///{folder / 'plumbline.db'}")
        self.database.migrate()
        self.events = DriftEvents(self.database)

    def injections(self) -> list[estate.Injection]:
        return estate.injections(self.objects, 7)

    def told(self) -> set[tuple[str, str]]:
        """Where drift was found by now."""
        return {e.key for e in self.events.list("shop", limit=1000)}

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, self.told()


@contextmanager
def collecting(installed: Installation, url: str) -> Iterator[GovernedEnvironments]:
    """Run a replica of the service's collection meanwhile."""
    folder = installed.folder
    cluster = KubernetesApi(
        "cluster:shop",
        kubeconfig=write_kubeconfig(folder, url),
        cluster=estate.CLUSTER,
        salt=b"salt",
        sleep=lambda _: None,
        pace=QUICK,
    )
    declared = ManifestSource(
        "files:declared",
        folder / "declared",
        ref=None,
        facet=Facet.INTENDED,
        cluster=estate.CLUSTER,
        stack="shop",
        salt=b"salt",
        clock=now,
    )
    audit = KubernetesAudit("audit", installed.audit, cluster=estate.CLUSTER, deployers=(), salt=b"salt")
    sources = Sources(
        environment="shop",
        deployers=frozenset({estate.DEPLOYER.username}),
        states=(declared, cluster),
        changes=(audit,),
        symptoms=(),
        watched=(cluster,),
        followed=(audit,),
    )

    def tell(news: News) -> None:
        drift.hear(news)

    environments = GovernedEnvironments([sources], GraphStore(installed.database), now, tell=tell)
    leadership = Leadership(Leases(installed.database), ["shop"])
    drift = DriftWatch(environments, installed.events, is_ours=leadership.holds, clock=now)
    collector = Collector(environments, drift, leadership, every_s=3600)
    collector.start()
    try:
        installed.until(lambda: collector.has_read_all)
        yield environments
    finally:
        collector.stop()


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.database.dispose()


def test_each_change_is_an_event_and_nothing_else_is(installed: Installation) -> None:
    """Through a cut watch, forgotten versions and a restart; with who did it; and no write that changes nothing."""
    cluster, chosen = installed.cluster, installed.injections()[:9]
    with cluster.serve() as url:
        with collecting(installed, url):
            estate.quiet_writes(cluster, installed.objects, 1)
            for injection in chosen[:2]:
                injection.act(cluster)
            cluster.cut(in_the_middle_of_a_line=True)
            chosen[2].act(cluster)
            cluster.store.forget()
            cluster.cut()
            chosen[3].act(cluster)
            installed.until(lambda: len(installed.told()) == 4)
        for injection in chosen[4:6]:
            injection.act(cluster)
        with collecting(installed, url):
            for injection in chosen[6:]:
                injection.act(cluster)
            installed.until(lambda: len(installed.told()) == 9)
            by_hand = [e for e in installed.events.open("shop").values() if e.actor]
            installed.until(lambda: all(e.actor for e in installed.events.open("shop").values()))
            for injection in chosen:
                injection.undo(cluster)
            installed.until(lambda: not installed.events.open("shop"))
    expected = {(i.uid, i.path) for i in chosen}
    assert installed.told() == expected
    assert {e.actor.name for e in by_hand if e.actor} <= {estate.PERSON.username}
    assert [e.kind.value for e in installed.events.list("shop", limit=1000)].count("opened") == 9


def test_change_that_the_watch_hides_is_missed_until_somebody_looks(installed: Installation) -> None:
    """The twin of the test above: it can fail. Whoever investigates gets what is so now all the same."""
    cluster, (injection, *_) = installed.cluster, installed.injections()
    with cluster.serve() as url, collecting(installed, url) as environments:
        installed.until(lambda: cluster.open_watches > 0)
        cluster.faults.is_mute = True
        injection.act(cluster)
        for _ in range(20):
            environments.relate("shop")
        assert installed.told() == set()
        environments.refresh("shop")
        findings = compare_graph(environments.graph("shop")).findings
        assert [(f.resource.uid, f.path) for f in findings] == [(injection.uid, injection.path)]
        installed.until(lambda: installed.told() == {(injection.uid, injection.path)})


def test_cluster_out_of_reach_is_a_gap_in_every_answer(installed: Installation) -> None:
    """And no drift: what is known stays known."""
    cluster = installed.cluster
    with cluster.serve() as url, collecting(installed, url) as environments:
        cluster.faults.refusal = 503
        cluster.cut()
        installed.until(lambda: any("is broken since" in u.reason for u in environments.graph("shop").unreadable))
        assert installed.told() == set()
        cluster.faults.refusal = None
        installed.until(lambda: not environments.graph("shop").unreadable)


def test_one_replica_collects(installed: Installation) -> None:
    """The other one takes over when it is gone."""
    first = Leadership(Leases(installed.database), ["shop"], lease_s=30)
    second = Leadership(Leases(installed.database), ["shop"], lease_s=0.3)
    first.start()
    first.has_asked.wait(10)
    second.start()
    second.has_asked.wait(10)
    assert first.holds("shop")
    assert not second.holds("shop")
    first.stop()
    installed.until(lambda: second.holds("shop"))
    second.stop()
