"""Each verdict that a comparison of the three facets can give, one test a row of the table, named after it.

The first letter of a case is the intended state, then the applied one, then the actual one.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from graph.document import ABSENT, put
from graph.drift import DriftReport, compare
from graph.finding import LIVE_DRIFT, Finding, Verdict
from graph.version import Unreadable
from tests.graph.kinds.kubernetes.build import annotated, managed, objects, read, report

Object = dict[str, Any]

WEB, SERVICE, CONFIG, SECRET, POLICY, ACCOUNT = objects()
LEVEL = "/data/LOG"
REPLICAS = "/spec/replicas"


def only(result: DriftReport) -> Finding:
    """The one finding of a report, whether it is drift or tolerated."""
    (finding,) = (*result.findings, *result.tolerated)
    return finding


def field(intended: Any, applied: Any, actual: Any) -> DriftReport:
    """Compare three states of one field of a ConfigMap."""
    states = [put(copy.deepcopy(CONFIG), LEVEL, value) for value in (intended, applied, actual)]
    return report([states[0]], [states[2]], [states[1]])


def test_in_sync() -> None:
    """All three are equal: nothing is said."""
    result = field("info", "info", "info")
    assert (result.findings, result.tolerated, result.not_comparable) == ((), (), ())
    assert result.resources == 1


def test_out_of_band_change() -> None:
    """What runs is neither what is declared nor what was applied, and these two agree."""
    finding = only(field("info", "info", "debug"))
    assert (finding.path, finding.verdict) == (LEVEL, Verdict.OUT_OF_BAND_CHANGE)
    assert (finding.intended, finding.applied, finding.actual) == ("info", "info", "debug")


def test_pending_rollout() -> None:
    """The declaration moved on; what was applied runs."""
    assert only(field("debug", "info", "info")).verdict is Verdict.PENDING_ROLLOUT


def test_conflict() -> None:
    """All three differ."""
    assert only(field("a", "b", "c")).verdict is Verdict.CONFLICT


def test_converged_by_hand() -> None:
    """It runs as declared, although something else was applied: a note, no drift."""
    result = field("a", "b", "a")
    assert result.findings == ()
    assert only(result).verdict is Verdict.CONVERGED_BY_HAND


def test_unmanaged() -> None:
    """Nobody declared or applied an object that runs."""
    extra = {**CONFIG, "metadata": {"name": "scratch", "namespace": "shop"}}
    finding = only(report([CONFIG], [CONFIG, extra], [CONFIG]))
    assert (finding.resource.name, finding.path, finding.verdict) == ("scratch", "", Verdict.UNMANAGED)


def test_unmanaged_but_child_of_a_controller() -> None:
    """An object with an owner is the owner's business."""
    owner = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u", "controller": True}]
    child = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": {}}
    child["metadata"] = {"name": "web-1", "namespace": "shop", "ownerReferences": owner}
    assert report([CONFIG], [CONFIG, child], [CONFIG]).findings == ()


def test_prune_pending() -> None:
    """An object that was applied and runs is not declared any more."""
    old = {**CONFIG, "metadata": {"name": "old", "namespace": "shop"}}
    finding = only(report([CONFIG], [CONFIG, old], [CONFIG, old]))
    assert (finding.resource.name, finding.verdict) == ("old", Verdict.PRUNE_PENDING)


def test_nothing_to_report_of_what_is_neither_declared_nor_there() -> None:
    """Only the applied state still knows the object: there is nothing left to differ."""
    old = {**CONFIG, "metadata": {"name": "old", "namespace": "shop"}}
    result = report([CONFIG], [CONFIG], [CONFIG, old])
    assert (result.findings, result.tolerated) == ((), ())


def test_deleted_out_of_band() -> None:
    """It is declared and was applied, and is gone."""
    finding = only(report([CONFIG], [], [CONFIG]))
    assert (finding.path, finding.actual, finding.verdict) == ("", ABSENT, Verdict.DELETED_OUT_OF_BAND)


def test_never_applied() -> None:
    """It is declared, and nobody ever applied it."""
    assert only(report([CONFIG], [], [])).verdict is Verdict.NEVER_APPLIED


def test_baseline_assumed() -> None:
    """Nothing tells what was applied: two states are compared, and the assumption is said."""
    finding = only(report([CONFIG], [put(copy.deepcopy(CONFIG), LEVEL, "debug")]))
    assert finding.verdict is Verdict.OUT_OF_BAND_CHANGE
    assert "baseline assumed" in finding.note


