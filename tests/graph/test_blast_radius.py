"""What a failure reaches, and what a fix reaches."""

from __future__ import annotations

from datetime import timedelta

import pytest

from graph.action import Action, ActionKind, FieldEdit
from graph.blast_radius import (
    Affected,
    Band,
    BlastRadius,
    Mode,
    Seed,
    action_seeds,
    blast_radius,
    failing_seeds,
    fault_seeds,
)
from graph.change import Change
from graph.diagnosis.result import Cause, CauseState, Diagnosis, DiagnosisVerdict
from graph.environment import EnvironmentGraph
from graph.incident import Candidate
from graph.relation import RelationType as R
from graph.version import Unreadable
from tests.graph.builders import NOW, EstateBuilder, cloud, k8s, manifest, service, workload


def _shop() -> EstateBuilder:
    """Three services behind an ingress: web calls cart, cart calls store. Each workload has a Service of its name."""
    estate = EstateBuilder()
    for name in ("web", "cart", "store"):
        estate.add(workload(name, ready=2))
        estate.add(service(name))
        estate.relate(k8s("Service", name), R.SELECTS, k8s("Deployment", name))
    estate.relate(k8s("Deployment", "web"), R.CALLS, k8s("Service", "cart"))
    estate.relate(k8s("Deployment", "cart"), R.CALLS, k8s("Service", "store"))
    estate.add(manifest("Ingress", "shop", spec={}))
    estate.relate(k8s("Ingress", "shop"), R.ROUTES_TO, k8s("Service", "web"))
    return estate


def _reach(graph: EnvironmentGraph, uid: str, path: str = "") -> dict[str, Affected]:
    return _by_uid(blast_radius(graph, failing_seeds(graph, uid, path)))


def _by_uid(radius: BlastRadius) -> dict[str, Affected]:
    assert len({a.uid for a in radius.affected}) == len(radius.affected)
    return {a.uid: a for a in radius.affected}


def test_a_dead_workload_takes_its_service_down_for_certain() -> None:
    """Zero endpoints is a fact, a caller's trouble is likely at distance one and possible beyond."""
    reach = _reach(_shop().graph(), k8s("Deployment", "store"))
    assert (reach[k8s("Service", "store")].mode, reach[k8s("Service", "store")].band) == (Mode.DOWN, Band.CERTAIN)
    assert (reach[k8s("Deployment", "cart")].mode, reach[k8s("Deployment", "cart")].band) == (
        Mode.DEGRADED,
        Band.LIKELY,
    )
    assert reach[k8s("Deployment", "web")].band is Band.POSSIBLE
    assert reach[k8s("Ingress", "shop")].band is Band.POSSIBLE
    assert reach[k8s("Ingress", "shop")].path[0] == k8s("Deployment", "store")


def test_what_a_failed_caller_calls_is_starved_and_nothing_worse() -> None:
    """Trouble moves in its declared direction; against it there is less work only, and it never turns back."""
    reach = _reach(_shop().graph(), k8s("Deployment", "web"))
    broken = {uid for uid, affected in reach.items() if affected.mode is not Mode.STARVED}
    assert broken == {k8s("Service", "web"), k8s("Ingress", "shop")}
    starved = {uid for uid, affected in reach.items() if affected.mode is Mode.STARVED}
    assert k8s("Service", "store") in starved
    assert all(reach[uid].band is not Band.CERTAIN for uid in starved)
    assert reach[k8s("Ingress", "shop")].mode is Mode.DOWN


def test_pods_and_replica_sets_are_folded_into_their_workload() -> None:
    """A reader wants services, not thirty pods."""
    estate = _shop()
    estate.add_actual(manifest("ReplicaSet", "store-1"))
    estate.relate(k8s("ReplicaSet", "store-1"), R.OWNED_BY, k8s("Deployment", "store"))
    for n in range(3):
        pod = k8s("Pod", f"store-1-{n}")
        estate.add_actual(manifest("Pod", f"store-1-{n}", status={"conditions": []}))
        estate.relate(pod, R.OWNED_BY, k8s("ReplicaSet", "store-1"))
        estate.relate(k8s("Service", "store"), R.SELECTS, pod)
    reach = _reach(estate.graph(), k8s("Deployment", "store"))
    assert not [uid for uid in reach if "/Pod/" in uid or "/ReplicaSet/" in uid]
    assert reach[k8s("Service", "store")].mode is Mode.DOWN


