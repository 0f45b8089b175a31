"""Each demo incident shows what its story promises, and the fix it expects brings health back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from app.demo.build import DemoEstate, environment_config
from app.demo.scenario import Scenario
from app.demo.scenarios import SCENARIOS
from app.senders import SENDERS
from app.settings import EnvironmentSettings
from app.sources import build_sources
from graph.action import ActionKind, FieldEdit
from graph.diagnosis.result import DiagnosisVerdict
from graph.document import ABSENT
from graph.drift import Finding, compare
from graph.evidence import ObservationKind
from graph.resource import Facet
from tests.demo_estates import NOW, k8s, reader, store, target, tf
from tools.actions.simulated_cluster.network import is_ready
from tools.actions.simulated_cluster.traffic import observe
from tools.adapters.delivery import Ignored
from tools.adapters.estate_files import lines

NAMES = {
    "kms-permission-removed",
    "bad-image-rollout",
    "config-changed-out-of-band",
    "network-policy-blocks-caller",
    "secret-removed",
    "service-selector-mismatch",
    "database-rule-removed",
    "cause-unknown",
    "emergency-fix-drift",
    "healthy-false-alarm",
}


def _findings(demo: DemoEstate) -> dict[tuple[str, str], Finding]:
    config = EnvironmentSettings(**environment_config(demo.root.parent))
    facets = {s.facet: s.read() for s in build_sources(config, salt=b"pepper", clock=lambda: NOW).states}
    report = compare(
        intended=facets[Facet.INTENDED].documents,
        applied=facets[Facet.APPLIED].documents,
        actual=facets[Facet.ACTUAL].documents,
    )
    return {(f.resource.uid, f.path): f for f in report.findings}


def _said(demo: DemoEstate, uid: str) -> str:
    recent = reader(demo).symptoms(NOW - timedelta(minutes=15))
    return "\n".join(s.text for s in recent if s.resource == uid and s.kind is ObservationKind.LOG)


def _unready(demo: DemoEstate, workload: str) -> int:
    pods = store(demo).of_kind("Pod", "shop")
    return sum(1 for key, pod in pods if key.name.startswith(f"{workload}-") and not is_ready(pod))


def test_all_promised_incidents_exist() -> None:
    """The ten names are what other parts and the documentation use."""
    assert set(SCENARIOS) == NAMES
    assert all(name == scenario.name for name, scenario in SCENARIOS.items())


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda s: s.name)
def test_alerts_are_read_by_the_sender_they_claim(scenario: Scenario) -> None:
    """Every alert is a body that the webhook of its sender turns into one firing alert."""
    for sender, payload in (*scenario.prior_alerts(NOW), scenario.alert(NOW)):
        alerts = SENDERS[sender].parse(json.dumps(payload).encode(), received_at=NOW)
        assert not isinstance(alerts, Ignored)
        assert [a.status.value for a in alerts] == ["firing"]
        assert alerts[0].started_at <= NOW


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda s: s.name)
def test_telling_a_story_twice_changes_state_once(demo: DemoEstate, scenario: Scenario) -> None:
    """Triggering an incident that is there already leaves it as it is."""
    scenario.prelude(demo.estate, NOW)
    scenario.inject(demo.estate, NOW)
    before = set(_findings(demo))
    scenario.inject(demo.estate, NOW + timedelta(minutes=1))
    assert set(_findings(demo)) == before


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda s: s.name)
def test_cause_is_a_resource_or_a_missing_one(demo: DemoEstate, scenario: Scenario) -> None:
    """The expected cause is in the estate; the deleted Secret is the one that is not."""
    scenario.inject(demo.estate, NOW)
    uid = scenario.expected.cause_resource
    found = scenario.expected.verdict is DiagnosisVerdict.CAUSE_FOUND
    assert bool(uid) is found
    if uid:
        assert (target(demo).read(uid) is None) is (scenario.name == "secret-removed")


def test_kms_permission_removed(demo: DemoEstate) -> None:
    """payments is denied kms:Decrypt, its callers fail, and CloudTrail names the person; a decoy stands beside it."""
    SCENARIOS["kms-permission-removed"].inject(demo.estate, NOW)
    assert "not authorized to perform: kms:Decrypt" in _said(demo, k8s("Deployment", "payments", "apps"))
    assert "/v1/charges" in _said(demo, k8s("Deployment", "checkout", "apps"))
    assert _unready(demo, "payments") == 2
    records = [r for r in lines(demo.estate / "audit/cloudtrail.jsonl") if "sessionCredentialFromConsole" in r]
    assert [r["eventName"] for r in records] == ["PutRolePolicy", "TagResource"]
    assert records[0]["eventTime"][:16] == records[1]["eventTime"][:16]
    assert records[0]["userIdentity"]["arn"].endswith("/priya.raman@kettle.example")
    assert "kms:Decrypt" not in records[0]["requestParameters"]["policyDocument"]
    uid = tf("aws_iam_role_policy.payments")
    finding = _findings(demo)[uid, "/values/policy/Statement/2"]
    live = target(demo).read(uid)
    assert live is not None
    edit = FieldEdit(path=finding.path, before=ABSENT, after=finding.intended)
    target(demo).set_fields(uid, [edit], version=live.version)
    assert target(demo).is_healthy(k8s("Deployment", "payments", "apps"))
    assert (uid, finding.path) not in _findings(demo)


def test_bad_image_rollout(demo: DemoEstate) -> None:
    """Nothing has drifted; the new pod can't pull, the old ones serve, and the previous image brings it to rest."""
    SCENARIOS["bad-image-rollout"].inject(demo.estate, NOW)
    assert _findings(demo) == {}
    uid = k8s("Deployment", "catalog", "apps")
    live = target(demo).read(uid)
    assert live is not None
    assert live.body["status"]["readyReplicas"] == 2
    assert _unready(demo, "catalog") == 1
    assert not target(demo).is_healthy(uid)
    run = list(lines(demo.estate / "audit/deployments.jsonl"))[-1]["data"]
    assert [t["ref"] for t in run["targets"]] == [uid]
    path = "/spec/template/spec/containers/0/image"
    image = "registry.kettle.example/shop/catalog"
    edit = FieldEdit(path=path, before=f"{image}:4.3.0", after=f"{image}:4.2.1")
    target(demo).set_fields(uid, [edit], version=live.version)
    assert target(demo).is_healthy(uid)
    assert (uid, path) in _findings(demo), "what is declared still names the missing image"


