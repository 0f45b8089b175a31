"""An environment of everything between which relations reach from one part to another, each in several shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hypothesis import strategies as st

from graph.document import Object
from graph.kinds.kubernetes.parse import parse
from graph.kinds.terraform.document import document
from graph.parts import Sayer, Stated, as_seen, sayers_of
from graph.relation import Relation
from graph.relations import derive
from graph.resource import Facet
from graph.version import Document

ROLE = "arn:aws:iam::111122223333:role/acc"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"
LIVE: Sayer = ("cluster:demo", Facet.ACTUAL)
GIT: Sayer = ("git", Facet.INTENDED)
"""Both say something of the same objects."""


class Slot(NamedTuple):
    """One resource as one source may give it."""

    sayer: Sayer
    variants: tuple[Document, ...]


def _object(api: str, kind: str, name: str, namespace: str | None, cluster: str, **parts: Any) -> Document:
    metadata = {"name": name, **parts.pop("metadata", {})} | ({"namespace": namespace} if namespace else {})
    body = {"apiVersion": api, "kind": kind, "metadata": metadata, **parts}
    return parse(body, cluster=cluster, default_namespace=None, salt=b"salt")


def _owned(api: str, kind: str, name: str) -> Object:
    return {"ownerReferences": [{"apiVersion": api, "kind": kind, "name": name, "controller": True}]}


def _template(labels: dict[str, str], **container: Any) -> Object:
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", **container}]}}


def _inside(space: str, other: str, cluster: str) -> Iterator[tuple[Document, ...]]:
    """Yield what may stand in a namespace, each in several shapes."""

    def made(api: str, kind: str, name: str, **parts: Any) -> Document:
        return _object(api, kind, name, space, cluster, **parts)

    yield tuple(
        _object("v1", "Namespace", space, None, cluster, metadata={"labels": labels})
        for labels in ({}, {"team": "x"}, {"team": "y"})
    )
    yield (
        made("v1", "Service", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80}]}),
        made("v1", "Service", "web", spec={"selector": {"app": "api"}, "ports": [{"port": 80}, {"port": 9090}]}),
        made("v1", "Service", "web", spec={"clusterIP": "None", "ports": [{"port": 8080}]}),
    )
    env = (
        [{"name": "URL", "value": f"http://web.{other}:80/"}, {"name": "QUEUE_URL", "value": QUEUE}],
        [{"name": "DB_HOST", "value": f"web-0.web.{other}.svc.cluster.local"}, {"name": "WEB_HOST", "value": "web"}],
        [{"name": "PEER", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "PEER_URL"}}}],
    )
    yield tuple(
        made(
            "apps/v1",
            "Deployment",
            "web",
            spec={
                "selector": {"matchLabels": {"app": app}},
                "template": _template({"app": app}, env=some, envFrom=[{"configMapRef": {"name": "conf"}}]),
            },
        )
        for some, app in zip(env, ("web", "api", "web"), strict=True)
    )
    yield (
        made("v1", "ConfigMap", "conf", data={"PEER_URL": f"http://web.{other}.svc"}),
        made("v1", "ConfigMap", "conf", data={"PEER_URL": "http://web", "FAR_URL": f"tcp://web-1.web.{other}:9"}),
    )
    yield (made("apps/v1", "ReplicaSet", "web-1", metadata=_owned("apps/v1", "Deployment", "web")),)
    pod = _template({"app": "web"})
    yield tuple(
        made("v1", "Pod", "web-1-a", metadata=pod["metadata"] | owners, spec=pod["spec"])
        for owners in (_owned("apps/v1", "ReplicaSet", "web-1"), _owned("v1", "Node", "n"), {})
    )
    peers: tuple[Object, ...] = (
        {"namespaceSelector": {"matchLabels": {"team": "x"}}},
        {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "api"}}},
        {"podSelector": {"matchLabels": {"app": "web"}}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": other}}},
    )
    yield tuple(
        made("networking.k8s.io/v1", "NetworkPolicy", "np", spec={"podSelector": {}, "ingress": [{"from": [peer]}]})
        for peer in peers
    )
    annotations = {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}
    yield (made("v1", "ServiceAccount", "acc"), made("v1", "ServiceAccount", "acc", metadata=annotations))


def _slots() -> Iterator[Slot]:
    for space, other in (("a", "b"), ("b", "a"), ("c", "a")):
        for variants in _inside(space, other, "demo"):
            yield Slot(LIVE, variants)
            yield Slot(GIT, variants[::-1])
    for variants in _inside("a", "b", "east"):
        yield Slot(("cluster:east", Facet.ACTUAL), variants)
    nodes = (
        _object("v1", "Node", "n", None, "demo"),
        _object("v1", "Node", "n", None, "demo", spec={"template": _template({"app": "web"})}),
        _object("v1", "Node", "n", None, "demo", metadata=_owned("v1", "PersistentVolume", "p")),
    )
    volume = _object("v1", "PersistentVolume", "p", None, "demo", spec={"template": _template({"app": "api"})})
    yield Slot(LIVE, nodes)
    yield Slot(GIT, nodes[1:])
    yield Slot(LIVE, (volume,))
    for sayer in (("plan", Facet.INTENDED), ("state", Facet.APPLIED)):
        yield Slot(sayer, (_cloud("aws_sqs_queue.q", name="orders", url=QUEUE), _cloud("aws_sqs_queue.q", name="x")))
        yield Slot(sayer, (_cloud("aws_iam_role.r", name="acc", arn=ROLE),))
        given_to = ({"namespace": "a", "cluster_name": "demo"}, {"namespace": "b", "cluster_name": "other"})
        address = "aws_eks_pod_identity_association.p"
        yield Slot(sayer, tuple(_cloud(address, service_account="acc", role_arn=ROLE, **one) for one in given_to))
        yield Slot(sayer, (_cloud("aws_sns_topic.t", name="t", kms_master_key_id="k"),))


def _cloud(address: str, **values: Any) -> Document:
    type, name = address.split(".")
    return document(stack="shop", type=type, name=name, address=address, values=values, salt=b"salt")


SLOTS = tuple(_slots())
_CHANGE = st.tuples(st.integers(0, len(SLOTS) - 1), st.integers(-1, 3))
"""A slot and its new shape; below zero it is gone."""
FIRST = st.lists(st.integers(-1, 3), min_size=len(SLOTS), max_size=len(SLOTS))
"""The shapes of all slots at the beginning."""
LATER = st.lists(st.lists(_CHANGE, min_size=1, max_size=2), max_size=12)
"""Changes that are noticed together, again and again: few, so that most parts stay as they are."""


def from_all(held: dict[int, Stated]) -> dict[Sayer, dict[str, set[Relation]]]:
    """What every source states, from all documents at once."""
    everything = list(held.values())
    found: dict[Sayer, dict[str, set[Relation]]] = {}
    for sayer in sayers_of(everything):
        own: dict[str, set[Relation]] = {s.document.resource.uid: set() for s in everything if s.sayer == sayer}
        for relation in derive(as_seen(everything, sayer)):
            if relation.source in own:
                own[relation.source].add(relation)
        found[sayer] = own
    return found
