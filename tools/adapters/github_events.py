"""GitHub webhooks to changes: deployments and their statuses, workflow runs that deploy, merges, pushes.

Formats: https://docs.github.com/en/webhooks/webhook-events-and-payloads. GitHub signs the raw body with the secret of
the webhook and never sends a delivery again by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from graph.change import Actor, ActorType, Change
from graph.document import Json, Object, digest
from graph.errors import Invalid
from graph.kinds.lenient import mapping, text
from tools.adapters.delivery import Ignored
from tools.adapters.timestamps import read_time

SENDER: Final = "github"
_ENDED: Final = frozenset({"success", "failure", "error"})
_UNDER_WAY: Final = frozenset({"queued", "pending", "in_progress"})
_DEPLOYS: Final = re.compile(
    r"(?:^|[^a-z])(?:apply|cd|deliver\w*|deploy\w*|promot\w*|release|rollback|rollout|ship|terraform|tofu)(?:$|[^a-z])",
    re.IGNORECASE,
)
"""Names of workflows that write to an environment; others build and test, and are no window for a deployment."""
_MAX_SUMMARY: Final = 500


def is_signed(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> bool:
    """Whether `X-Hub-Signature-256` is the HMAC-SHA256 of the raw body under one of the secrets."""
    given = {name.lower(): value for name, value in headers.items()}.get("x-hub-signature-256", "")
    known = [f"sha256={hmac.new(s.encode(), body, hashlib.sha256).hexdigest()}" for s in secrets if s]
    return any(hmac.compare_digest(given.encode("utf-8", "replace"), one.encode()) for one in known)


def read_github(body: Object, *, event: str = "", received_at: datetime) -> list[Change] | Ignored:
    """Return the changes that a delivery tells of.

    Args:
        body: the payload.
        event: `X-GitHub-Event`; told by the members of the payload when empty.
        received_at: UTC; taken as the time of what names none.

    Raises:
        Invalid: it is a payload of a kind that is read, but lacks what it must have.
    """
    kind = event or _kind(body)
    match kind:
        case "deployment_status":
            return _status(body)
        case "deployment":
            return [_run(body, mapping(body, "deployment"), None)]
        case "workflow_run":
            return _workflow(body)
        case "pull_request":
            return _merged(body, received_at)
        case "push":
            return _pushed(body, received_at)
        case "ping":
            return Ignored(reason="a ping")
    return Ignored(reason=f"GitHub event {kind!r} tells of no change")


def _kind(body: Object) -> str:
    known = ("deployment_status", "workflow_run", "pull_request", "deployment")
    found = next((name for name in known if isinstance(body.get(name), dict)), "")
    return found or ("push" if "ref" in body and "after" in body else "ping" if "zen" in body else "unknown")


def _status(body: Object) -> list[Change] | Ignored:
    status = mapping(body, "deployment_status")
    state = text(status, "state")
    if state not in _ENDED | _UNDER_WAY:
        return Ignored(reason=f"a deployment that became {state or 'nothing'!r} writes nothing")
    return [_run(body, mapping(body, "deployment"), status)]


def _run(body: Object, deployment: Object, status: Object | None) -> Change:
    number, revision = deployment.get("id"), text(deployment, "sha")
    begun = read_time(deployment.get("created_at"))
    if not isinstance(number, int) or not revision or begun is None:
        raise Invalid("a GitHub deployment needs id, sha and created_at")
    state = text(status, "state") if status is not None else "queued"
    told = read_time(mapping(status).get("updated_at") or mapping(status).get("created_at")) or begun
    is_open = state in _UNDER_WAY
    environment = text(status, "environment") or text(deployment, "environment")
    return Change(
        id=_id("deployment", _repository(body), number, mapping(status).get("id")),
        uid="",
        kind="rollback" if text(deployment, "task") == "rollback" else "deploy",
        earliest=begun,
        latest=begun if is_open else max(begun, told),
        actor=_actor(deployment.get("creator")),
        summary=f"{_repository(body)} {text(deployment, 'ref')} to {environment}: {state}"[:_MAX_SUMMARY],
        source=SENDER,
        reference=revision,
        run=f"{SENDER}:{_repository(body)}:deployment:{number}",
        environment=environment,
        is_open=is_open,
        observed_at=told,
    )


def _workflow(body: Object) -> list[Change] | Ignored:
    run = mapping(body, "workflow_run")
    number, revision = run.get("id"), text(run, "head_sha")
    begun = read_time(run.get("run_started_at") or run.get("created_at"))
    if not isinstance(number, int) or not revision or begun is None:
        raise Invalid("a GitHub workflow run needs id, head_sha and run_started_at")
    is_open = text(run, "status") != "completed"
    ended = begun if is_open else max(begun, read_time(run.get("updated_at")) or begun)
    names = (text(run, "name"), text(run, "path").rpartition("/")[2], text(mapping(body, "workflow"), "name"))
    deploys = any(_DEPLOYS.search(name) for name in names)
    outcome = text(run, "conclusion") or text(run, "status")
    return [
        Change(
            id=_id("workflow_run", _repository(body), number, run.get("run_attempt"), text(run, "status")),
            uid="",
            kind="deploy" if deploys else "other",
            earliest=begun,
            latest=ended,
            actor=_actor(run.get("triggering_actor") or run.get("actor")),
            summary=f"{_repository(body)} {next(filter(None, names), 'workflow')}: {outcome}"[:_MAX_SUMMARY],
            source=SENDER,
            reference=revision,
            run=f"{SENDER}:{_repository(body)}:run:{number}:{run.get('run_attempt', 1)}",
            is_open=is_open and deploys,
        )
    ]


def _merged(body: Object, received_at: datetime) -> list[Change] | Ignored:
    request = mapping(body, "pull_request")
    if text(body, "action") != "closed" or not (request.get("merged") or request.get("merged_at")):
        return Ignored(reason="a pull request that was not merged changes nothing")
    at = read_time(request.get("merged_at")) or received_at
    return [
        Change(
            id=_id("merge", _repository(body), request.get("number")),
            uid="",
            kind="commit",
            earliest=at,
            latest=at,
            actor=_actor(request.get("merged_by") or request.get("user")),
            summary=f"{_repository(body)} #{request.get('number')}: {text(request, 'title')}"[:_MAX_SUMMARY],
            source=SENDER,
            reference=text(request, "merge_commit_sha"),
        )
    ]


def _pushed(body: Object, received_at: datetime) -> list[Change] | Ignored:
    revision = text(body, "after")
    if not revision.strip("0"):
        return Ignored(reason="a branch that was deleted changes nothing that runs")
    at = read_time(mapping(body, "head_commit").get("timestamp"))
    pusher = text(body, "sender", "login") or text(body, "pusher", "name")
    return [
        Change(
            id=_id("push", _repository(body), text(body, "ref"), revision),
            uid="",
            kind="commit",
            # A commit may be older than the push that brought it here by any time.
            earliest=at,
            latest=max(at, received_at) if at else received_at,
            actor=Actor(name=pusher, type=_type(body.get("sender"))) if pusher else None,
            summary=f"{_repository(body)} {text(body, 'ref')}: {text(body, 'head_commit', 'message')}"[:_MAX_SUMMARY],
            source=SENDER,
            reference=revision,
            observed_at=received_at,
        )
    ]


def _actor(user: Json) -> Actor | None:
    login = text(user, "login")
    return Actor(name=login, type=_type(user)) if login else None


def _type(user: Json) -> ActorType:
    if text(user, "type") == "Bot" or text(user, "login").endswith("[bot]"):
        return ActorType.AUTOMATION
    return ActorType.HUMAN if text(user, "type") == "User" else ActorType.UNKNOWN


def _repository(body: Object) -> str:
    return text(body, "repository", "full_name")


def _id(*parts: Json) -> str:
    return f"{SENDER}-{digest(list(parts))[:16]}"
