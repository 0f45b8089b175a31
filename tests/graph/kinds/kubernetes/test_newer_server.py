"""Servers newer than anything known: untouched estates are silent, edits are found, what nobody can tell is said."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.drift.ownership import WAYS, owned, taken
from graph.finding import Verdict
from graph.kinds.kubernetes.schema import type_of
from tests.graph.kinds.kubernetes.build import annotated, found, objects, put_in, report

Object = dict[str, Any]

UNCLEAR = {Verdict.NOT_COMPARABLE, Verdict.UNDECLARED_ADDITION}
PAIRS: list[Object] = yaml.safe_load((Path(__file__).with_name("newer_objects.yaml")).read_text())


def laid_over(below: Any, above: Any) -> Any:
    """A copy of `below` in which members of `above` take the place of its own."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {k: laid_over(below.get(k), above.get(k, below.get(k))) for k in below | above}
    return copy.deepcopy(above)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: p["declared"]["kind"])
def test_defaults_of_recent_servers_are_no_drift(pair: Object, way: str) -> None:
    """Whoever deployed it, and however: what the server completed is neither drift nor a question."""
    declared = pair["declared"]
    held = owned(laid_over(declared, pair["live"]), declared, way)
    result = report([declared], [held])
    assert found(result) == []
    unclear = [(f.path, f.verdict, f.actual) for f in result.tolerated if f.verdict in UNCLEAR]
    assert unclear == []


WEB = objects()[0]
FUTURE = "/spec/futurePolicy"
CONTAINER = "/spec/template/spec/containers/0"
HOW_SURE = {
    "apply": Verdict.UNDECLARED_ADDITION,
    "Argo CD": Verdict.UNDECLARED_ADDITION,
    "server-side apply": Verdict.REPRESENTATION_ONLY,
    "Helm, server-side": Verdict.REPRESENTATION_ONLY,
    "Argo CD, server-side": Verdict.REPRESENTATION_ONLY,
    "Flux": Verdict.REPRESENTATION_ONLY,
}
"""The annotation tells that nobody applied a field, an apply that it is no deployer's. Of other ways nothing tells."""


@pytest.mark.parametrize("way", WAYS)
def test_what_nobody_can_tell_is_said(way: str) -> None:
    """A field that no schema knows is a default or a leftover, where its owner is one who owns defaults, too."""
    live = put_in(put_in(WEB, FUTURE, "Standard"), "/spec/progressDeadlineSeconds", 600)
    result = report([WEB], [owned(live, WEB, way)])
    assert found(result) == []
    verdicts = {f.path: f.verdict for f in result.tolerated}
    assert verdicts[FUTURE] is HOW_SURE.get(way, Verdict.NOT_COMPARABLE)


@pytest.mark.parametrize("manager", ["kubectl-edit", "kubectl-patch", "node-fetch", "somebody"])
@pytest.mark.parametrize("path", [FUTURE, f"{CONTAINER}/futurePolicy"])
@pytest.mark.parametrize("way", WAYS)
def test_an_unknown_field_that_somebody_set_is_found(way: str, path: str, manager: str) -> None:
    """Also among others that the server filled in: who owns this and nothing around it has set it."""
    live = put_in(put_in(WEB, path, "Mine"), f"{CONTAINER}/futureOther", "Standard")
    held = taken(owned(live, WEB, way), path, manager=manager)
    (finding,) = report([WEB], [held]).findings
    assert (finding.path, finding.verdict, finding.manager) == (path, Verdict.OUT_OF_BAND_CHANGE, manager)


@pytest.mark.parametrize("way", WAYS)
def test_a_default_that_somebody_changed_is_found(way: str) -> None:
    """A field with a known default, which nobody declares."""
    path = "/spec/progressDeadlineSeconds"
    held = taken(owned(put_in(WEB, path, 5), WEB, way), path, manager="dashboard")
    (finding,) = report([WEB], [held]).findings
    assert (finding.path, finding.verdict, finding.manager) == (path, Verdict.OUT_OF_BAND_CHANGE, "dashboard")


def test_another_default_that_nobody_wrote_is_the_server_s() -> None:
    """A version may fill in another value than the ones known here; without a trace of ownership it may be an edit."""
    path = "/spec/progressDeadlineSeconds"
    live = put_in(WEB, path, 900)
    result = report([WEB], [owned(live, WEB, "Flux")])
    assert found(result) == []
    assert [(f.path, f.verdict) for f in result.tolerated] == [(path, Verdict.REPRESENTATION_ONLY)]
    assert found(report([WEB], [live])) == [(path, "out_of_band_change")]


