"""Who deploys an object and who only changed it, by managedFields."""

from __future__ import annotations

from typing import Any

import pytest

from evals.drift.ownership import owned, taken
from graph.kinds.kubernetes.owners import Owners, Writer
from tests.graph.kinds.kubernetes.build import found, put_in, report

Object = dict[str, Any]

RULES = {"f:rules": {}}
LABEL = {"f:metadata": {"f:labels": {"f:team": {}}}}
BODY: Object = {"metadata": {"labels": {"team": "x"}}, "rules": [{"verbs": ["get"]}]}


def owners(*managers: tuple[str, str, Object]) -> Owners:
    entries = [{"manager": n, "operation": o, "fieldsV1": f} for n, o, f in managers]
    return Owners(
        {**BODY, "metadata": {**BODY["metadata"], "managedFields": entries}}, ["/rules", "/metadata/labels/team"]
    )


@pytest.mark.parametrize(
    ("deployer", "operation"),
    [
        ("helm", "Update"),
        ("kubectl-client-side-apply", "Update"),
        ("our-pipeline", "Apply"),
        ("kubectl-create", "Update"),
    ],
)
def test_an_editor_who_owns_most_fields_is_no_deployer(deployer: str, operation: str) -> None:
    """Whoever edits a list without keys owns all of it, and with it most of what was declared."""
    found = owners((deployer, operation, LABEL), ("somebody", "Update", RULES))
    assert [found.role(m) for m in found.managers] == [Writer.DEPLOYER, Writer.OTHER]


def test_a_command_that_only_changes_things_deploys_nothing() -> None:
    """Where nobody else is known to deploy, `kubectl edit` does not become the deployer."""
    found = owners(("kubectl-edit", "Update", {**RULES, **LABEL}))
    assert [found.role(m) for m in found.managers] == [Writer.OTHER]


def test_an_unknown_manager_that_owns_most_deploys() -> None:
    """A pipeline may have any name."""
    found = owners(("our-pipeline", "Update", {**RULES, **LABEL}), ("x", "Update", LABEL))
    assert [found.role(m) for m in found.managers] == [Writer.DEPLOYER, Writer.OTHER]


def test_a_set_that_owns_nothing_is_no_owner() -> None:
    """A manager whose last field was taken over by another one owns nothing, and not everything."""
    found = owners(("helm", "Update", {}), ("x", "Update", RULES))
    assert [m.name for m in found.writers("/metadata/labels/team")] == []


def test_status_alone_is_no_ownership_of_the_rest() -> None:
    """An object whose managers only report is one whose owners are not known."""
    entry = {"manager": "kubelet", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}}
    assert not Owners({"metadata": {"managedFields": [entry]}}, []).is_known


SHARED_BODY: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
    },
}


@pytest.mark.parametrize(
    ("manager", "operation", "is_drift"),
    [
        ("capacity", "Apply", False),
        ("capacity", "Update", True),
        ("kubectl", "Apply", True),
        ("kubectl-edit", "Update", True),
    ],
)
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/spec/replicas", 3),
        ("/spec/minReadySeconds", 7),
        ("/spec/template/spec/nodeSelector", {"disk": "fast"}),
        ("/spec/template/spec/containers/1", {"name": "agent", "image": "agent:1"}),
    ],
    ids=["a default", "a field", "a map", "an entry"],
)
def test_who_applies_what_nobody_else_declares_shares_the_object(
    path: str, value: object, manager: str, operation: str, is_drift: bool
) -> None:
    """A program states it elsewhere, so it is listed and no drift; people apply with kubectl."""
    live = put_in(SHARED_BODY, path, value)
    held = taken(owned(live, SHARED_BODY, "Flux"), path, manager=manager)
    held["metadata"]["managedFields"][-1]["operation"] = operation
    result = report([SHARED_BODY], [held])
    assert found(result) == ([(path, "out_of_band_change")] if is_drift else [])
    if not is_drift:
        (told,) = (f for f in result.tolerated if f.path == path)
        assert (told.verdict.value, told.manager) == ("undeclared_addition", "capacity")


def test_who_applies_another_value_than_the_declared_one_is_found() -> None:
    """Sharing is no right to what somebody else declares."""
    path = "/spec/template/spec/containers/0/image"
    held = taken(owned(put_in(SHARED_BODY, path, "web:2"), SHARED_BODY, "Flux"), path, manager="capacity")
    held["metadata"]["managedFields"][-1]["operation"] = "Apply"
    assert found(report([SHARED_BODY], [held])) == [(path, "out_of_band_change")]
