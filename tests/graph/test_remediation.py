"""Which plans a cause gets, and what exactly they write, check and undo."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

import pytest

from graph.action import ActionKind, Check, CheckKind, FieldEdit, Plan, Risk, observed_digest
from graph.change import Actor, ActorType, Change, Channel
from graph.diagnosis.result import Cause, CauseState, Diagnosis, DiagnosisVerdict
from graph.document import ABSENT, get, put
from graph.drift import Finding, Verdict
from graph.environment import EnvironmentGraph
from graph.incident import Candidate, OpenIncident
from graph.policy import POLICY_VERSION
from graph.relation import RelationType as R
from graph.remediation import advice, propose, revert_plan
from graph.resource import Facet
from graph.version import Origin
from tests.graph.builders import NOW, EstateBuilder, cloud, k8s, manifest, service, workload

ORIGIN = Origin(file="shop/cart.yaml", line=12, commit="c0ffee" + "0" * 34)
KATE = Actor(name="kate", type=ActorType.HUMAN)


def _change(uid: str, path: str = "", **rest: Any) -> Change:
    given = {"id": f"c:{path}", "kind": "object", "latest": NOW - timedelta(hours=1), "actor": KATE} | rest
    return Change(uid=uid, path=path, **({"channel": Channel.BY_HAND, "source": "audit"} | given))


def _cause(uid: str, **rest: Any) -> Cause:
    given = {"kind": "config_changed", "summary": "", "confidence": 0.9, "state": CauseState.LEADING, "statements": ()}
    return Cause(resource=uid, **(given | rest))


def _diagnosis(
    *causes: Cause, subject: str = "", verdict: DiagnosisVerdict = DiagnosisVerdict.CAUSE_FOUND
) -> Diagnosis:
    subjects = (Candidate(uid=subject, score=1.0, reason=""),) if subject else ()
    return Diagnosis(
        verdict=verdict,
        summary="",
        causes=causes,
        subjects=subjects,
        observations=(),
        gaps=(),
        as_of=NOW,
    )


def _finding(
    graph: EnvironmentGraph, uid: str, path: str = "", verdict: Verdict = Verdict.OUT_OF_BAND_CHANGE
) -> Finding:
    return Finding(
        resource=graph.resource(uid),
        path=path,
        verdict=verdict,
        intended=get(graph.body(uid, Facet.INTENDED) or {}, path) if path else ABSENT,
        actual=get(graph.body(uid, Facet.ACTUAL) or {}, path) if path else ABSENT,
    )


def _cart() -> EstateBuilder:
    """A workload `cart` that reads a ConfigMap into its environment, behind a Service."""
    estate = EstateBuilder()
    estate.add(workload("cart", ready=2), origin=ORIGIN)
    estate.add(service("cart"))
    estate.relate(k8s("Service", "cart"), R.SELECTS, k8s("Deployment", "cart"))
    estate.add(manifest("ConfigMap", "cart", data={"TIMEOUT": "2s", "LEVEL": "info"}), origin=ORIGIN)
    estate.relate(k8s("Deployment", "cart"), R.READS, k8s("ConfigMap", "cart"))
    return estate


def _drifted_config(**data: str) -> EstateBuilder:
    estate = _cart()
    estate.put(Facet.ACTUAL, manifest("ConfigMap", "cart", data={"TIMEOUT": "2s", "LEVEL": "info"} | data))
    return estate


CONFIG = k8s("ConfigMap", "cart")
CART = k8s("Deployment", "cart")


def test_drift_goes_back_to_the_declared_value_and_the_reader_restarts_in_a_second_plan() -> None:
    """One plan has one action; the first does not wait for health that only the restart gives."""
    graph = _drifted_config(TIMEOUT="0s").graph()
    cause = _cause(CONFIG, drift=_finding(graph, CONFIG, "/data/TIMEOUT"))
    restore, restart = propose(graph, _diagnosis(cause, subject=CART), now=NOW)
    assert restore.action.edits == (FieldEdit(path="/data/TIMEOUT", before="0s", after="2s"),)
    assert restore.title == "Set 1 field of shop/ConfigMap/cart"
    assert restore.verification == (
        Check(kind=CheckKind.FIELD_EQUALS, target=CONFIG, path="/data/TIMEOUT", value="2s"),
    )
    assert Check(kind=CheckKind.FIELD_EQUALS, target=CONFIG, path="/data/TIMEOUT", value="0s") in restore.preconditions
    assert restore.observed == observed_digest(graph.body(CONFIG, Facet.ACTUAL) or {})
    assert restore.policy_version == POLICY_VERSION
    assert restart.action.kind is ActionKind.RESTART_WORKLOAD
    assert Check(kind=CheckKind.FIELD_EQUALS, target=CONFIG, path="/data/TIMEOUT", value="2s") in restart.preconditions
    assert Check(kind=CheckKind.HEALTHY, target=CART) in restart.verification


def test_a_reader_that_never_restarted_is_left_running() -> None:
    """It still holds the good value."""
    graph = _drifted_config(TIMEOUT="0s").graph()
    cause = _cause(CONFIG, drift=_finding(graph, CONFIG, "/data/TIMEOUT"))
    assert [p.action.kind for p in propose(graph, _diagnosis(cause), now=NOW)] == [ActionKind.SET_FIELDS]


def test_fields_of_the_same_act_go_back_together_and_others_stay() -> None:
    """What the same person changed in the same minute belongs together; older drift is left alone, and said."""
    estate = _drifted_config(TIMEOUT="0s", LEVEL="debug", EXTRA="x")
    main = _change(CONFIG, "/data/TIMEOUT", before="2s", after="0s")
    estate.change(main)
    estate.change(_change(CONFIG, "/data/LEVEL", before="info", after="debug", latest=main.latest))
    old = _change(CONFIG, "/data/EXTRA", after="x", latest=NOW - timedelta(days=9))
    estate.change(old)
    graph = estate.graph()
    extra = Finding(resource=graph.resource(CONFIG), path="/data/EXTRA", verdict=Verdict.OUT_OF_BAND_CHANGE, actual="x")
    finding = _finding(graph, CONFIG, "/data/TIMEOUT")
    plan = propose(graph, _diagnosis(_cause(CONFIG, drift=finding, change=main)), now=NOW, drift=(finding, extra))[0]
    assert {e.path: e.after for e in plan.action.edits} == {"/data/TIMEOUT": "2s", "/data/LEVEL": "info"}
    assert any("1 more drifted field" in w for w in plan.warnings)


def test_a_field_that_was_added_by_hand_is_removed_again() -> None:
    """The declared state has no value there, so the restored one has none either."""
    graph = _drifted_config(EXTRA="x").graph()
    finding = Finding(
        resource=graph.resource(CONFIG), path="/data/EXTRA", verdict=Verdict.OUT_OF_BAND_CHANGE, actual="x"
    )
    plan = propose(graph, _diagnosis(_cause(CONFIG, drift=finding)), now=NOW)[0]
    assert plan.action.edits == (FieldEdit(path="/data/EXTRA", before="x", after=ABSENT),)
    assert Check(kind=CheckKind.FIELD_ABSENT, target=CONFIG, path="/data/EXTRA") in plan.verification


def test_a_container_field_is_found_by_the_name_of_its_container() -> None:
    """An injected sidecar shifts positions; the edit points into the actual object."""
    estate = _cart()
    body = workload("cart", ready=0, image="registry.example/app:2.0")
    body["spec"]["template"]["spec"]["containers"].insert(0, {"name": "proxy", "image": "proxy:1"})
    estate.put(Facet.ACTUAL, body)
    graph = estate.graph()
    image = "/spec/template/spec/containers/0/image"
    plan = propose(graph, _diagnosis(_cause(CART, drift=_finding(graph, CART, image))), now=NOW)[0]
    assert plan.action.edits == (
        FieldEdit(
            path="/spec/template/spec/containers/1/image",
            before="registry.example/app:2.0",
            after="registry.example/app:1.0",
        ),
    )
    assert Check(kind=CheckKind.HEALTHY, target=CART) in plan.verification
    assert plan.risk is Risk.MEDIUM


def test_a_removed_list_element_comes_back_at_its_place() -> None:
    """The whole list is the edit, since positions shift."""
    estate = EstateBuilder()
    declared = workload("cart", env={"A": "1", "B": "2", "C": "3"}, ready=2)
    estate.add(declared)
    actual = copy.deepcopy(declared)
    del actual["spec"]["template"]["spec"]["containers"][0]["env"][1]
    estate.put(Facet.ACTUAL, actual)
    graph = estate.graph()
    env = "/spec/template/spec/containers/0/env"
    plan = propose(graph, _diagnosis(_cause(CART, drift=_finding(graph, CART, f"{env}/1"))), now=NOW)[0]
    (edit,) = plan.action.edits
    assert (edit.path, edit.after) == (env, get(declared, env))
    assert _after(graph, plan) == declared


def _after(graph: EnvironmentGraph, plan: Plan) -> Any:
    body: Any = graph.body(plan.action.target, Facet.ACTUAL)
    for edit in plan.action.edits:
        assert get(body, edit.path) == edit.before
        body = put(body, edit.path, edit.after)
    return body


def test_a_policy_comes_back_whole_and_exact() -> None:
    """A statement inside a JSON text is restored by the whole attribute, as declared; the users of the role recover."""
    estate = EstateBuilder()
    statements = [
        {"Sid": s, "Effect": "Allow", "Action": a, "Resource": "*"} for s, a in (("q", "sqs:*"), ("k", "kms:*"))
    ]
    declared = json.dumps({"Version": "2012-10-17", "Statement": statements})
    observed = json.dumps({"Statement": statements[:1], "Version": "2012-10-17"})
    policy = estate.add(cloud("aws_iam_role_policy.cart", policy=declared), origin=ORIGIN)
    estate.put(Facet.ACTUAL, cloud("aws_iam_role_policy.cart", policy=observed))
    role = estate.add(cloud("aws_iam_role.cart"))
    account = estate.add(manifest("ServiceAccount", "cart"))
    estate.add(workload("cart", ready=1))
    estate.relate(role, R.HAS_POLICY, policy)
    estate.relate(account, R.ASSUMES, role)
    estate.relate(CART, R.RUNS_AS, account)
    graph = estate.graph()
    finding = Finding(
        resource=graph.resource(policy),
        path="/values/policy/Statement/1",
        verdict=Verdict.OUT_OF_BAND_CHANGE,
        intended=statements[1],
        applied=statements[1],
    )
    cause = _cause(policy, kind="permission_removed", drift=finding, path=(CART, account, role, policy))
    (plan,) = propose(graph, _diagnosis(cause, subject=CART), now=NOW)
    assert plan.action.edits == (FieldEdit(path="/values/policy", before=observed, after=declared),)
    assert plan.risk is Risk.MEDIUM
    assert Check(kind=CheckKind.HEALTHY, target=CART) in plan.verification
    assert plan.rollback[0].edits == (FieldEdit(path="/values/policy", before=declared, after=observed),)


def test_a_deleted_object_is_created_as_declared() -> None:
    """Without what the platform wrote; undone by deleting it again."""
    estate = _cart()
    estate.remove(CONFIG)
    estate.add(workload("cart", ready=0))
    graph = estate.graph()
    finding = _finding(graph, CONFIG, verdict=Verdict.DELETED_OUT_OF_BAND)
    (plan,) = propose(graph, _diagnosis(_cause(CONFIG, drift=finding), subject=CART), now=NOW)
    assert plan.action.kind is ActionKind.CREATE_OBJECT
    assert plan.action.body == graph.body(CONFIG, Facet.INTENDED)
    assert plan.observed == ""
    assert Check(kind=CheckKind.OBJECT_ABSENT, target=CONFIG) in plan.preconditions
    assert Check(kind=CheckKind.HEALTHY, target=CART) in plan.verification
    assert [a.kind for a in plan.rollback] == [ActionKind.DELETE_OBJECT]


def test_a_lost_secret_is_written_again_by_its_operator() -> None:
    """No secret value is ever part of a plan."""
    estate = _cart()
    secret = k8s("Secret", "cart")
    maker = estate.add(manifest("ExternalSecret", "cart", spec={}))
    estate.relate(maker, R.PRODUCES, secret)
    estate.relate(CART, R.READS, secret)
    estate.add(workload("cart", ready=0))
    graph = estate.graph()
    (plan,) = propose(graph, _diagnosis(_cause(secret, kind="missing_secret"), subject=CART), now=NOW)
    assert (plan.action.kind, plan.action.target) == (ActionKind.RESYNC_SECRET, maker)
    assert Check(kind=CheckKind.OBJECT_ABSENT, target=secret) in plan.preconditions
    assert Check(kind=CheckKind.OBJECT_EXISTS, target=secret) in plan.verification
    assert Check(kind=CheckKind.HEALTHY, target=CART) in plan.verification


def test_a_declared_secret_gets_an_explanation_instead_of_a_plan() -> None:
    """Nobody but its owner can restore it."""
    estate = _cart()
    secret = estate.add(manifest("Secret", "cart", data={"password": "hmac-sha256:" + "0" * 32}))
    estate.remove(secret)
    graph = estate.graph()
    finding = _finding(graph, secret, verdict=Verdict.DELETED_OUT_OF_BAND)
    diagnosis = _diagnosis(_cause(secret, drift=finding))
    assert propose(graph, diagnosis, now=NOW) == ()
    assert "never handled" in advice(graph, diagnosis, now=NOW)[0]


def test_an_unmanaged_policy_is_deleted_and_can_come_back() -> None:
    """The rollback creates what was observed, without the platform's own fields."""
    estate = _cart()
    body = manifest(
        "NetworkPolicy",
        "deny",
        metadata={"uid": "u1", "resourceVersion": "7", "labels": {"a": "b"}},
        spec={"policyTypes": ["Ingress"]},
    )
    policy = estate.add_actual(body)
    estate.relate(policy, R.GUARDS, CART)
    graph = estate.graph()
    finding = _finding(graph, policy, verdict=Verdict.UNMANAGED)
    (plan,) = propose(graph, _diagnosis(_cause(policy, drift=finding), subject=CART), now=NOW)
    assert plan.action.kind is ActionKind.DELETE_OBJECT
    assert plan.rollback[0].body == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": "shop", "labels": {"a": "b"}},
        "spec": {"policyTypes": ["Ingress"]},
    }
    assert Check(kind=CheckKind.HEALTHY, target=CART) in plan.verification


