"""Small values of every kind that the store keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from graph.action import Action, ActionKind, Check, CheckKind, FieldEdit, Plan, Risk
from graph.blast_radius import Affected, Band, BlastRadius, Mode, Seed
from graph.change import Actor, ActorType, Change, Channel
from graph.diagnosis.result import Cause, CauseState, Diagnosis, DiagnosisVerdict, Statement
from graph.document import ABSENT
from graph.drift import Finding, Verdict
from graph.evidence import Gap, ObservationKind, observe
from graph.incident import Alert, AlertStatus, Candidate
from graph.resource import Facet, Platform, Resource, kubernetes_uid
from graph.version import Document, Origin, Snapshot

T0 = datetime(2030, 3, 1, 12, 0, tzinfo=UTC)
KEY = b"k" * 32


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **parts: float) -> datetime:
        self.now += timedelta(**parts)
        return self.now


def minutes(count: float) -> datetime:
    """A time so many minutes after T0."""
    return T0 + timedelta(minutes=count)


def resource(name: str = "checkout-config", kind: str = "ConfigMap") -> Resource:
    uid = kubernetes_uid(cluster="demo", group="", kind=kind, namespace="shop", name=name)
    return Resource(uid=uid, platform=Platform.KUBERNETES, kind=kind, name=name, namespace="shop", aliases=("a", "b"))


def document(name: str = "checkout-config", *, version: str = "1", **data: Any) -> Document:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": version},
        "data": data,
    }
    return Document(resource=resource(name), body=body, origin=Origin(file="base/config.yaml", line=3, commit="c" * 40))


def snapshot(*documents: Document, at: datetime = T0, facet: Facet = Facet.ACTUAL, **more: Any) -> Snapshot:
    return Snapshot(facet=facet, source=more.pop("source", "cluster:demo"), taken_at=at, documents=documents, **more)


def without_version(document: Document) -> Any:
    """The significant part of a document: all but its resource version."""
    metadata = {k: v for k, v in document.body["metadata"].items() if k != "resourceVersion"}
    return {**document.body, "metadata": metadata}


def change(id: str = "c1", *, latest: datetime = T0) -> Change:
    return Change(
        id=id,
        uid=resource().uid,
        kind="config",
        path="/data/timeout",
        before=ABSENT,
        after={"$absent": True},
        earliest=latest - timedelta(minutes=5),
        latest=latest,
        actor=Actor(name="dana", type=ActorType.HUMAN),
        channel=Channel.BY_HAND,
        summary="tune \x00 it \ud800",
        source="git:shop",
        reference="c" * 40,
    )


def alert(key: str = "Q1", status: AlertStatus = AlertStatus.FIRING, *, at: datetime = T0, **more: Any) -> Alert:
    return Alert(
        id=f"pagerduty:{key}",
        sender="pagerduty",
        key=key,
        status=status,
        title=more.pop("title", "Checkout fails"),
        severity="critical",
        labels={"deployment": "checkout"},
        started_at=at,
        **more,
    )


def plan(target: str = "", *, hold: str = "", **more: Any) -> Plan:
    uid = target or resource().uid
    action = Action(
        kind=ActionKind.SET_FIELDS, target=uid, edits=(FieldEdit(path="/data/timeout", before="1s", after="5s"),)
    )
    undo = Action(
        kind=ActionKind.SET_FIELDS, target=uid, edits=(FieldEdit(path="/data/timeout", before="5s", after=ABSENT),)
    )
    values: dict[str, Any] = {
        "environment": "demo",
        "action": action,
        "title": "Set 1 field of shop/ConfigMap/checkout-config",
        "reason": "config_changed",
        "preconditions": (Check(kind=CheckKind.FIELD_EQUALS, target=uid, path="/data/timeout", value="1s"),),
        "verification": (Check(kind=CheckKind.HEALTHY, target=uid),),
        "verify_within_s": 60.0,
        "rollback": (undo,),
        "observed": "f" * 64,
        "observed_at": T0,
        "risk": Risk.LOW,
        "warnings": ("the next deployment will revert it",),
        "hold": hold,
        "policy_version": "7",
    }
    return Plan(**(values | more))


def blast() -> BlastRadius:
    seed = Seed(uid=resource().uid, mode=Mode.RESTARTS, reason="it is read at start")
    reached = Affected(
        uid="k8s://demo/apps/Deployment/shop/checkout",
        band=Band.LIKELY,
        mode=Mode.RESTARTS,
        path=(resource().uid, "k8s://demo/apps/Deployment/shop/checkout"),
        reason="it reads the ConfigMap",
        depth=1,
    )
    return BlastRadius(seeds=(seed,), affected=(reached,), unseen=("calls",), unseen_share=0.25)


def diagnosis(summary: str = "The timeout was lowered by hand.", **more: Any) -> Diagnosis:
    seen = observe(
        ObservationKind.DRIFT, resource=resource().uid, summary="timeout is 1s", at=T0, data={"actual": "1s"}
    )
    finding = Finding(
        resource=resource(), path="/data/timeout", verdict=Verdict.OUT_OF_BAND_CHANGE, intended="5s", actual="1s"
    )
    cause = Cause(
        resource=resource().uid,
        kind="config_changed",
        summary=summary,
        confidence=0.9,
        state=CauseState.LEADING,
        statements=(Statement(text="It is 1s and was declared as 5s.", evidence=(seen.id,)),),
        change=change(),
        drift=finding,
        path=("a", "b"),
    )
    return Diagnosis(
        verdict=DiagnosisVerdict.CAUSE_FOUND,
        summary=summary,
        causes=(cause,),
        subjects=(Candidate(uid=resource("checkout").uid, score=1.0, reason="label"),),
        observations=(seen,),
        gaps=(Gap(what="logs", why="no source"),),
        as_of=T0,
        **more,
    )