def test_other_pods_behind_a_service_keep_it_up() -> None:
    """A Service with another serving workload is impaired, not down."""
    estate = _shop()
    estate.add(workload("store-canary", ready=1))
    estate.relate(k8s("Service", "store"), R.SELECTS, k8s("Deployment", "store-canary"))
    reach = _reach(estate.graph(), k8s("Deployment", "store"))
    assert (reach[k8s("Service", "store")].mode, reach[k8s("Service", "store")].band) == (Mode.DEGRADED, Band.LIKELY)


def _with_role(estate: EstateBuilder) -> tuple[str, str]:
    role = estate.add(cloud("aws_iam_role.store"))
    policy = estate.add(cloud("aws_iam_role_policy.store", policy="{}"))
    account = estate.add(manifest("ServiceAccount", "store"))
    estate.relate(role, R.HAS_POLICY, policy)
    estate.relate(policy, R.REFERENCES, role)
    estate.relate(account, R.ASSUMES, role)
    estate.relate(k8s("Deployment", "store"), R.RUNS_AS, account)
    return role, policy


def test_a_lost_permission_reaches_role_account_workload_service_callers_and_ingress() -> None:
    """The way of a failing role policy to the edge, with bands that only get weaker."""
    estate = _shop()
    role, policy = _with_role(estate)
    reach = _reach(estate.graph(), policy, "/values/policy/Statement/2")
    ingress = reach[k8s("Ingress", "shop")]
    assert ingress.path == (
        policy,
        role,
        k8s("ServiceAccount", "store"),
        k8s("Deployment", "store"),
        k8s("Service", "store"),
        k8s("Deployment", "cart"),
        k8s("Service", "cart"),
        k8s("Deployment", "web"),
        k8s("Service", "web"),
        k8s("Ingress", "shop"),
    )
    assert reach[role].band is reach[k8s("Deployment", "store")].band is Band.CERTAIN
    assert reach[k8s("Deployment", "store")].mode is Mode.DENIED
    assert reach[k8s("Service", "store")].band is reach[k8s("Deployment", "cart")].band is Band.LIKELY
    assert all(1 <= a.depth <= 4 for a in reach.values())


@pytest.mark.parametrize(
    ("hub", "relation"),
    [
        pytest.param(k8s("ServiceAccount", "default"), R.RUNS_AS, id="default service account"),
        pytest.param(k8s("Namespace", "shop"), R.OWNED_BY, id="namespace"),
    ],
)
def test_a_hub_is_no_bridge(hub: str, relation: R) -> None:
    """So much hangs on a hub that being reached through it says nothing."""
    estate = _shop()
    role = estate.add(cloud("aws_iam_role.any"))
    kind, name = hub.split("/")[-3], hub.rpartition("/")[2]
    estate.add(manifest(kind, name))
    estate.relate(hub, R.REALISES, role)
    estate.relate(k8s("Deployment", "store"), relation, hub)
    assert set(_reach(estate.graph(), role)) == {hub}
    assert k8s("Deployment", "store") in _reach(estate.graph(), hub)


def test_the_service_account_that_everybody_shares_is_named_as_unseen() -> None:
    """What is not followed is said."""
    estate = _shop()
    account = estate.add(manifest("ServiceAccount", "default"))
    estate.relate(k8s("Deployment", "store"), R.RUNS_AS, account)
    radius = blast_radius(estate.graph(), failing_seeds(estate.graph(), account))
    assert any("share shop/ServiceAccount/default" in line for line in radius.unseen)


def _with_config(how: R, **relation: object) -> EstateBuilder:
    estate = _shop()
    estate.add(manifest("ConfigMap", "store", data={"TIMEOUT": "2s", "LEVEL": "info"}))
    estate.relate(k8s("Deployment", "store"), how, k8s("ConfigMap", "store"), **relation)
    return estate


def test_only_readers_of_the_changed_key_are_reached() -> None:
    """Seeded by the field, not by the object."""
    graph = _with_config(R.READS, detail="LEVEL").graph()
    assert _reach(graph, k8s("ConfigMap", "store"), "/data/TIMEOUT") == {}
    assert k8s("Deployment", "store") in _reach(graph, k8s("ConfigMap", "store"), "/data/LEVEL")