@pytest.mark.parametrize(
    ("kind", "is_owned", "is_declared"),
    [
        pytest.param("Secret", False, False, id="secret"),
        pytest.param("PersistentVolumeClaim", False, False, id="claim"),
        pytest.param("ConfigMap", True, False, id="child of a controller"),
        pytest.param("NetworkPolicy", False, True, id="declared"),
    ],
)
def test_what_must_not_be_deleted_is_not_proposed_for_deletion(kind: str, is_owned: bool, is_declared: bool) -> None:
    """Even when the cause says that nobody declared it."""
    estate = _cart()
    uid = estate.add_actual(manifest(kind, "stray"))
    if is_owned:
        estate.relate(uid, R.OWNED_BY, CART)
    if is_declared:
        estate.put(Facet.APPLIED, manifest(kind, "stray"))
    graph = estate.graph()
    finding = _finding(graph, uid, verdict=Verdict.UNMANAGED)
    assert propose(graph, _diagnosis(_cause(uid, drift=finding)), now=NOW) == ()


def test_a_bad_deployment_is_rolled_back_with_a_warning_about_the_declared_state() -> None:
    """The next deployment would bring it back, so the change to declare is named."""
    estate = EstateBuilder()
    estate.add(workload("cart", ready=0, image="registry.example/app:2.0"), origin=ORIGIN)
    image = "/spec/template/spec/containers/0/image"
    change = _change(
        CART,
        image,
        before="registry.example/app:1.9",
        after="registry.example/app:2.0",
        channel=Channel.DEPLOYMENT,
        reference="c0ffee",
    )
    estate.change(change)
    (plan,) = propose(estate.graph(), _diagnosis(_cause(CART, kind="bad_image", change=change), subject=CART), now=NOW)
    assert [(e.before, e.after) for e in plan.action.edits] == [
        ("registry.example/app:2.0", "registry.example/app:1.9")
    ]
    assert any("shop/cart.yaml:12@c0ffee000000" in w and "brings it back" in w for w in plan.warnings)
    assert any('"registry.example/app:1.9"' in w for w in plan.warnings)
    assert Check(kind=CheckKind.HEALTHY, target=CART) in plan.verification