def test_config_changed_out_of_band(demo: DemoEstate) -> None:
    """Pods read a bad value at start and crash; the declared value lets them start."""
    SCENARIOS["config-changed-out-of-band"].inject(demo.estate, NOW)
    workload = k8s("Deployment", "checkout", "apps")
    assert "key=PAYMENTS_TIMEOUT" in _said(demo, workload)
    assert _unready(demo, "checkout") == 3
    uid = k8s("ConfigMap", "checkout-config")
    finding = _findings(demo)[uid, "/data/PAYMENTS_TIMEOUT"]
    assert finding.manager == "kubectl-edit"
    live = target(demo).read(uid)
    assert live is not None
    edit = FieldEdit(path=finding.path, before=finding.actual, after=finding.intended)
    target(demo).set_fields(uid, [edit], version=live.version)
    assert target(demo).is_healthy(workload)


def test_network_policy_blocks_caller(demo: DemoEstate) -> None:
    """Calls that the policy does not list time out; without the policy they work."""
    SCENARIOS["network-policy-blocks-caller"].inject(demo.estate, NOW)
    said = _said(demo, k8s("Deployment", "fulfilment", "apps"))
    assert "shipping:8080" in said
    assert "inventory:8080" not in said
    uid = k8s("NetworkPolicy", "tmp-fulfilment-egress", "networking.k8s.io")
    live = target(demo).read(uid)
    assert live is not None
    target(demo).delete(uid, version=live.version)
    assert observe(store(demo))["shop/Deployment/fulfilment"].error_rate < 0.01