@pytest.mark.parametrize(
    ("ready", "optional", "mode", "band"),
    [
        pytest.param(2, False, Mode.CANNOT_SCHEDULE, Band.CERTAIN, id="running pods go on"),
        pytest.param(0, False, Mode.DOWN, Band.CERTAIN, id="no pod can start"),
        pytest.param(0, True, Mode.DEGRADED, Band.POSSIBLE, id="optional"),
    ],
)
def test_a_missing_config_stops_new_pods(ready: int, optional: bool, mode: Mode, band: Band) -> None:
    """What a missing ConfigMap does depends on whether pods still run and whether they need it."""
    estate = _with_config(R.READS, optional=optional)
    estate.add(workload("store", ready=ready))
    estate.remove(k8s("ConfigMap", "store"))
    reach = _reach(estate.graph(), k8s("ConfigMap", "store"))
    assert (reach[k8s("Deployment", "store")].mode, reach[k8s("Deployment", "store")].band) == (mode, band)


def test_a_changed_value_waits_for_the_restart_of_pods_that_read_it_before() -> None:
    """Environment variables are read when a container starts."""
    estate = _with_config(R.READS, detail="LEVEL")
    pod = manifest("Pod", "store-1-a", status={"startTime": (NOW - timedelta(hours=5)).isoformat(), "conditions": []})
    estate.add_actual(pod)
    estate.relate(k8s("Pod", "store-1-a"), R.OWNED_BY, k8s("Deployment", "store"))
    estate.change(Change(id="c", uid=k8s("ConfigMap", "store"), kind="config", latest=NOW - timedelta(hours=1)))
    reach = _reach(estate.graph(), k8s("ConfigMap", "store"), "/data/LEVEL")
    assert set(reach) == {k8s("Deployment", "store")}
    assert reach[k8s("Deployment", "store")].mode is Mode.STALE_UNTIL_RESTART


def test_labels_and_annotations_break_nothing() -> None:
    """A cosmetic field has no seeds, and no seeds reach nothing."""
    graph = _shop().graph()
    assert failing_seeds(graph, k8s("Deployment", "store"), "/metadata/labels/team") == ()
    assert blast_radius(graph, ()).affected == ()


def test_a_network_policy_cuts_off_only_callers_it_does_not_admit() -> None:
    """A caller that some rule admits is not affected."""
    estate = _shop()
    estate.add(workload("probe", ready=1))
    estate.relate(k8s("Deployment", "probe"), R.CALLS, k8s("Service", "store"))
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "probe"}}}]}
    pods = {"podSelector": {"matchLabels": {"app": "store"}}}
    spec = {"policyTypes": ["Ingress"], "ingress": [rule], **pods}
    policy = estate.add_actual(manifest("NetworkPolicy", "store", spec=spec))
    estate.relate(policy, R.GUARDS, k8s("Deployment", "store"))
    # What the declared policy admitted is stated too, and must not count for what runs.
    estate.relate(policy, R.ALLOWS, k8s("Deployment", "cart"))
    reach = _reach(estate.graph(), policy)
    assert reach[k8s("Deployment", "cart")].mode is Mode.DENIED
    assert k8s("Deployment", "probe") not in reach


def test_a_service_without_ready_endpoints_is_down_whatever_was_declared_behind_it() -> None:
    """A declared selector still relates it to pods that it no longer finds."""
    estate = _shop()
    graph = estate.graph()
    assert failing_seeds(graph, k8s("Service", "store"), "/spec/selector/app")[0].mode is Mode.MISROUTED
    estate.add_actual(manifest("EndpointSlice", "store-1", endpoints=[]))
    estate.relate(k8s("EndpointSlice", "store-1"), R.OWNED_BY, k8s("Service", "store"))
    assert failing_seeds(estate.graph(), k8s("Service", "store"), "/spec/selector/app")[0].mode is Mode.DOWN


def test_losing_telemetry_is_possible_trouble_and_goes_no_further() -> None:
    """Clients of a collector drop their signals and go on."""
    estate = _shop()
    estate.add(service("otel-collector"))
    estate.relate(k8s("Deployment", "store"), R.CALLS, k8s("Service", "otel-collector"))
    reach = _reach(estate.graph(), k8s("Service", "otel-collector"))
    assert {uid: a.band for uid, a in reach.items()} == {k8s("Deployment", "store"): Band.POSSIBLE}


