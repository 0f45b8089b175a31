"""The measurements of scale, in small: that they measure what they say, and fail when an answer is wrong."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.store.database import Database
from app.store.graph import GraphStore
from evals.scale.estate import CLUSTER, Estate, document, uid_of
from evals.scale.ingest import ENVIRONMENT, measure_ingest
from evals.scale.log import fill_log, measure_why, questions
from evals.scale.resident import fill, measure_resident
from evals.scale.served import Server, listener
from evals.scale.timing import Times, quantile
from graph.drift import compare
from graph.version import Delta, Snapshot
from tests.tools.adapters.test_kubernetes_api import write_kubeconfig
from tools.adapters.kubernetes_api import KubernetesApi

NOW = datetime.now(UTC)


@pytest.fixture
def graphs(tmp_path: Path) -> GraphStore:
    """An empty store."""
    database = Database(f"sqlite:///{tmp_path / 'plumbline.db'}")
    database.migrate()
    return GraphStore(database)


def test_the_estate_differs_where_it_was_changed_and_nowhere_else() -> None:
    """Whoever compares it finds exactly the changes that it was made with."""
    estate = Estate(objects=14 * 12, drift_every=2)
    report = compare(
        intended=[document(b) for b in estate.declared()],
        applied=None,
        actual=[document(b) for b in estate.live()],
    )
    assert {f.resource.uid: f.path for f in report.findings} == estate.drifted()
    assert len(estate.drifted()) == 6
    assert report.not_comparable == ()
    assert [document(b) for b in estate.live()] == [document(b) for b in Estate(objects=14 * 12, drift_every=2).live()]


def test_an_ingest_finds_what_was_changed(graphs: GraphStore) -> None:
    """From files over the store to the comparison."""
    figures = measure_ingest(graphs, Estate(objects=14 * 3, drift_every=2))
    assert figures["findings"] == 2
    assert figures["objects"] == 14 * 3 + 1
    assert {"parse_s", "derive_s", "store_s", "load_s", "compare_s", "total_cpu_s"} <= figures.keys()


def test_a_resident_estate_answers(graphs: GraphStore) -> None:
    """Each change that is made becomes a verdict; what is filled in parts is all there."""
    estate = Estate(objects=14 * 30)
    count = fill(graphs, estate, NOW - timedelta(hours=1))
    figures = measure_resident(graphs, estate, rounds=3)
    assert figures["resources"] == count
    assert figures["verdicts_missed"] == 0
    assert figures["blast_n"] == 3
    assert figures["relations"] > count


def test_why_finds_a_record_in_the_log(graphs: GraphStore) -> None:
    """A log that holds hundreds of records of each field, asked for the present and for random times."""
    estate = Estate(objects=14 * 2)
    fill(graphs, estate, NOW - timedelta(hours=1))
    assert fill_log(graphs, estate, 3_000, NOW)["events"] == 3_000
    figures = measure_why(graphs, questions(estate, 3), NOW - timedelta(minutes=5), NOW)
    assert (figures["why_n"], figures["history_n"], figures["why_at_random_time_n"]) == (3, 3, 3)
    graph = graphs.load(ENVIRONMENT)
    assert len(graph.changes()) == 3_000


def test_the_served_cluster_is_the_estate(tmp_path: Path) -> None:
    """Listed in pages, and watched: what is changed is told, and nothing else."""
    estate = Estate(objects=14 * 180)
    server = Server(tmp_path, estate)
    serving = listener(server)
    threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True).start()
    kubeconfig = write_kubeconfig(tmp_path, f"http://127.0.0.1:{serving.server_port}")
    cluster = KubernetesApi("cluster:scale", kubeconfig=kubeconfig, cluster=CLUSTER, salt=b"salt")
    heard: list[Snapshot | Delta] = []
    stop = threading.Event()

    def hear(said: Snapshot | Delta) -> None:
        heard.append(said)
        if len(heard) == 1:
            assert sum(b["kind"] == "Pod" for b in estate.live()) > 500
            assert {d.resource.uid for d in said.documents} == {uid_of(b) for b in estate.live()}
            body = next(b for b in estate.live() if b["kind"] == "ConfigMap")
            server.change({**body, "data": {"TIMEOUT": "9s"}})
        elif said.documents:
            stop.set()

    cluster.watch(hear, stop)
    serving.shutdown()
    serving.server_close()
    assert [d.body["data"] for d in heard[-1].documents] == [{"TIMEOUT": "9s"}]


def test_quantiles_are_those_of_nearest_rank() -> None:
    """A single slow answer among twenty is the p95."""
    assert quantile([1.0] * 19 + [9.0], 0.95) == 1.0
    assert quantile([1.0] * 18 + [9.0] * 2, 0.95) == 9.0
    times = Times()
    assert times.of(lambda: 7) == 7
    assert times.told("x")["x_n"] == 1