def test_secret_removed(demo: DemoEstate) -> None:
    """New pods can't be created without the Secret; the operator writes it again when asked, and they start."""
    SCENARIOS["secret-removed"].inject(demo.estate, NOW)
    pods = [p for k, p in store(demo).of_kind("Pod") if k.name.startswith("accounts-")]
    reasons = {p["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] for p in pods}
    assert reasons == {"CreateContainerConfigError"}
    secret = k8s("Secret", "accounts-session-keys")
    assert target(demo).read(secret) is None
    uid = k8s("ExternalSecret", "accounts-session-keys", "external-secrets.io")
    live = target(demo).read(uid)
    assert live is not None
    target(demo).resync_secret(uid, version=live.version)
    assert target(demo).read(secret) is not None
    assert target(demo).is_healthy(k8s("Deployment", "accounts", "apps"))
    deletions = [r for r in lines(demo.estate / "audit/kubernetes.jsonl") if r["objectRef"]["resource"] == "secrets"]
    assert [(r["verb"], r["level"]) for r in deletions] == [("delete", "Metadata")]


def test_service_selector_mismatch(demo: DemoEstate) -> None:
    """The Service has no endpoints though its pods are fine; the declared selector finds them again."""
    SCENARIOS["service-selector-mismatch"].inject(demo.estate, NOW)
    assert _unready(demo, "search") == 0
    assert "search:8080" in _said(demo, k8s("Deployment", "gateway", "apps"))
    uid, path = k8s("Service", "search"), "/spec/selector/app.kubernetes.io~1name"
    live = target(demo).read(uid)
    assert live is not None
    assert not target(demo).is_healthy(uid)
    edit = FieldEdit(path=path, before="search-v2", after="search")
    target(demo).set_fields(uid, [edit], version=live.version)
    assert target(demo).is_healthy(uid)


def test_database_rule_removed(demo: DemoEstate) -> None:
    """Services with tables time out and lose their endpoints; the rule lets them back in."""
    SCENARIOS["database-rule-removed"].inject(demo.estate, NOW)
    workload = k8s("Deployment", "orders", "apps")
    assert "connection timed out" in _said(demo, workload)
    record = list(lines(demo.estate / "audit/cloudtrail.jsonl"))[-1]
    assert record["eventName"] == "RevokeSecurityGroupIngress"
    assert record["requestParameters"]["ipPermissions"]["items"][0]["groups"]["items"][0]["groupId"].startswith("sg-")
    uid = tf("aws_security_group.orders_db")
    finding = _findings(demo)[uid, "/values/ingress/1"]
    live = target(demo).read(uid)
    assert live is not None
    edit = FieldEdit(path=finding.path, before=ABSENT, after=finding.intended)
    target(demo).set_fields(uid, [edit], version=live.version)
    assert target(demo).is_healthy(workload)


def test_cause_unknown_has_no_drift_and_misses_logs(demo: DemoEstate) -> None:
    """payments is slow, nothing differs or complains, and its logs are said to be missing."""
    SCENARIOS["cause-unknown"].inject(demo.estate, NOW)
    assert _findings(demo) == {}
    uid = k8s("Deployment", "payments", "apps")
    assert [gap.resource for gap in reader(demo).gaps()] == [uid]
    assert "error" not in _said(demo, uid)
    assert target(demo).is_healthy(uid)
    readings = [s for s in reader(demo).symptoms(NOW - timedelta(minutes=3)) if s.resource == uid]
    assert max(s.value or 0 for s in readings if s.reason == "latency_p99") > 2


def test_emergency_fix_drift_must_stay(demo: DemoEstate) -> None:
    """The raised limit keeps the pods alive: with the declared one they are killed again."""
    scenario = SCENARIOS["emergency-fix-drift"]
    uid = k8s("Deployment", "recommendations", "apps")
    scenario.prelude(demo.estate, NOW)
    assert not target(demo).is_healthy(uid)
    scenario.inject(demo.estate, NOW)
    assert target(demo).is_healthy(uid)
    ((found, path),) = _findings(demo)
    assert found == uid
    live = target(demo).read(uid)
    assert live is not None
    target(demo).set_fields(uid, [FieldEdit(path=path, before="768Mi", after="384Mi")], version=live.version)
    assert not target(demo).is_healthy(uid)
    states = [p["status"]["containerStatuses"][0] for k, p in store(demo).of_kind("Pod") if "recommendations" in k.name]
    assert "OOMKilled" in {s["lastState"].get("terminated", {}).get("reason") for s in states}


def test_false_alarm_is_over(demo: DemoEstate) -> None:
    """There was a blip in the readings, and nothing is wrong now."""
    SCENARIOS["healthy-false-alarm"].inject(demo.estate, NOW)
    assert _findings(demo) == {}
    uid = k8s("Deployment", "shipping", "apps")
    readings = [s for s in reader(demo).symptoms(NOW - timedelta(hours=1)) if s.resource == uid]
    slow = [s.at for s in readings if s.reason == "latency_p99" and (s.value or 0) > 2.5]
    assert slow
    assert max(at for at in slow if at) < NOW - timedelta(minutes=15)
    assert target(demo).is_healthy(uid)


def test_incidents_can_follow_each_other(demo: DemoEstate) -> None:
    """Several incidents in one estate: each shows its own difference, and none undoes another."""
    several: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("kms-permission-removed", lambda: _unready(demo, "payments") == 2),
        ("service-selector-mismatch", lambda: not target(demo).is_healthy(k8s("Service", "search"))),
        ("secret-removed", lambda: _unready(demo, "accounts") == 2),
    )
    for name, _ in several:
        SCENARIOS[name].inject(demo.estate, NOW)
    assert all(shows() for _, shows in several)


def test_only_held_and_quiet_incidents_propose_nothing_to_do_now() -> None:
    """Seven incidents end in an action that can be approved."""
    now = [s.name for s in SCENARIOS.values() if s.expected.action and not s.expected.hold]
    assert len(now) == 7
    assert SCENARIOS["secret-removed"].expected.action is ActionKind.RESYNC_SECRET