def test_ownership_in_another_version_says_nothing_of_what_is_not_owned() -> None:
    """Fields may have other names there, so that who changed one owns another."""
    held = owned(put_in(WEB, "/spec/progressDeadlineSeconds", 900), WEB, "Flux")
    held["metadata"]["managedFields"][0]["apiVersion"] = "apps/v1beta1"
    assert found(report([WEB], [held])) == [("/spec/progressDeadlineSeconds", "out_of_band_change")]


ROUTES: Object = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}, {"port": 90}, {"port": 70}]}]},
}
PORTS = "/spec/ingress/0/ports"
FILLED = {"futurePolicy": "Standard", "futureLimit": 5}


def ports(*numbers: int) -> list[Object]:
    return [{"port": number, "protocol": "TCP", **FILLED} for number in numbers]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("numbers", [(80, 90, 70), (70, 80, 90)], ids=["as declared", "another order"])
def test_defaults_in_a_list_that_has_one_owner(way: str, numbers: tuple[int, ...]) -> None:
    """An apply owns such a list with all that the server completed in it: nothing was dropped, nothing moved."""
    assert found(report([ROUTES], [owned(put_in(ROUTES, PORTS, ports(*numbers)), ROUTES, way)])) == []


@pytest.mark.parametrize(
    ("numbers", "path"),
    [((80, 99, 70), f"{PORTS}/1/port"), ((80, 70), f"{PORTS}/1"), ((80, 90, 70, 1), f"{PORTS}/3")],
    ids=["changed", "removed", "added"],
)
@pytest.mark.parametrize("way", [*WAYS, "plain"])
def test_an_edit_in_such_a_list_is_found_alone(way: str, numbers: tuple[int, ...], path: str) -> None:
    """Whoever edits an entry owns the whole list from then on, defaults included."""
    live = put_in(ROUTES, PORTS, ports(*numbers))
    held = live if way == "plain" else taken(owned(live, ROUTES, way), f"{PORTS}/1")
    assert [f.path for f in report([ROUTES], [held]).findings] == [path]


@pytest.mark.parametrize("way", [*WAYS, "plain"])
def test_an_empty_struct_that_the_server_completed(way: str) -> None:
    """Several defaults in what is declared as empty are no other value of it."""
    path = "/spec/template/spec/volumes/0/emptyDir"
    live = put_in(WEB, path, FILLED)
    assert found(report([WEB], [live if way == "plain" else owned(live, WEB, way)])) == []
    filled = put_in(live, path, {**FILLED, "medium": "Memory"})
    assert [f.path for f in report([WEB], [filled]).findings] == [f"{path}/medium"]


def test_what_was_applied_and_is_not_declared_any_more_waits_to_be_pruned() -> None:
    """Although the live entry holds defaults that the applied one never had."""
    container: Object = {"name": "old", "image": "old:1"}
    applied = put_in(WEB, "/spec/template/spec/containers/1", container)
    live = put_in(applied, "/spec/template/spec/containers/1", {**container, **FILLED})
    result = report([WEB], [owned(live, applied, "apply")])
    assert found(result) == [("/spec/template/spec/containers/1", "prune_pending")]


@pytest.mark.parametrize(
    ("declared", "live", "count"),
    [("1024Mi", "1Gi", 0), ("1000m", "1", 0), ("1Gi", "1G", 1), ("1.10", "1.1", 1), ("0600", "600", 1)],
)
def test_amounts_in_unknown_fields(declared: str, live: str, count: int) -> None:
    """A server spells an amount its own way, whatever field it is in; texts that only look like numbers stay texts."""
    bodies = [put_in(WEB, "/spec/futureSize", value) for value in (declared, live)]
    assert len(report(bodies[:1], bodies[1:]).findings) == count


_DEPLOYMENT_SPEC = "io.k8s.api.apps.v1.DeploymentSpec"
_RULE = "io.k8s.api.apps.v1.FutureRule"
TOLD: Object = {
    "apiVersion": "openapi/v3",
    "kind": "OpenAPI",
    "metadata": {"name": "server"},
    "schemas": {
        _DEPLOYMENT_SPEC: {
            "type": "object",
            "properties": {
                **type_of("apps", "v1", "Deployment").field("spec").raw["properties"],
                "futurePolicy": {"type": "string", "default": "Standard"},
                "futureComputed": {"type": "integer"},
                "futureSize": {
                    "allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"}]
                },
                "futureRules": {
                    "type": "array",
                    "items": {"allOf": [{"$ref": f"#/components/schemas/{_RULE}"}], "default": {}},
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                },
            },
        },
        _RULE: {
            "type": "object",
            "properties": {"name": {"type": "string"}, "weight": {"type": "integer", "default": 1}},
        },
    },
}


