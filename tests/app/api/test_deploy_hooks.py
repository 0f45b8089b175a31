"""Webhooks of deploy tools: who is let in, and where a run is recorded."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from tests.app.api.conftest import World


def _github(environment: str = "production") -> bytes:
    body = {
        "deployment": {"id": 7, "sha": "a" * 40, "environment": environment, "created_at": "2026-11-20T11:00:00Z"},
        "deployment_status": {"id": 1, "state": "success", "created_at": "2026-11-20T11:05:00Z"},
        "repository": {"full_name": "shop/web"},
    }
    return json.dumps(body).encode()


def _signed(body: bytes) -> dict[str, str]:
    signature = hmac.new(b"gh", body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": "deployment_status"}


def _changes(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.client("viewer").get("/api/changes").json()["changes"]
    return found


def test_a_deployment_is_recorded_under_the_name_of_the_environment(world: World) -> None:
    """GitHub calls the environment `production`; here it is `demo`."""
    body = _github()
    answer = world.client().post("/webhooks/github", content=body, headers=_signed(body))
    assert (answer.status_code, answer.json()["status"], answer.json()["other_environments"]) == (202, "accepted", [])
    (change,) = _changes(world)
    assert (change["kind"], change["environment"], change["reference"]) == ("deploy", "demo", "a" * 40)


def test_a_deployment_to_an_unknown_environment_says_so(world: World) -> None:
    """A run that belongs nowhere is kept with the name that its sender gave."""
    body = _github("staging")
    answer = world.client().post("/webhooks/github", content=body, headers=_signed(body))
    assert answer.json()["other_environments"] == ["staging"]
    assert [c["environment"] for c in _changes(world)] == ["staging"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/webhooks/github", {"X-Hub-Signature-256": "sha256=00"}),
        ("/webhooks/gitlab", {"X-Gitlab-Token": "wrong"}),
        ("/webhooks/argocd", {"Authorization": "Bearer wrong"}),
    ],
)
def test_who_does_not_prove_itself_is_refused(world: World, path: str, headers: dict[str, str]) -> None:
    """Nothing is stored of a delivery that may come from anybody."""
    assert world.client().post(path, content=_github(), headers=headers).status_code == 401
    assert _changes(world) == []


@pytest.mark.parametrize(("body", "status"), [(b"{", "unreadable"), (b'{"object_kind": "wiki_page"}', "ignored")])
def test_what_is_authentic_is_never_answered_with_an_error(world: World, body: bytes, status: str) -> None:
    """GitLab turns a hook off that answers 4xx."""
    answer = world.client().post("/webhooks/gitlab", content=body, headers={"X-Gitlab-Token": "gl"})
    assert (answer.status_code, answer.json()["status"]) == (202, status)
    assert answer.json()["reason"]


def test_argo_cd_presents_a_token(world: World) -> None:
    """Its notifications can't sign."""
    body = {"app": "web", "phase": "Succeeded", "revision": "b" * 40, "finishedAt": "2026-11-20T11:00:00Z"}
    answer = world.client().post("/webhooks/argocd", json=body, headers={"Authorization": "Bearer argo"})
    assert answer.status_code == 202
    assert [c["reference"] for c in _changes(world)] == ["b" * 40]
