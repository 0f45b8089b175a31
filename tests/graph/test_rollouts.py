"""The pods of a new version are told from those of the old one, as Kubernetes marks them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from graph.change import Change
from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.relations import derive
from graph.resource import Facet
from graph.rollouts import with_instances
from graph.version import Document
from tests.graph.builders import NOW, EstateBuilder, k8s, manifest, resource_of, workload

BEGUN = NOW - timedelta(minutes=10)
UP = NOW - timedelta(minutes=8)


def owned(kind: str, name: str, owner: tuple[str, str], *, made: datetime, **more: Any) -> Object:
    reference = {"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1], "uid": owner[1], "controller": True}
    metadata = {"name": name, "uid": name, "ownerReferences": [reference], "creationTimestamp": _time(made)}
    return manifest(kind, name, metadata=metadata | more.pop("metadata", {}), **more)


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def replica_set(key: str, revision: str) -> Object:
    labels = {"app": "cart", "pod-template-hash": key}
    annotations = {"deployment.kubernetes.io/revision": revision} if revision else {}
    about = {"labels": labels, "annotations": annotations}
    return owned("ReplicaSet", f"cart-{key}", ("Deployment", "cart"), made=BEGUN, metadata=about)


def pod(name: str, owner: tuple[str, str], label: str, key: str, *, made: datetime = BEGUN, up: bool = True) -> Object:
    ready = {"type": "Ready", "status": "True" if up else "False", "lastTransitionTime": _time(UP)}
    about = {"labels": {"app": "cart", label: key}}
    return owned("Pod", name, owner, made=made, metadata=about, status={"conditions": [ready]})


def estate(*bodies: Object) -> EnvironmentGraph:
    builder = EstateBuilder()
    for body in bodies:
        builder.put(Facet.ACTUAL, body)
    builder._relations = derive([Document(resource=resource_of(body), body=body) for body in bodies])
    return builder.graph()


def rollout(
    *, revisions: tuple[str, str] = ("1", "12"), is_up: bool = True, made: datetime = BEGUN
) -> EnvironmentGraph:
    """A Deployment on its way from one version to the next; the twelfth comes after the ninth."""
    old, new = replica_set("old", revisions[0]), replica_set("new", revisions[1])
    label = "pod-template-hash"
    return estate(
        workload("cart"),
        old,
        new,
        pod("cart-old-1", ("ReplicaSet", "cart-old"), label, "old", made=NOW - timedelta(days=1)),
        pod("cart-new-2", ("ReplicaSet", "cart-new"), label, "new", made=made),
        pod("cart-new-1", ("ReplicaSet", "cart-new"), label, "new", made=made, up=is_up),
    )


def deploy(name: str = "d", *, begun: datetime = BEGUN, kind: str = "Deployment", **more: Any) -> Change:
    return Change(id=name, uid=k8s(kind, "cart"), kind="deploy", earliest=begun, latest=NOW, **more)


def test_the_pods_of_the_newest_replica_set_are_of_the_new_version() -> None:
    """And it is complete when the last of them was up."""
    [found] = with_instances(rollout(revisions=("9", "12")), [deploy()])
    assert (found.instances, found.completed_at) == (("cart-new-1", "cart-new-2"), UP)


def test_a_stateful_set_names_its_revision() -> None:
    """In its status; its pods carry it."""
    body = workload("cart", kind="StatefulSet") | {"status": {"updateRevision": "cart-2"}}
    owner, label = ("StatefulSet", "cart"), "controller-revision-hash"
    pods = [pod("cart-0", owner, label, "cart-1", made=NOW - timedelta(days=1)), pod("cart-1", owner, label, "cart-2")]
    [found] = with_instances(estate(body, *pods), [deploy(kind="StatefulSet")])
    assert found.instances == ("cart-1",)


def test_a_rollout_that_goes_on_is_not_complete() -> None:
    """A pod that is not up yet is one of the new version all the same."""
    [found] = with_instances(rollout(is_up=False), [deploy()])
    assert (len(found.instances), found.completed_at) == (2, None)


@pytest.mark.parametrize(
    ("graph", "change"),
    [
        pytest.param(rollout(made=BEGUN - timedelta(hours=1)), deploy(), id="the version was there before"),
        pytest.param(rollout(revisions=("", "")), deploy(), id="no revision is told"),
        pytest.param(rollout(), deploy(kind="StatefulSet"), id="another resource"),
        pytest.param(estate(workload("cart")), deploy(), id="no pods were read"),
    ],
)
def test_what_is_not_told_is_left_open(graph: EnvironmentGraph, change: Change) -> None:
    """No pod is taken for one of a version that it may not run."""
    assert with_instances(graph, [change]) == (change,)


def test_only_the_newest_deployment_of_a_workload_has_pods() -> None:
    """Those of the one before are gone; what a source said itself stays."""
    before, told = deploy("b", begun=BEGUN - timedelta(minutes=1)), deploy("t", instances=("x",))
    assert [c.instances for c in with_instances(rollout(), [deploy(), before])] == [("cart-new-1", "cart-new-2"), ()]
    assert with_instances(rollout(), [told]) == (told,)
