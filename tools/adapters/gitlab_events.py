"""GitLab webhooks to changes: deployments, pipelines with jobs that deploy, feature flags, merges, pushes.

Formats: https://docs.gitlab.com/user/project/integrations/webhook_events/. GitLab sends the secret as it is in
`X-Gitlab-Token`; newer ones sign as Standard Webhooks do (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from graph.change import Actor, ActorType, Change
from graph.document import Json, Object, digest
from graph.errors import Invalid
from graph.kinds.lenient import entries, mapping, text
from tools.adapters.delivery import Ignored
from tools.adapters.timestamps import read_time

SENDER: Final = "gitlab"
_OPEN: Final = frozenset({"running"})
_ENDED: Final = frozenset({"success", "failed", "canceled"})
_SHA: Final = re.compile(r"[0-9a-f]{40,64}")
_MAX_SUMMARY: Final = 500


def is_authentic(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> bool:
    """Whether a delivery carries one of the secrets, or a signature over id, time and body made with one."""
    lower = {name.lower(): value for name, value in headers.items()}
    token = lower.get("x-gitlab-token", "").encode("utf-8", "replace")
    if any(hmac.compare_digest(token, secret.encode()) for secret in secrets if secret):
        return True
    signed = f"{lower.get('webhook-id', '')}.{lower.get('webhook-timestamp', '')}.".encode() + body
    given = [part.removeprefix("v1,") for part in lower.get("webhook-signature", "").split() if part.startswith("v1,")]
    known = [base64.b64encode(hmac.new(_key(s), signed, hashlib.sha256).digest()) for s in secrets if s]
    return any(hmac.compare_digest(one.encode("utf-8", "replace"), two) for one in given for two in known)


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return secret.encode()


def read_gitlab(body: Object, *, received_at: datetime) -> list[Change] | Ignored:
    """Return the changes that a delivery tells of.

    Raises:
        Invalid: it is a payload of a kind that is read, but lacks what it must have.
    """
    kind = text(body, "object_kind") or text(body, "event_name")
    match kind:
        case "deployment":
            return _deployment(body)
        case "pipeline":
            found = list(_pipeline(body))
            return found or Ignored(reason="no job of this pipeline deploys")
        case "feature_flag":
            return [_flag(body, received_at)]
        case "merge_request":
            return _merged(body, received_at)
        case "push" | "tag_push":
            return _pushed(body, received_at)
        case "release":
            return Ignored(reason="a release is a name for a commit; what it changes is its deployment")
    return Ignored(reason=f"GitLab event {kind!r} tells of no change")


def _deployment(body: Object) -> list[Change] | Ignored:
    state, told = text(body, "status"), read_time(body.get("status_changed_at"))
    number = body.get("deployment_id") or body.get("deployable_id")
    if told is None or not isinstance(number, int):
        raise Invalid("a GitLab deployment needs deployment_id and status_changed_at")
    if state not in _OPEN | _ENDED:
        return Ignored(reason=f"a deployment that is {state!r} has written nothing")
    revision = _SHA.search(text(body, "commit_url").rpartition("/")[2])
    environment = text(body, "environment")
    is_open = state in _OPEN
    return [
        Change(
            id=_id("deployment", _project(body), number, state),
            uid="",
            kind="deploy",
            # Only the message about its beginning tells when it began.
            earliest=told if is_open else None,
            latest=told,
            actor=_actor(body.get("user")),
            summary=f"{_project(body)} {text(body, 'ref')} to {environment}: {state}"[:_MAX_SUMMARY],
            source=SENDER,
            reference=revision[0] if revision else text(body, "short_sha"),
            run=f"{SENDER}:{_project(body)}:deployment:{number}",
            environment=environment,
            is_open=is_open,
            observed_at=told,
        )
    ]


def _pipeline(body: Object) -> Iterator[Change]:
    """Yield a run for each job that has begun to deploy to an environment."""
    pipeline = mapping(body, "object_attributes")
    number, revision = pipeline.get("id"), text(pipeline, "sha")
    if not isinstance(number, int) or not revision:
        raise Invalid("a GitLab pipeline needs object_attributes.id and sha")
    for _, job in entries(body, "builds"):
        place, begun = mapping(job, "environment"), read_time(job.get("started_at"))
        if text(place, "action") not in ("start", "") or not text(place, "name") or begun is None:
            continue
        ended = read_time(job.get("finished_at"))
        yield Change(
            id=_id("job", _project(body), job.get("id"), text(job, "status")),
            uid="",
            kind="deploy",
            earliest=begun,
            latest=max(begun, ended) if ended else begun,
            actor=_actor(job.get("user") or body.get("user")),
            summary=f"{_project(body)} job {text(job, 'name')}: {text(job, 'status')}"[:_MAX_SUMMARY],
            source=SENDER,
            reference=revision,
            run=f"{SENDER}:{_project(body)}:job:{job.get('id')}",
            environment=text(place, "name"),
            is_open=ended is None,
        )


def _flag(body: Object, received_at: datetime) -> Change:
    flag = mapping(body, "object_attributes")
    if not text(flag, "name"):
        raise Invalid("a GitLab feature flag needs a name")
    return Change(
        id=_id("flag", _project(body), flag.get("id"), flag.get("active"), received_at.isoformat()),
        uid="",
        kind="feature_flag",
        after={"flag": text(flag, "name"), "active": flag.get("active")},
        latest=received_at,
        actor=_actor(body.get("user")),
        summary=f"{_project(body)} flag {text(flag, 'name')}"[:_MAX_SUMMARY],
        source=SENDER,
        observed_at=received_at,
    )


def _merged(body: Object, received_at: datetime) -> list[Change] | Ignored:
    request = mapping(body, "object_attributes")
    if text(request, "action") != "merge" and text(request, "state") != "merged":
        return Ignored(reason="a merge request that is not merged changes nothing")
    at = read_time(request.get("merged_at") or request.get("updated_at")) or received_at
    return [
        Change(
            id=_id("merge", _project(body), request.get("iid")),
            uid="",
            kind="commit",
            latest=at,
            actor=_actor(body.get("user")),
            summary=f"{_project(body)} !{request.get('iid')}: {text(request, 'title')}"[:_MAX_SUMMARY],
            source=SENDER,
            reference=text(request, "merge_commit_sha") or text(request, "last_commit", "id"),
        )
    ]


def _pushed(body: Object, received_at: datetime) -> list[Change] | Ignored:
    revision = text(body, "checkout_sha") or text(body, "after")
    if not revision.strip("0"):
        return Ignored(reason="a branch that was deleted changes nothing that runs")
    name = text(body, "user_username") or text(body, "user_name")
    return [
        Change(
            id=_id("push", _project(body), text(body, "ref"), revision),
            uid="",
            kind="commit",
            latest=received_at,
            actor=Actor(name=name) if name else None,
            summary=f"{_project(body)} {text(body, 'ref')}"[:_MAX_SUMMARY],
            source=SENDER,
            reference=revision,
            observed_at=received_at,
        )
    ]


def _actor(user: Json) -> Actor | None:
    name = text(user, "username") or text(user, "name")
    is_bot = re.fullmatch(r"(?:project|group)_\d+_bot\w*", name)
    return Actor(name=name, type=ActorType.AUTOMATION if is_bot else ActorType.UNKNOWN) if name else None


def _project(body: Object) -> str:
    return text(body, "project", "path_with_namespace") or text(body, "project", "name")


def _id(*parts: Json) -> str:
    return f"{SENDER}-{digest(list(parts))[:16]}"