@pytest.mark.parametrize("way", [*WAYS, "plain"])
def test_a_default_that_the_server_tells_is_one(way: str) -> None:
    """It is as good as one that is known; another value in its place is somebody's, unless nobody wrote it."""
    live = put_in(WEB, FUTURE, "Standard")
    result = report([WEB], [live if way == "plain" else owned(live, WEB, way), TOLD])
    assert [f for f in (*result.findings, *result.tolerated) if f.path == FUTURE] == []
    other = put_in(WEB, FUTURE, "Mine")
    held = other if way == "plain" else taken(owned(live, WEB, way), FUTURE)
    changed = put_in(held, FUTURE, "Mine")
    assert found(report([WEB], [changed, TOLD])) == [(FUTURE, "out_of_band_change")]


@pytest.mark.parametrize("way", WAYS)
def test_a_field_that_the_server_tells_without_a_default_may_have_one(way: str) -> None:
    """What it computes stands in no description, so nobody is accused for it."""
    path = "/spec/futureComputed"
    result = report([WEB], [owned(put_in(WEB, path, 7), WEB, way), TOLD])
    assert found(result) == []
    assert [f.path for f in result.tolerated if f.path == path] == [path]


def test_types_that_the_server_tells() -> None:
    """Amounts are spelled in many ways, and entries with keys have no order; their defaults count, too."""
    rules = [{"name": "a", "weight": 1}, {"name": "b", "weight": 5}]
    declared = put_in(put_in(WEB, "/spec/futureSize", 1024), "/spec/futureRules", [{"name": "a"}, rules[1]])
    live = put_in(put_in(WEB, "/spec/futureSize", "1024"), "/spec/futureRules", rules[::-1])
    assert found(report([declared], [live, TOLD])) == []
    assert found(report([declared], [live])) != []
    changed = put_in(live, "/spec/futureRules/0/weight", 6)
    assert found(report([declared], [changed, TOLD])) == [("/spec/futureRules/1/weight", "out_of_band_change")]


def test_what_the_server_tells_of_its_types_is_nobody_s_object() -> None:
    """It needs no declaration."""
    result = report([WEB], [WEB, TOLD])
    assert (*result.findings, *result.tolerated) == ()


def test_fields_beside_the_sizes_of_a_pod_are_survived() -> None:
    """A limit range that sizes containers knows amounts only."""
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tool", "namespace": "shop"},
        "spec": {"containers": [{"name": "tool", "image": "tool:1", "resources": {"limits": {"cpu": "1"}}}]},
    }
    live = put_in(pod, "/spec/containers/0/resources/futureNames", ["first"])
    assert report([pod], [live]).not_comparable == ()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("zero", "count"), [(0, 0), ("", 0), (False, 0), (3, 1)])
def test_a_declared_zero_may_count_as_none(way: str, zero: object, count: int) -> None:
    """In a field that nobody knows, a server may fill in its default for it; of any other value it makes no other."""
    declared, live = (put_in(WEB, "/spec/futureLimit", value) for value in (zero, 5))
    result = report([declared], [owned(live, declared, way)])
    assert len(result.findings) == count
    assert count or [(f.path, f.verdict) for f in result.tolerated] == [("/spec/futureLimit", Verdict.NOT_COMPARABLE)]
    changed = taken(owned(live, declared, way), "/spec/futureLimit")
    assert found(report([declared], [changed])) == [("/spec/futureLimit", "out_of_band_change")]


def test_what_was_replaced_with_a_copy_of_the_live_object_tells_nothing_of_defaults() -> None:
    """`kubectl replace` keeps all that it was given in the annotation, and people give it what they got."""
    live = put_in(WEB, FUTURE, "Standard")
    held = owned(live, WEB, "apply")
    copied = put_in(put_in(live, "/metadata/uid", "u1"), f"{CONTAINER}/image", "other:1")
    held = taken(put_in(held, f"{CONTAINER}/image", "other:1"), f"{CONTAINER}/image")
    result = report([WEB], [annotated(held, copied)])
    assert [f.path for f in result.findings] == [f"{CONTAINER}/image"]
    assert {f.path: f.verdict for f in result.tolerated}[FUTURE] is Verdict.NOT_COMPARABLE
    dropped = report([WEB], [annotated(owned(live, WEB, "apply"), live)])
    assert found(dropped) == [(FUTURE, "prune_pending")]


@pytest.mark.parametrize("writer", ["argocd-application-controller", "helm", "somebody"])
def test_a_deploy_tool_of_old_owns_defaults_where_nothing_else_tells(writer: str) -> None:
    """It wrote the object before another tool took over, and somebody changed all that it declared there."""
    budget: Object = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"minAvailable": 1},
    }
    path = "/spec/minAvailable"
    held = taken(owned(put_in(budget, FUTURE, "Standard"), budget, "Argo CD of old, then of today"), path)
    held["metadata"]["managedFields"][0]["manager"] = writer
    findings = found(report([budget], [put_in(held, path, 9)]))
    assert ((FUTURE, "out_of_band_change") in findings) is (writer == "somebody")
    assert (path, "out_of_band_change") in findings
