"""What may run, how risky it is, and how many people must agree."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from graph.action import Action, ActionKind, FieldEdit, Plan, Risk
from graph.blast_radius import Affected, Band, BlastRadius, Mode
from graph.document import ABSENT, Json
from graph.guardrails import OPENINGS, PROTECTED, SECRETS
from graph.policy import POLICY_VERSION, judge, kind_of_uid
from tests.graph.builders import NOW, EstateBuilder, k8s, manifest, tf

NOTHING = BlastRadius(seeds=(), affected=(), unseen=(), unseen_share=0.0)


def _plan(action: Action, **rest: Any) -> Plan:
    plan = Plan(
        environment="demo",
        action=action,
        title="",
        reason="",
        preconditions=(),
        verification=(),
        verify_within_s=60,
        rollback=(),
        observed="",
        observed_at=NOW,
        risk=Risk.LOW,
        policy_version=POLICY_VERSION,
    )
    return replace(plan, **rest)


def _set(uid: str, path: str = "/data/A", before: Json = "x", after: Json = "y") -> Plan:
    edit = FieldEdit(path=path, before=before, after=after)
    return _plan(Action(kind=ActionKind.SET_FIELDS, target=uid, edits=(edit,)))


def _delete(uid: str) -> Plan:
    return _plan(Action(kind=ActionKind.DELETE_OBJECT, target=uid))


def _create(uid: str, body: Any) -> Plan:
    return _plan(Action(kind=ActionKind.CREATE_OBJECT, target=uid, body=body))


CONFIG = k8s("ConfigMap", "cart")
ADMIN = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(_set(k8s("Secret", "cart")), id="secret content"),
        pytest.param(_create(k8s("Secret", "cart"), manifest("Secret", "cart")), id="secret created"),
        pytest.param(_delete(k8s("Secret", "cart")), id="secret deleted"),
        pytest.param(_set(tf("aws_secretsmanager_secret_version.db"), "/values/secret_string"), id="cloud secret"),
        pytest.param(_delete(k8s("Namespace", "shop")), id="namespace"),
        pytest.param(_delete(k8s("PersistentVolumeClaim", "db")), id="claim"),
        pytest.param(_delete(k8s("PersistentVolume", "db")), id="volume"),
        pytest.param(_delete(k8s("StorageClass", "fast")), id="storage class"),
        pytest.param(_delete(k8s("CustomResourceDefinition", "x")), id="definition"),
        pytest.param(_delete(tf("aws_db_instance.orders")), id="database"),
        pytest.param(_delete(tf("aws_s3_bucket.media")), id="bucket"),
        pytest.param(_delete(tf('module.data["eu.1"].aws_kms_key.orders')), id="key in a module"),
        pytest.param(_create(tf("aws_db_instance.orders"), {"address": "aws_db_instance.orders"}), id="new database"),
        pytest.param(_set(k8s("Widget", "x")), id="unknown kind"),
        pytest.param(_set("somewhere"), id="no uid"),
        pytest.param(_set(CONFIG, "/metadata/name"), id="identity"),
        pytest.param(_set(CONFIG, "/metadata/ownerReferences/0/name"), id="owner"),
        pytest.param(_set(k8s("Deployment", "cart"), "/status/readyReplicas"), id="status"),
        pytest.param(_set(CONFIG, "/data/A", "x", "x"), id="edit of nothing"),
        pytest.param(_plan(Action(kind=ActionKind.SET_FIELDS, target=CONFIG)), id="no edits"),
        pytest.param(_create(CONFIG, manifest("ConfigMap", "other")), id="body of another object"),
        pytest.param(_create(CONFIG, manifest("ConfigMap", "cart", "kube-system")), id="body in another namespace"),
        pytest.param(_set(tf("aws_iam_role_policy.cart"), "/values/policy", "{}", ADMIN), id="all of AWS"),
        pytest.param(
            _set(
                k8s("ClusterRole", "ops"),
                "/rules",
                [],
                [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
            ),
            id="all of the cluster",
        ),
        pytest.param(
            _create(
                k8s("ClusterRoleBinding", "ops"),
                manifest("ClusterRoleBinding", "ops", roleRef={"kind": "ClusterRole", "name": "cluster-admin"}),
            ),
            id="cluster-admin",
        ),
        pytest.param(replace(_set(CONFIG), hold="not yet"), id="on hold"),
        pytest.param(replace(_set(CONFIG), policy_version="older"), id="another policy"),
    ],
)
def test_what_is_banned_or_not_opened_is_refused_with_a_reason(plan: Plan) -> None:
    """Nobody can approve it, whatever they think of it."""
    judgement = judge(plan, affected=NOTHING)
    assert not judgement.allowed
    assert judgement.reasons


def test_edits_that_overlap_are_refused() -> None:
    """Their order would decide what is written."""
    edits = (
        FieldEdit(path="/data", before={}, after={"A": "y"}),
        FieldEdit(path="/data/A", before="x", after="z"),
    )
    assert not judge(_plan(Action(kind=ActionKind.SET_FIELDS, target=CONFIG, edits=edits)), affected=NOTHING).allowed


@pytest.mark.parametrize(
    ("plan", "risk", "approvals"),
    [
        pytest.param(_set(CONFIG), Risk.LOW, 1, id="configuration"),
        pytest.param(_set(k8s("Deployment", "cart"), "/spec/replicas", 0, 2), Risk.MEDIUM, 1, id="workload"),
        pytest.param(_set(tf("aws_iam_role_policy.cart"), "/values/policy", "{}", "{ }"), Risk.MEDIUM, 1, id="policy"),
        pytest.param(_set(tf("aws_security_group.db"), "/values/ingress", [], [{}]), Risk.MEDIUM, 1, id="firewall"),
        pytest.param(_set(tf("aws_db_instance.orders"), "/values/x", 1, 2), Risk.HIGH, 2, id="database"),
        pytest.param(_delete(k8s("NetworkPolicy", "deny")), Risk.MEDIUM, 1, id="stray policy"),
        pytest.param(_delete(k8s("Service", "stray")), Risk.HIGH, 2, id="stray service"),
        pytest.param(
            _set(k8s("Deployment", "c"), "/spec/template/spec/hostNetwork", ABSENT, True),
            Risk.HIGH,
            2,
            id="host network",
        ),
        pytest.param(replace(_set(CONFIG), risk=Risk.HIGH), Risk.HIGH, 2, id="risk of the plan is a floor"),
    ],
)
def test_risk_decides_how_many_people_must_agree(plan: Plan, risk: Risk, approvals: int) -> None:
    """A high risk needs two."""
    judgement = judge(plan, affected=NOTHING)
    assert (judgement.allowed, judgement.risk, judgement.required_approvals) == (True, risk, approvals)


def _affected(n: int, mode: Mode, band: Band) -> BlastRadius:
    hit = [
        Affected(uid=k8s("Deployment", f"d{i}"), band=band, mode=mode, path=(), reason="", depth=1) for i in range(n)
    ]
    return replace(NOTHING, affected=tuple(hit))


def test_what_an_action_disturbs_raises_its_risk() -> None:
    """Certain outage is high, likely impairment at least medium, recovery nothing."""
    plan = _set(CONFIG)
    assert judge(plan, affected=_affected(1, Mode.DOWN, Band.CERTAIN)).risk is Risk.HIGH
    assert judge(plan, affected=_affected(1, Mode.DEGRADED, Band.LIKELY)).risk is Risk.MEDIUM
    assert judge(plan, affected=_affected(1, Mode.DEGRADED, Band.POSSIBLE)).risk is Risk.LOW
    assert judge(plan, affected=_affected(50, Mode.RECOVERS, Band.CERTAIN)).risk is Risk.LOW
    assert judge(plan, affected=None).risk is Risk.HIGH


def test_an_action_may_certainly_disturb_ten_resources_and_no_more() -> None:
    """The edge of the limit."""
    assert judge(_set(CONFIG), affected=_affected(10, Mode.DEGRADED, Band.CERTAIN)).allowed
    assert not judge(_set(CONFIG), affected=_affected(11, Mode.DEGRADED, Band.CERTAIN)).allowed


def test_with_the_graph_at_hand_unknown_targets_and_declared_deletions_are_refused() -> None:
    """What is declared is never deleted, and nothing outside of the graph is touched."""
    estate = EstateBuilder()
    declared = estate.add(manifest("NetworkPolicy", "declared"))
    stray = estate.add_actual(manifest("NetworkPolicy", "stray"))
    graph = estate.graph()
    assert not judge(_delete(declared), affected=NOTHING, graph=graph).allowed
    assert judge(_delete(stray), affected=NOTHING, graph=graph).allowed
    assert not judge(_delete(k8s("NetworkPolicy", "unknown")), affected=NOTHING, graph=graph).allowed


def test_no_opening_contradicts_a_ban() -> None:
    """The tables agree with each other."""
    for opening in OPENINGS:
        if opening.action is ActionKind.DELETE_OBJECT:
            assert not opening.kinds & PROTECTED
        if opening.action is not ActionKind.RESYNC_SECRET:
            assert not opening.kinds & SECRETS


@pytest.mark.parametrize(
    ("uid", "kind"),
    [
        ("k8s://c/apps/Deployment/shop/cart", "Deployment"),
        ("tf://s/aws_kms_key.orders", "aws_kms_key"),
        ('tf://s/module.a["x.y"].aws_kms_key.orders["k/z"]', "aws_kms_key"),
        ("tf://s/broken", ""),
        ("https://example.org/x", ""),
    ],
    ids=["kubernetes", "terraform", "module and key", "no address", "no uid"],
)
def test_the_kind_is_read_from_the_uid(uid: str, kind: str) -> None:
    """Policy does not need the graph to know what it judges."""
    assert kind_of_uid(uid) == kind
