"""A look at one resource and what surrounds it says what a look at everything says."""

from __future__ import annotations

import random

import pytest

from evals.scale.estate import Estate, document
from graph.drift import DriftReport, compare_graph, compare_part
from graph.environment import EnvironmentGraph
from graph.resource import Facet
from graph.surroundings import judged_with
from graph.version import Document, Version
from tests.graph.builders import NOW


def _estate(seed: int) -> dict[Facet, dict[str, Document]]:
    """A small estate of which a few objects were changed, removed or added at random."""
    chosen = random.Random(seed)
    estate = Estate(objects=14 * 27, drift_every=4)
    held = {
        Facet.INTENDED: {d.resource.uid: d for d in map(document, estate.declared())},
        Facet.ACTUAL: {d.resource.uid: d for d in map(document, estate.live())},
    }
    for facet, share in ((Facet.INTENDED, 0.03), (Facet.ACTUAL, 0.05)):
        for uid in chosen.sample(sorted(held[facet]), int(len(held[facet]) * share)):
            del held[facet][uid]
    for uid, one in chosen.sample(sorted(held[Facet.ACTUAL].items()), 30):
        if one.resource.kind == "Deployment":
            one.body["spec"]["replicas"] = chosen.randint(1, 12)
        elif one.resource.kind == "HorizontalPodAutoscaler":
            one.body["spec"]["maxReplicas"] = chosen.randint(2, 5)
        elif one.resource.kind in ("ConfigMap", "Secret"):
            held[Facet.ACTUAL][uid].body["data"] = {"other": "value"}
    return held


def _graph(held: dict[Facet, dict[str, Document]]) -> EnvironmentGraph:
    versions = [
        Version(
            resource=d.resource,
            facet=facet,
            body=d.body,
            source=facet.value,
            valid_from=NOW,
            valid_to=None,
            last_seen=NOW,
            recorded_at=NOW,
        )
        for facet, documents in held.items()
        for d in documents.values()
    ]
    return EnvironmentGraph(name="scale", as_of=NOW, versions=versions)


def _of(report: DriftReport, uid: str) -> list[object]:
    """What a report says of one resource."""
    findings = [f for f in (*report.findings, *report.tolerated) if f.resource.uid == uid]
    return [*findings, *(n for n in report.not_comparable if n.uid == uid)]


@pytest.mark.parametrize("seed", range(2))
def test_a_part_is_judged_as_the_whole_is(seed: int) -> None:
    """Whichever resource is looked at alone gets the findings that it has among all."""
    graph = _graph(_estate(seed))
    whole = compare_graph(graph)
    assert len(whole.findings) > 10
    for uid in random.Random(seed).sample([r.uid for r in graph], 60):
        assert _of(compare_part(graph, (uid,)), uid) == _of(whole, uid)
    some = [f.resource.uid for f in whole.findings[::3]]
    part = compare_part(graph, some)
    assert [*part.findings] == [f for f in whole.findings if f.resource.uid in some]
    assert part.resources <= len(some)


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_judged_otherwise_than_what_a_change_is_judged_with(seed: int) -> None:
    """When an object changes or goes, the findings of what `judged_with` leaves out stay as they were."""
    held = _estate(seed)
    before = _graph(held)
    chosen = random.Random(seed)
    for uid in chosen.sample(sorted(held[Facet.ACTUAL]), 6):
        changed = {facet: dict(documents) for facet, documents in held.items()}
        gone = changed[Facet.ACTUAL].pop(uid)
        after = _graph(changed)
        touched = judged_with(before, (uid,)) | judged_with(after, (uid,))
        old, new = compare_graph(before), compare_graph(after)
        others = [f for f in (*old.findings, *old.tolerated) if f.resource.uid not in touched]
        assert others == [f for f in (*new.findings, *new.tolerated) if f.resource.uid not in touched], gone
