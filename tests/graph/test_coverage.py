"""Coverage: what would be noticed if it changed, and what is blind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

import pytest

from graph.coverage import LATE_AFTER, Coverage, coverage
from graph.drift import compare_graph
from graph.environment import EnvironmentGraph, SourceState
from graph.finding import DriftReport, Finding, Verdict
from graph.resource import Facet
from graph.version import Unreadable
from tests.graph.builders import NOW, EstateBuilder, cloud, k8s, manifest, resource_of, workload

CLUSTER_SOURCE = f"{Facet.ACTUAL.value}:demo"


def covered(estate: EstateBuilder, sources: Sequence[SourceState] = (), findings: Iterable[Finding] = ()) -> Coverage:
    graph = estate.graph()
    if sources:
        graph = EnvironmentGraph(
            name=graph.name,
            as_of=graph.as_of,
            versions=[v for r in graph for f in Facet if (v := graph.version(r.uid, f))],
            relations=(),
            unreadable=graph.unreadable,
            sources=sources,
        )
    report = compare_graph(graph)
    added = DriftReport(
        resources=report.resources,
        findings=report.findings,
        tolerated=(*report.tolerated, *findings),
        not_comparable=report.not_comparable,
    )
    return coverage(graph, added)


def test_a_healthy_polled_source_covers_every_declared_field() -> None:
    """All fields count as polled, and nothing is blind."""
    estate = EstateBuilder()
    estate.add(manifest("ConfigMap", "settings", data={"a": "1", "b": "2"}))
    found = covered(estate)
    assert (found.resources.poll, found.fields.blind, found.blind) == (1, 0, ())
    assert found.fields.poll == len(["apiVersion", "kind", "name", "namespace", "a", "b"])
    assert found.fields.share == 1.0


def test_what_a_watched_source_gives_is_live() -> None:
    """A source that is listened to reports changes as they happen."""
    estate = EstateBuilder()
    estate.add(manifest("ConfigMap", "settings", data={"a": "1"}))
    found = covered(estate, [SourceState(CLUSTER_SOURCE, Facet.ACTUAL, NOW, "", is_watched=True)])
    assert found.resources.live == 1
    assert found.fields.poll == found.fields.blind == 0


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param(
            SourceState(CLUSTER_SOURCE, Facet.ACTUAL, NOW, "refused", is_watched=True), "refused", id="failed"
        ),
        pytest.param(SourceState(CLUSTER_SOURCE, Facet.ACTUAL, None, ""), "not been read", id="never read"),
        pytest.param(
            SourceState(CLUSTER_SOURCE, Facet.ACTUAL, NOW - LATE_AFTER - timedelta(seconds=1), ""),
            "last read",
            id="late",
        ),
    ],
)
def test_a_source_that_does_not_work_makes_its_resources_blind(source: SourceState, reason: str) -> None:
    """Nothing of a source that is down, late or new is counted as covered."""
    estate = EstateBuilder()
    estate.add(manifest("ConfigMap", "settings", data={"a": "1"}))
    found = covered(estate, [source])
    assert found.resources.share == found.fields.share == 0.0
    assert reason in found.blind[0].reason


def test_a_kind_that_no_source_reads_is_blind() -> None:
    """A declared cloud resource is not covered because a cluster is read."""
    estate = EstateBuilder()
    estate.add(manifest("ConfigMap", "settings"))
    estate.put(Facet.INTENDED, cloud("aws_sqs_queue.jobs", name="jobs"))
    found = covered(estate)
    assert (found.kinds[0].kind, found.kinds[0].resources.blind) == ("aws_sqs_queue", 1)
    assert found.resources.poll == 1


def test_a_missing_object_of_a_readable_cluster_has_a_detector() -> None:
    """A cluster lists every kind it has: that an object is missing would be, and is, noticed."""
    estate = EstateBuilder()
    estate.add(manifest("ConfigMap", "settings"))
    estate.put(Facet.INTENDED, workload("checkout"))
    assert covered(estate).resources.blind == 0


def test_a_kind_that_may_not_be_listed_is_blind_and_says_why() -> None:
    """A denied kind is named with the reason of the refusal."""
    estate = EstateBuilder()
    estate.add(manifest("ConfigMap", "settings"))
    estate.put(Facet.INTENDED, manifest("Secret", "login"))
    scope = k8s("Secret", "login").rpartition("/")[0] + "/"
    estate.unreadable(Unreadable(where="secrets", reason="may not be listed", scopes=(scope,)))
    found = covered(estate)
    assert [(s.uid, s.reason) for s in found.blind] == [(k8s("Secret", "login"), "may not be listed")]


def test_a_field_that_cannot_be_compared_is_blind_and_its_neighbours_are_not() -> None:
    """Only the field and what lies below it are blind."""
    estate = EstateBuilder()
    body = manifest("ConfigMap", "settings", data={"a": "1", "b": "2"})
    estate.add(body)
    finding = Finding(
        resource=resource_of(body), path="/data/a", verdict=Verdict.NOT_COMPARABLE, note="the schema does not know it"
    )
    found = covered(estate, findings=[finding])
    assert [(s.path, s.fields, s.reason) for s in found.blind] == [("/data/a", 1, "the schema does not know it")]
    assert found.fields.poll == found.fields.total - 1


def test_what_the_server_keeps_for_itself_is_not_counted() -> None:
    """Status and revision numbers are nobody's declaration."""
    estate = EstateBuilder()
    estate.add_actual(
        workload("checkout", ready=2) | {"metadata": {"name": "checkout", "uid": "1", "namespace": "shop"}}
    )
    plain = EstateBuilder()
    plain.add_actual(workload("checkout"))
    assert covered(estate).fields.total == covered(plain).fields.total


def test_an_empty_environment_has_no_share() -> None:
    """Nothing known is not full coverage."""
    found = covered(EstateBuilder())
    assert found.fields.share is None