def test_cycles_end_and_depth_is_bounded() -> None:
    """A ring of callers is walked once, up to the depth that was asked for."""
    estate = EstateBuilder()
    names = [f"s{n}" for n in range(8)]
    for name in names:
        estate.add(workload(name, ready=1))
        estate.add(service(name))
        estate.relate(k8s("Service", name), R.SELECTS, k8s("Deployment", name))
    for caller, callee in zip(names[1:] + names[:1], names, strict=True):
        estate.relate(k8s("Deployment", caller), R.CALLS, k8s("Service", callee))
    graph = estate.graph()
    radius = blast_radius(graph, failing_seeds(graph, k8s("Deployment", "s0")), max_depth=2)
    broken = {a.uid for a in radius.affected if "/Deployment/" in a.uid and a.mode is not Mode.STARVED}
    assert broken == {k8s("Deployment", n) for n in ("s1", "s2")}
    assert any("not followed" in line for line in radius.unseen)


def test_workloads_without_call_evidence_are_unseen() -> None:
    """The share of workloads that nothing is known of stands beside every answer."""
    estate = _shop()
    estate.add(workload("island", ready=1))
    radius = blast_radius(estate.graph(), failing_seeds(estate.graph(), k8s("Service", "store")))
    assert radius.unseen_share == pytest.approx(1 / 4)
    assert any("shop/Deployment/island" in line for line in radius.unseen)


def test_a_queue_that_nobody_is_known_to_use_is_unseen() -> None:
    """Knowing no consumer is not the same as having none."""
    estate = _shop()
    queue = estate.add(cloud("aws_sqs_queue.orders"))
    radius = blast_radius(estate.graph(), failing_seeds(estate.graph(), queue))
    assert any(line == "No consumer of aws_sqs_queue.orders is known." for line in radius.unseen)


def test_affected_are_ordered_by_band_then_depth_then_uid() -> None:
    """The surest effects come first."""
    radius = blast_radius(_shop().graph(), failing_seeds(_shop().graph(), k8s("Deployment", "store")))
    order = [Band.CERTAIN, Band.LIKELY, Band.POSSIBLE]
    keys = [(order.index(a.band), a.depth, a.uid) for a in radius.affected]
    assert keys == sorted(keys)


def _diagnosis(*causes: Cause, verdict: DiagnosisVerdict = DiagnosisVerdict.CAUSE_FOUND) -> Diagnosis:
    return Diagnosis(
        verdict=verdict,
        summary="",
        causes=causes,
        subjects=(Candidate(uid=k8s("Deployment", "cart"), score=0.9, reason=""),),
        observations=(),
        gaps=(),
        as_of=NOW,
    )


def test_faults_begin_at_the_leading_cause_else_at_the_subject_of_the_alert() -> None:
    """Without a cause the answer starts where the alert points, and is less certain."""
    graph = _shop().graph()
    cause = Cause(
        resource=k8s("Deployment", "store"),
        kind="workload_failing",
        summary="",
        confidence=0.9,
        state=CauseState.LEADING,
        statements=(),
    )
    assert [s.uid for s in fault_seeds(graph, _diagnosis(cause))] == [k8s("Deployment", "store")]
    unknown = fault_seeds(graph, _diagnosis(verdict=DiagnosisVerdict.INCONCLUSIVE))
    assert [(s.uid, s.band) for s in unknown] == [(k8s("Deployment", "cart"), Band.LIKELY)]
    assert fault_seeds(graph, _diagnosis(verdict=DiagnosisVerdict.HEALTHY)) == ()


@pytest.mark.parametrize(
    ("ready", "verdict", "expected"),
    [
        pytest.param(2, DiagnosisVerdict.CAUSE_FOUND, (Mode.DEGRADED, Band.CERTAIN), id="unwell"),
        pytest.param(0, DiagnosisVerdict.CAUSE_FOUND, (Mode.DOWN, Band.CERTAIN), id="down"),
        pytest.param(0, DiagnosisVerdict.INCONCLUSIVE, (Mode.DOWN, Band.LIKELY), id="may not be it"),
    ],
)
def test_a_cause_is_no_worse_and_no_surer_than_what_was_seen(
    ready: int, verdict: DiagnosisVerdict, expected: tuple[Mode, Band]
) -> None:
    """What has ready pods is not down; what is only the best guess does not certainly reach anything."""
    estate = EstateBuilder()
    estate.add(workload("store", ready=ready))
    cause = Cause(
        resource=k8s("Deployment", "store"),
        kind="slow_service",
        summary="",
        confidence=0.4,
        state=CauseState.LEADING,
        statements=(),
    )
    (seed,) = fault_seeds(estate.graph(), _diagnosis(cause, verdict=verdict))
    assert (seed.mode, seed.band) == expected