def test_a_change_that_no_longer_runs_is_not_rolled_back() -> None:
    """Somebody was faster."""
    estate = EstateBuilder()
    estate.add(workload("cart", image="registry.example/app:2.1"))
    image = "/spec/template/spec/containers/0/image"
    change = _change(CART, image, before="registry.example/app:1.9", after="registry.example/app:2.0")
    assert propose(estate.graph(), _diagnosis(_cause(CART, change=change)), now=NOW) == ()


def _incident(**rest: Any) -> OpenIncident:
    given = {"id": "INC-7", "title": "x", "subjects": (CART,), "opened_at": NOW - timedelta(hours=2)}
    return OpenIncident(**(given | rest))


def test_a_change_by_hand_during_an_open_incident_is_held() -> None:
    """It may be what keeps the service up: the plan says why it waits, and what lifts that."""
    estate = _drifted_config(TIMEOUT="9s")
    change = _change(CONFIG, "/data/TIMEOUT", before="2s", after="9s")
    graph = estate.graph()
    finding = _finding(graph, CONFIG, "/data/TIMEOUT")
    plan = revert_plan(graph, finding, change, now=NOW, open_incidents=(_incident(),))
    assert plan is not None
    assert plan.hold.startswith("Do not revert yet: shop/ConfigMap/cart was changed by hand by kate")
    assert "INC-7" in plan.hold
    assert "shop/Deployment/cart" in plan.hold
    assert "resolved and either the declared state carries the change or the owner confirms" in plan.hold
    assert any("next deployment would revert" in w for w in plan.warnings)


