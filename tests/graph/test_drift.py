"""The comparison of a whole environment is brought forward by what changed, and is what a fresh one would be."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from graph import drift, standing
from graph.comparison import compare, compare_part
from graph.contents import InMemory
from graph.drift import compare_graph
from graph.environment import EnvironmentGraph
from graph.kinds.kubernetes.scope import identity_group, is_cluster_scoped, split_api_version
from graph.resource import Facet, Platform, Resource, kubernetes_uid
from graph.version import Document, Origin, Version
from tests.graph.builders import NOW

Held = dict[Facet, dict[str, Document]]
Object = dict[str, Any]


def _object(kind: str, name: str, namespace: str = "", *, api: str = "v1", **rest: object) -> Document:
    """An object; in `default`, without saying so, when no namespace is given."""
    group = identity_group(split_api_version(api)[0], kind)
    place = None if is_cluster_scoped(group, kind) else namespace or "default"
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    body: Object = {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}
    uid = kubernetes_uid(cluster="c", group=group, kind=kind, namespace=place, name=name)
    resource = Resource(uid=uid, platform=Platform.KUBERNETES, kind=kind, name=name, namespace=place, group=group)
    return Document(resource=resource, body=body, origin=Origin(file=f"{name[0]}/{name}.yaml"))


def _workload(name: str, namespace: str, *, replicas: int = 2, tier: str = "", manager: str = "") -> Document:
    labels = {"tier": tier} if tier else {}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": f"{name}:1"}]}}
    found = _object("Deployment", name, namespace, api="apps/v1", spec={"replicas": replicas, "template": template})
    if manager:
        fields = {"f:spec": {"f:template": {"f:metadata": {"f:labels": {"f:tier": {}}}}}}
        entry = {"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": fields}
        found.body["metadata"]["managedFields"] = [entry]
    return found


def _definition(default: int) -> Document:
    size = {"type": "integer", "default": default}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": size}}}}
    versions = [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]
    spec = {"group": "x.io", "names": {"kind": "Widget"}, "versions": versions}
    return _object("CustomResourceDefinition", "widgets.x.io", api="apiextensions.k8s.io/v1", spec=spec)


def _pod(**resources: object) -> Document:
    return _object("Pod", "lone", "a", spec={"containers": [{"name": "m", "image": "m:1", "resources": resources}]})


def _autoscaler(most: int) -> Document:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": most}
    return _object("HorizontalPodAutoscaler", "app", "a", api="autoscaling/v2", spec=spec)


def _job(**rest: object) -> Document:
    return _object("Job", "job", "a", api="batch/v1", spec={"template": {"spec": {"containers": []}}, **rest})


def _service(name: str) -> Document:
    return _object("APIService", name, api="apiregistration.k8s.io/v1", spec={})


_LIMITS = {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}
_INTENDED = (
    _workload("app", "a"),
    _workload("app", "b"),
    _pod(),
    _job(completionMode="Indexed", backoffLimitPerIndex=1),
    _object("ConfigMap", "open", data={"k": "1"}),
    _object("ConfigMap", "other", data={"k": "1"}),
    _object("ConfigMap", "only", "b", data={}),
    _object("Widget", "w", "a", api="x.io/v1", spec={}),
    _object("ClusterRole", "reader", api="rbac.authorization.k8s.io/v1", rules=[]),
    _definition(3),
)
_ACTUAL = (
    _workload("app", "a", replicas=7, tier="x", manager="tuner"),
    _workload("app", "a", replicas=2),
    _workload("app", "b", tier="x", manager="tuner"),
    _workload("tuner", "ops"),
    _autoscaler(9),
    _autoscaler(3),
    _object("LimitRange", "sizes", "a", spec=_LIMITS),
    _pod(limits={"cpu": "1"}),
    _job(completionMode="Indexed"),
    _object("ConfigMap", "open", "b", data={"k": "2"}),
    _object("ConfigMap", "open", "a", data={"k": "3"}),
    _object("ConfigMap", "other", "default", data={"k": "1"}),
    _object("ConfigMap", "stray", "b", data={}),
    _object("Service", "s", "b", spec={}),
    _object("Endpoints", "s", "b", subsets=[]),
    _object("Widget", "w", "a", api="x.io/v1", spec={"size": 3}),
    _object("ClusterRole", "writer", api="rbac.authorization.k8s.io/v1", rules=[]),
    _definition(4),
    _service("v1.apps"),
    _service("v1beta1.extensions"),
)


def _life(seed: int, count: int) -> Iterator[tuple[Held, set[str]]]:
    """Yield what an environment holds after each of some random steps, and which resources the step touched."""
    chosen = random.Random(seed)
    held: Held = {facet: {} for facet in Facet}
    for _ in range(count):
        held = {facet: dict(documents) for facet, documents in held.items()}
        touched = set()
        for _ in range(chosen.choice((1, 1, 2, 6))):
            facet, pool = chosen.choice(((Facet.INTENDED, _INTENDED), (Facet.ACTUAL, _ACTUAL)))
            document = chosen.choice(pool)
            uid = document.resource.uid
            if chosen.random() < 0.3:
                held[facet].pop(uid, None)
            else:
                held[facet][uid] = document
            touched.add(uid)
        yield held, touched


def _graph(held: Held) -> EnvironmentGraph:
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
            origin=d.origin,
        )
        for facet, documents in held.items()
        for d in documents.values()
    ]
    return EnvironmentGraph(name="c", as_of=NOW, versions=versions)


@pytest.mark.parametrize("seed", range(4))
def test_a_comparison_that_was_brought_forward_is_what_a_new_one_is(seed: int) -> None:
    """Whatever comes and goes: operators elsewhere, objects of open namespaces, definitions, ranges, versions."""
    before = _graph({facet: {} for facet in Facet})
    compare_graph(before)
    seen: set[str] = set()
    for number, (held, touched) in enumerate(_life(seed, 60)):
        after = _graph(held)
        standing.carry_over(before, after, touched)
        drift.carry_over(before, after, touched)
        fresh = _graph(held)
        whole = compare_graph(fresh)
        one, other = (standing.standing(g).overview._replace(custom={}) for g in (after, fresh))
        assert one == other
        # Now and then nobody asks, so that what is to be compared again adds up.
        if number % 3:
            assert compare_graph(after) == whole
        documents = {facet: list(held[facet].values()) for facet in Facet}
        assert whole == compare(intended=documents[Facet.INTENDED], applied=None, actual=documents[Facet.ACTUAL])
        for uid in touched:
            part = compare_part(after, (uid,))
            mine = [f for f in (*whole.findings, *whole.tolerated) if f.resource.uid == uid]
            assert [*part.findings, *part.tolerated] == mine
        seen |= {f"{f.resource.kind} {f.verdict}" for f in (*whole.findings, *whole.tolerated)}
        before = after
    assert len(seen) > 8, "this life had little in it"


def test_one_change_is_one_comparison() -> None:
    """Of ten thousand objects, or of ten, only what a change bears on is compared again, with what it needs."""
    names = [f"m{n}" for n in range(1_500)]
    held: Held = {f: {} for f in Facet}
    for name in names:
        one = _object("ConfigMap", name, f"n{len(name)}", data={"k": "1"})
        held[Facet.INTENDED][one.resource.uid] = held[Facet.ACTUAL][one.resource.uid] = one
    before = _graph(held)
    assert compare_graph(before).findings == ()
    other = _object("ConfigMap", "m7", "n2", data={"k": "2"})
    after = _graph({**held, Facet.ACTUAL: {**held[Facet.ACTUAL], other.resource.uid: other}})
    standing.carry_over(before, after, {other.resource.uid})
    drift.carry_over(before, after, {other.resource.uid})
    with mock.patch.object(InMemory, "version", autospec=True, side_effect=InMemory.version) as looked:
        report = compare_graph(after)
        assert [f.path for f in report.findings] == ["/data/k"]
        assert report.resources == len(names)
        assert compare_graph(after) == report
    assert 0 < looked.call_count <= 12, "documents that were looked at"