def test_what_could_not_be_read_is_named() -> None:
    """A number alone tells nobody where to look."""
    estate = _shop()
    for number in range(11):
        estate.unreadable(Unreadable(where=f"charts/broken-{number:02}", reason="does not render"))
    graph = estate.graph()
    told = " ".join(blast_radius(graph, failing_seeds(graph, k8s("Deployment", "store"))).unseen)
    assert "This could not be read: charts/broken-00, " in told
    assert "charts/broken-09 and 1 more." in told


def test_restoring_a_policy_recovers_the_users_of_the_role() -> None:
    """The radius of a fix is the way back of the fault."""
    estate = _shop()
    _, policy = _with_role(estate)
    edit = FieldEdit(path="/values/policy", before="{}", after="{...}")
    action = Action(kind=ActionKind.SET_FIELDS, target=policy, edits=(edit,))
    graph = estate.graph()
    reach = _by_uid(blast_radius(graph, action_seeds(graph, action)))
    assert {reach[k8s("Deployment", n)].mode for n in ("store", "cart", "web")} == {Mode.RECOVERS}
    assert reach[k8s("Deployment", "store")].band is Band.CERTAIN


@pytest.mark.parametrize(
    ("deployment", "mode"),
    [
        pytest.param({"replicas": 3, "ready": 3}, Mode.RECOVERS, id="redundant"),
        pytest.param({"replicas": 1, "ready": 1}, Mode.DOWN, id="single pod without a readiness probe"),
        pytest.param({"replicas": 1, "ready": 0}, Mode.RECOVERS, id="nothing to lose"),
    ],
)
def test_a_template_change_disturbs_only_what_is_not_redundant(deployment: dict[str, int], mode: Mode) -> None:
    """A rollout of enough pods is not noticed; that of the only pod is."""
    estate = _shop()
    estate.add(workload("store", **deployment))
    edit = FieldEdit(path="/spec/template/spec/containers/0/image", before="a:2", after="a:1")
    action = Action(kind=ActionKind.SET_FIELDS, target=k8s("Deployment", "store"), edits=(edit,))
    graph = estate.graph()
    reach = _by_uid(blast_radius(graph, action_seeds(graph, action)))
    assert reach[k8s("Service", "store")].mode is mode


@pytest.mark.parametrize(
    ("how", "mode"), [(R.READS, Mode.STALE_UNTIL_RESTART), (R.MOUNTS, Mode.RECOVERS)], ids=["env", "volume"]
)
def test_a_restored_config_reaches_env_readers_only_at_their_restart(how: R, mode: Mode) -> None:
    """A mounted file follows by itself, a variable does not."""
    estate = _with_config(how)
    edit = FieldEdit(path="/data/LEVEL", before="x", after="info")
    action = Action(kind=ActionKind.SET_FIELDS, target=k8s("ConfigMap", "store"), edits=(edit,))
    graph = estate.graph()
    reach = _by_uid(blast_radius(graph, action_seeds(graph, action)))
    assert reach[k8s("Deployment", "store")].mode is mode


def test_a_disruption_budget_that_a_rollout_would_break_makes_trouble_likely() -> None:
    """The pods left while rolling are compared with what the budget keeps."""
    estate = _shop()
    body = workload("store", replicas=4, ready=4)
    body["spec"]["strategy"] = {"rollingUpdate": {"maxUnavailable": 2}}
    estate.add(body)
    estate.add(manifest("PodDisruptionBudget", "store", spec={"minAvailable": 3}))
    estate.relate(k8s("PodDisruptionBudget", "store"), R.SELECTS, k8s("Deployment", "store"))
    graph = estate.graph()
    seeds = action_seeds(graph, Action(kind=ActionKind.RESTART_WORKLOAD, target=k8s("Deployment", "store")))
    reach = _by_uid(blast_radius(graph, seeds))
    assert (reach[k8s("Service", "store")].mode, reach[k8s("Service", "store")].band) == (Mode.DEGRADED, Band.LIKELY)


def test_seeds_are_not_among_the_affected_and_keep_their_band() -> None:
    """A seed that is only possible makes nothing behind it surer."""
    graph = _shop().graph()
    seed = Seed(uid=k8s("Deployment", "store"), mode=Mode.DOWN, reason="", band=Band.POSSIBLE)
    radius = blast_radius(graph, (seed,))
    assert seed.uid not in {a.uid for a in radius.affected}
    assert {a.band for a in radius.affected} == {Band.POSSIBLE}
