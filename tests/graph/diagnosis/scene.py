"""A small shop that tests break: real derivation of relations, real comparison, hand-made history and symptoms."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from graph.change import Actor, ActorType, Change
from graph.diagnosis.engine import diagnose
from graph.diagnosis.result import Diagnosis
from graph.document import ABSENT, Json, Object, get, put
from graph.drift import compare_graph
from graph.environment import EnvironmentGraph, SourceState
from graph.evidence import ObservationKind, SymptomEvent
from graph.incident import Alert, AlertStatus, OpenIncident
from graph.memory import Memory
from graph.relations import derive
from graph.resource import Facet
from graph.version import Document, Version
from tests.graph.builders import NOW, EstateBuilder, cloud, k8s, manifest, resource_of, service, tf, workload

DEPLOYER = "system:serviceaccount:ci:deployer"
MARA = Actor(name="arn:aws:iam::111122223333:user/mara", type=ActorType.HUMAN, session="console")
BEFORE = NOW - timedelta(minutes=40)
AT = NOW - timedelta(minutes=14)
FIRED = NOW - timedelta(minutes=10)

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1111-2222"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/checkout"
DATABASE = "orders.c1.eu-west-1.rds.amazonaws.com"
POLICY: Object = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "Cards", "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": KEY},
        {"Sid": "Queue", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"},
    ],
}


def shop() -> list[tuple[Object, tuple[str, ...]]]:
    """Return the objects of a healthy shop with the aliases of each."""
    account = manifest(
        "ServiceAccount",
        "checkout",
        metadata={"name": "checkout", "annotations": {"eks.amazonaws.com/role-arn": ROLE}},
    )
    env = {
        "PAYMENT_URL": "http://payment:80",
        "CARD_KEY_ARN": KEY,
        "TIMEOUT_MS": {"configMapKeyRef": {"name": "checkout-config", "key": "timeout_ms"}},
        "API_TOKEN": {"secretKeyRef": {"name": "checkout-token", "key": "token"}},
    }
    ports = {"ports": [{"name": "web", "containerPort": 8080}]}
    return [
        (workload("checkout", ready=2, env=env, pod={"serviceAccountName": "checkout"}, container=ports), ()),
        (service("checkout"), ()),
        (account, ()),
        (manifest("ConfigMap", "checkout-config", data={"timeout_ms": "2500", "banner": "hello"}), ()),
        (manifest("Secret", "checkout-token", data={"token": "hmac-sha256:aa"}), ()),
        (workload("payment", ready=2, env={"DB_HOST": DATABASE}, container=ports), ()),
        (service("payment"), ()),
        (workload("cart", ready=2), ()),
        (service("cart"), ()),
        (_callers("checkout"), ()),
        (cloud("aws_iam_role.checkout", name="checkout", arn=ROLE, id="checkout"), (ROLE, "checkout")),
        (
            cloud(
                "aws_iam_role_policy.checkout", name="runtime", role="checkout", id="checkout:runtime", policy=POLICY
            ),
            (),
        ),
        (cloud("aws_kms_key.cards", arn=KEY, key_id="1111-2222", is_enabled=True), (KEY, "1111-2222")),
        (
            put(
                cloud("aws_db_instance.orders", identifier="orders", port=5432, vpc_security_group_ids=["sg-1"]),
                "/values/address",
                DATABASE,
            ),
            (DATABASE, "orders"),
        ),
        (
            cloud(
                "aws_security_group.db",
                id="sg-1",
                name="db",
                ingress=[_ingress("10.40.8.10/32"), _ingress("10.0.0.0/16")],
            ),
            ("sg-1",),
        ),
    ]


def _pod(name: str, status: Object) -> Object:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "controller": True}
    metadata = {"name": f"{name}-x", "labels": {"app": name}, "ownerReferences": [owner], "uid": f"{name}-x"}
    spec = {"containers": [{"name": "app", "image": "i"}]}
    return manifest("Pod", f"{name}-x", metadata=metadata, spec=spec, status=status)


def _ingress(cidr: str) -> Object:
    return {"from_port": 5432, "to_port": 5432, "protocol": "tcp", "cidr_blocks": [cidr]}


def _callers(caller: str) -> Object:
    """Return a policy that lets one workload call payment."""
    peer = {"podSelector": {"matchLabels": {"app": caller}}}
    spec = {
        "podSelector": {"matchLabels": {"app": "payment"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [peer], "ports": [{"protocol": "TCP", "port": 8080}]}],
    }
    return manifest("NetworkPolicy", "payment-callers", spec=spec)


class Scene:
    """The shop, and what happens to it."""

    def __init__(self) -> None:
        self.builder = EstateBuilder()
        self.bodies: dict[str, Object] = {}
        self.sources: list[SourceState] | None = None
        self.open_incidents: list[OpenIncident] = []
        for body, aliases in shop():
            uid = self.builder.add(body, aliases=aliases)
            self.bodies[uid] = body
        for name in ("checkout", "payment", "cart"):
            status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
            self.builder.add_actual(_pod(name, status))
        self.say("checkout", "info: order accepted", at=NOW - timedelta(hours=1))

    def alter(
        self, uid: str, path: str, value: Any, *, at: datetime = AT, actor: Actor | None = MARA, facets: Any = None
    ) -> None:
        """Change a field of what runs (or of the given facets), with its history and, for an actor, its record."""
        old = self.bodies[uid]
        new = put(copy.deepcopy(old), path, value)
        resource = resource_of(old)
        for facet in facets or (Facet.ACTUAL,):
            known = self.builder._versions[resource.uid, facet]
            self.builder.put(facet, new, since=at + timedelta(seconds=30), aliases=known.resource.aliases)
        self._was(uid, old, at)
        if actor is not None:
            self.record(uid, path, old, new, at=at, actor=actor)
        self.bodies[uid] = new

    def delete(self, uid: str, *, at: datetime = AT, actor: Actor | None = MARA) -> None:
        """Remove an object from what runs."""
        self._was(uid, self.bodies[uid], at)
        self.builder.remove(uid)
        if actor is not None:
            self.builder.change(
                Change(
                    id=f"del-{uid[-20:]}",
                    uid=uid,
                    kind="other",
                    before=self.bodies[uid],
                    earliest=at,
                    latest=at,
                    actor=actor,
                )
            )

    def record(self, uid: str, path: str, old: Json, new: Json, *, at: datetime, actor: Actor) -> None:
        """Add the audit record of a write."""
        self.builder.change(
            Change(
                id=f"w-{uid[-20:]}-{path}",
                uid=uid,
                kind="config",
                path=path,
                before=get(old, path),
                after=get(new, path),
                earliest=at,
                latest=at,
                actor=actor,
                source="audit",
            )
        )

    def fail(self, name: str, *, reason: str = "CrashLoopBackOff", message: str = "", ready: int = 0) -> None:
        """Let the pods of a workload wait for a reason, and its status show it."""
        state = {"waiting": {"reason": reason, "message": message}}
        container = {"name": "app", "ready": False, "restartCount": 4, "state": state}
        ready_condition = {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}
        status = {"phase": "Pending", "containerStatuses": [container], "conditions": [ready_condition]}
        self.builder.add_actual(_pod(name, status))
        uid = k8s("Deployment", name)
        body = self.builder._versions[uid, Facet.ACTUAL].body
        body["status"] |= {"readyReplicas": ready, "observedGeneration": 1}

    def say(self, name: str, text: str, *, at: datetime = FIRED, kind: ObservationKind = ObservationKind.LOG) -> None:
        """Let a workload log a line."""
        uid = k8s("Deployment", name)
        self.builder.symptom(SymptomEvent(kind=kind, resource=uid, at=at, text=text, source="logs"))

    def graph(self) -> EnvironmentGraph:
        """Build the graph, with the relations that all facets state."""
        versions = self.builder._versions.values()
        order = {Facet.ACTUAL: 0, Facet.INTENDED: 1, Facet.APPLIED: 2}
        documents = [Document(resource=v.resource, body=v.body) for v in sorted(versions, key=lambda v: order[v.facet])]
        self.builder._relations = derive(documents)
        graph = self.builder.graph()
        if self.sources is not None:
            graph.sources = tuple(self.sources)
        return graph

    def diagnose(
        self,
        about: Alert | None = None,
        *,
        memories: Sequence[Memory] = (),
        on_failure: Callable[[str, Exception], None] | None = None,
    ) -> Diagnosis:
        """Diagnose the shop for an alert on checkout, or another one."""
        graph = self.graph()
        return diagnose(
            graph,
            [about or alert()],
            drift=compare_graph(graph),
            deployers=frozenset({DEPLOYER}),
            open_incidents=self.open_incidents,
            memories=memories,
            on_failure=on_failure,
        )

    def _was(self, uid: str, old: Object, at: datetime) -> None:
        self.builder.past(
            Version(
                resource=resource_of(old),
                facet=Facet.ACTUAL,
                body=old,
                source="actual:demo",
                valid_from=NOW - timedelta(days=30),
                valid_to=at + timedelta(seconds=30),
                last_seen=at - timedelta(minutes=1),
                recorded_at=NOW - timedelta(days=30),
            )
        )


def alert(name: str = "checkout", *, title: str = "High error rate", at: datetime = FIRED) -> Alert:
    """Return an alert on a deployment."""
    return Alert(
        id="a1",
        sender="alertmanager",
        key="k1",
        status=AlertStatus.FIRING,
        title=title,
        labels={"deployment": name, "namespace": "shop"},
        started_at=at,
    )


def problems(diagnosis: Diagnosis) -> Sequence[str]:
    """Return what breaks the promise that each sentence cites a stored observation."""
    known = {o.id for o in diagnosis.observations}
    return [
        f"{c.kind}: {s.text}"
        for c in diagnosis.causes
        for s in (*c.statements, *c.against)
        if not s.evidence or not set(s.evidence) <= known
    ]


__all__ = ["ABSENT", "AT", "BEFORE", "FIRED", "KEY", "MARA", "POLICY", "Scene", "alert", "k8s", "problems", "tf"]