def test_expected_mutation() -> None:
    """Replicas in the range of an autoscaler that targets the workload are its business, and stay listed."""
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1,
            "maxReplicas": 9,
        },
    }
    result = report([WEB, scaler], [put(copy.deepcopy(WEB), REPLICAS, 7), scaler])
    assert result.findings == ()
    assert (only(result).verdict, only(result).rule) == (Verdict.EXPECTED_MUTATION, "N21")


def test_representation_only() -> None:
    """Two spellings of one value name the rule by which they are equal."""
    path = "/spec/template/spec/containers/0/resources/limits/cpu"
    result = report([WEB], [put(copy.deepcopy(WEB), path, "0.5")], [WEB])
    assert result.findings == ()
    assert (only(result).path, only(result).verdict, only(result).rule) == (path, Verdict.REPRESENTATION_ONLY, "N04")


def test_not_comparable_resource() -> None:
    """What could not be read is neither drift nor clean."""
    denied = Unreadable(where="secrets", reason="may not list", resource=read([SECRET])[0].resource)
    result = compare(intended=read([SECRET]), applied=None, actual=[], unreadable=[denied])
    assert result.findings == ()
    assert [n.resource for n in result.not_comparable] == ["shop/Secret/web"]


def test_not_comparable_field() -> None:
    """Without a schema nobody knows whether an empty value is the same as none."""
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "shop"}}
    result = report([{**widget, "spec": {"mode": ""}}], [{**widget, "spec": {}}])
    assert result.findings == ()
    assert (only(result).path, only(result).verdict) == ("/spec/mode", Verdict.NOT_COMPARABLE)


def test_not_comparable_withholds_equality_only() -> None:
    """A visible difference is drift, schema or not."""
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "shop"}}
    finding = only(report([{**widget, "spec": {"size": 1}}], [{**widget, "spec": {"size": 2}}]))
    assert (finding.path, finding.verdict) == ("/spec/size", Verdict.OUT_OF_BAND_CHANGE)


LABELLED = put(copy.deepcopy(WEB), "/metadata/labels/team", "x")
DEPLOYED: Object = {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:replicas": {}, "f:selector": {}}}
TEAM: Object = {"f:metadata": {"f:labels": {"f:team": {}}}}


def test_undeclared_addition() -> None:
    """What a trusted controller added is listed and is no drift."""
    result = report([WEB], [managed(LABELLED, ("helm", DEPLOYED), ("kube-controller-manager", TEAM))])
    assert result.findings == ()
    assert (only(result).path, only(result).verdict) == ("/metadata/labels/team", Verdict.UNDECLARED_ADDITION)


def test_undeclared_addition_by_somebody() -> None:
    """It is drift once a writer is known that nobody trusts for it."""
    finding = only(report([WEB], [managed(LABELLED, ("helm", DEPLOYED), ("kubectl-label", TEAM))]))
    assert (finding.verdict, finding.manager) == (Verdict.OUT_OF_BAND_CHANGE, "kubectl-label")


def test_dropped_from_config() -> None:
    """A key that the deployer still owns and nobody declares any more waits to be pruned; the note says why."""
    both = {**DEPLOYED, "f:metadata": {"f:labels": {"f:app": {}, "f:team": {}}}}
    finding = only(report([WEB], [managed(LABELLED, ("argocd-controller", both))]))
    assert (finding.path, finding.verdict) == ("/metadata/labels/team", Verdict.PRUNE_PENDING)
    assert "dropped from the declaration" in finding.note


def test_dropped_from_config_by_the_annotation() -> None:
    """The last-applied annotation tells the same."""
    finding = only(report([WEB], [annotated(LABELLED, LABELLED)]))
    assert (finding.path, finding.verdict) == ("/metadata/labels/team", Verdict.PRUNE_PENDING)


@pytest.mark.parametrize("verdict", Verdict)
def test_the_roll_up_of_an_object(verdict: Verdict) -> None:
    """An object has no live drift iff each path is in sync, spelled otherwise, expected, converged or only added."""
    mild = {
        Verdict.IN_SYNC,
        Verdict.REPRESENTATION_ONLY,
        Verdict.EXPECTED_MUTATION,
        Verdict.CONVERGED_BY_HAND,
        Verdict.UNDECLARED_ADDITION,
        Verdict.NOT_COMPARABLE,
    }
    assert (verdict in LIVE_DRIFT) is (verdict not in mild)