@pytest.mark.parametrize(
    ("incident", "channel"),
    [
        pytest.param({"resolved_at": NOW - timedelta(minutes=5)}, Channel.BY_HAND, id="resolved since"),
        pytest.param({"opened_at": NOW - timedelta(minutes=5)}, Channel.BY_HAND, id="opened afterwards"),
        pytest.param({"subjects": (k8s("Deployment", "elsewhere"),)}, Channel.BY_HAND, id="about something else"),
        pytest.param({}, Channel.DEPLOYMENT, id="not by hand"),
    ],
)
def test_other_changes_are_not_held(incident: dict[str, Any], channel: Channel) -> None:
    """A hold needs an incident that was open, is open, and has to do with the resource."""
    graph = _drifted_config(TIMEOUT="9s").graph()
    change = _change(CONFIG, "/data/TIMEOUT", before="2s", after="9s", channel=channel)
    finding = _finding(graph, CONFIG, "/data/TIMEOUT")
    plan = revert_plan(graph, finding, change, now=NOW, open_incidents=(_incident(**incident),))
    assert plan is not None
    assert plan.hold == ""


def test_a_change_that_does_harm_is_not_held_but_its_author_is_asked() -> None:
    """A diagnosis found it to be the cause of this incident; another one may still need it."""
    graph = _drifted_config(TIMEOUT="0s").graph()
    change = _change(CONFIG, "/data/TIMEOUT", before="2s", after="0s")
    cause = _cause(CONFIG, drift=_finding(graph, CONFIG, "/data/TIMEOUT"), change=change)
    plan = propose(graph, _diagnosis(cause), now=NOW, open_incidents=(_incident(),))[0]
    assert plan.hold == ""
    assert any("ask kate" in w for w in plan.warnings)


