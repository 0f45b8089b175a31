"""The audit evaluation on public logs, and on a record at each level."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evals.kubernetes_audit import FILES, changes, events, read


@pytest.mark.shared
@pytest.mark.parametrize("name", FILES)
def test_every_write_of_a_public_log_is_tied(shared: Path, name: str) -> None:
    """Each write has object and actor, and without a body no field is claimed."""
    found = read(events(shared / "data" / "k8s-audit" / name))
    assert found.writes > 0
    assert found.untied == []
    assert found.named == found.writes
    assert found.claims_without_body == 0


def _event(**more: Any) -> dict[str, Any]:
    return {
        "kind": "Event",
        "auditID": "1",
        "stage": "ResponseComplete",
        "level": "Metadata",
        "verb": "patch",
        "user": {"username": "ada@example.com"},
        "objectRef": {"resource": "deployments", "apiGroup": "apps", "namespace": "shop", "name": "web"},
        "responseStatus": {"code": 200},
        "stageTimestamp": "2026-01-01T00:00:00.000000Z",
        **more,
    }


def test_metadata_level_names_object_and_actor_but_no_field() -> None:
    """Without a body nobody knows which field was written."""
    (change,), _ = changes([_event()])
    assert (change.uid, change.actor and change.actor.name) == ("k8s://c/apps/Deployment/shop/web", "ada@example.com")
    assert (change.path, bool(change.before), bool(change.after)) == ("", False, False)


def test_stages_of_one_request_are_one_change() -> None:
    """Records are joined by their auditID."""
    received = _event(stage="RequestReceived", responseStatus=None)
    assert len(changes([received, _event(), _event()])[0]) == 1


@pytest.mark.parametrize("subresource", ["exec", "attach", "portforward"])
def test_streams_into_pods_count_when_they_begin(subresource: str) -> None:
    """A stream is complete only when it ends, which may be never."""
    reference = {"resource": "pods", "namespace": "shop", "name": "web-1", "subresource": subresource}
    record = _event(verb="create", objectRef=reference, stage="ResponseStarted", responseStatus={"code": 101})
    (change,), _ = changes([record])
    assert (change.uid, change.summary) == ("k8s://c/core/Pod/shop/web-1", f"{subresource} into a pod shop/pods/web-1")


def test_a_line_cut_in_half_is_a_gap_and_the_rest_is_read() -> None:
    """A log that is being written ends anywhere."""
    found, gaps = changes([_event()], tail=json.dumps(_event())[:50])
    assert (len(found), gaps) == (1, 1)


def test_the_kind_of_a_custom_resource_is_learnt_from_a_body() -> None:
    """A record names a plural only; once a body has told the kind, later records without one are tied as well."""
    reference = {"resource": "certificates", "apiGroup": "cert-manager.io", "namespace": "shop", "name": "web"}
    body = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "web", "namespace": "shop"}}
    made = _event(verb="create", objectRef=reference, level="RequestResponse", responseObject=body)
    gone = _event(auditID="2", verb="delete", objectRef=reference, stageTimestamp="2026-01-01T00:01:00.000000Z")
    assert {c.uid for c in changes([made, gone])[0]} == {"k8s://c/cert-manager.io/Certificate/shop/web"}