def test_an_emergency_change_is_held_even_when_its_incident_is_not_known() -> None:
    """The diagnosis already established it."""
    graph = _drifted_config(TIMEOUT="9s").graph()
    cause = _cause(CONFIG, kind="emergency_change", drift=_finding(graph, CONFIG, "/data/TIMEOUT"))
    (plan,) = propose(graph, _diagnosis(cause), now=NOW)
    assert "Do not revert yet" in plan.hold


@pytest.mark.parametrize("verdict", [DiagnosisVerdict.INCONCLUSIVE, DiagnosisVerdict.HEALTHY])
def test_without_a_cause_nothing_is_proposed(verdict: DiagnosisVerdict) -> None:
    """A guess gets no plan."""
    graph = _drifted_config(TIMEOUT="0s").graph()
    cause = _cause(CONFIG, drift=_finding(graph, CONFIG, "/data/TIMEOUT"))
    assert propose(graph, _diagnosis(cause, verdict=verdict), now=NOW) == ()


def test_a_drift_can_be_reverted_without_a_diagnosis() -> None:
    """For people who look at drift rather than at an alert."""
    graph = _drifted_config(TIMEOUT="0s").graph()
    plan = revert_plan(graph, _finding(graph, CONFIG, "/data/TIMEOUT"), None, now=NOW)
    assert plan is not None
    assert plan.action.edits == (FieldEdit(path="/data/TIMEOUT", before="0s", after="2s"),)


def test_a_plan_is_the_same_each_time_it_is_made() -> None:
    """Its digest is what an approval is bound to."""
    graphs = [_drifted_config(TIMEOUT="0s").graph() for _ in range(2)]
    plans = [revert_plan(g, _finding(g, CONFIG, "/data/TIMEOUT"), None, now=NOW) for g in graphs]
    assert plans[0] is not None
    assert plans[0] == plans[1]


def test_replicas_that_an_autoscaler_writes_come_with_a_warning() -> None:
    """It may write another number at once."""
    estate = _cart()
    estate.put(Facet.ACTUAL, workload("cart", replicas=0, ready=0))
    estate.relate(estate.add(manifest("HorizontalPodAutoscaler", "cart")), R.SCALES, CART)
    graph = estate.graph()
    plan = revert_plan(graph, _finding(graph, CART, "/spec/replicas"), None, now=NOW)
    assert plan is not None
    assert any("HorizontalPodAutoscaler" in w for w in plan.warnings)
