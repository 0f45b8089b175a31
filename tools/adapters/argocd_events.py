"""Argo CD to changes: notifications by the template that `docs/operations.md` gives, and whole Application objects.

Argo CD has no body of its own: each installation writes a Go template. An Application
(https://argo-cd.readthedocs.io/en/stable/operator-manual/application.yaml) holds its last operation and its history.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from graph.change import Actor, ActorType, Change
from graph.document import Json, Object, digest
from graph.errors import Invalid
from graph.kinds.lenient import entries, mapping, text
from tools.adapters.delivery import Ignored
from tools.adapters.github_events import read_github
from tools.adapters.gitlab_events import read_gitlab
from tools.adapters.timestamps import read_time

SENDER: Final = "argocd"
_ENDED: Final = frozenset({"Succeeded", "Failed", "Error"})
_AUTOMATED: Final = "argocd"
_MAX_SUMMARY: Final = 500


def read_argocd(body: Object, *, received_at: datetime) -> list[Change] | Ignored:
    """Return the syncs that a notification or an Application tells of.

    A push or merge request that Argo CD itself gets may be sent on to us as it is, too.

    Raises:
        Invalid: it is none of these.
    """
    if text(body, "kind") == "Application":
        return _unlike(_application(body), "an Application that was never synchronised")
    if "trigger" in body and "template" in body:
        raise Invalid("this is the configuration of notifications, not a notification")
    if text(body, "object_kind"):
        return read_gitlab(body, received_at=received_at)
    if "repository" in body and "ref" in body:
        return read_github(body, received_at=received_at)
    name = text(body, "app") or text(body, "application")
    if not name:
        raise Invalid("a notification of Argo CD needs the name of its application in `app`")
    phase = text(body, "phase") or text(body, "state")
    begun, ended = read_time(body.get("startedAt")), read_time(body.get("finishedAt"))
    revision = text(body, "revision")
    return [_sync(name, phase, begun, ended, revision, _actor(body.get("initiatedBy")), body, received_at)]


def _application(body: Object) -> Iterator[Change]:
    name = text(body, "metadata", "name")
    place = mapping(body, "spec", "destination")
    for _, entry in entries(body, "status", "history"):
        ended = read_time(entry.get("deployedAt"))
        if ended is not None:
            begun = read_time(entry.get("deployStartedAt"))
            who = _actor(entry.get("initiatedBy"))
            yield _sync(name, "Succeeded", begun, ended, text(entry, "revision"), who, place, ended)
    state = mapping(body, "status", "operationState")
    ended, begun = read_time(state.get("finishedAt")), read_time(state.get("startedAt"))
    if ended or begun:
        who = _actor(mapping(state, "operation").get("initiatedBy"))
        revision = text(state, "syncResult", "revision") or text(state, "operation", "sync", "revision")
        yield _sync(name, text(state, "phase"), begun, ended, revision, who, place, ended or begun)


def _sync(
    name: str,
    phase: str,
    begun: datetime | None,
    ended: datetime | None,
    revision: str,
    actor: Actor | None,
    place: Object,
    told: datetime | None,
) -> Change:
    latest = ended or begun or told
    if latest is None:
        raise Invalid("a notification of Argo CD needs startedAt or finishedAt")
    is_open = ended is None and phase not in _ENDED
    return Change(
        id=f"{SENDER}-{digest([name, str(begun), str(ended), phase, revision])[:16]}",
        uid="",
        kind="deploy",
        earliest=min(begun, latest) if begun else None,
        latest=begun if is_open and begun else latest,
        actor=actor or Actor(name=_AUTOMATED, type=ActorType.AUTOMATION),
        summary=f"sync of {name}: {phase or 'unknown'}"[:_MAX_SUMMARY],
        source=SENDER,
        reference=revision,
        run=f"{SENDER}:{name}:{begun.isoformat() if begun else latest.isoformat()}",
        environment=text(place, "environment"),
        is_open=is_open,
        observed_at=told,
    )


def _actor(initiated: Json) -> Actor | None:
    """Return who asked for a sync; an automated one is Argo CD's own."""
    if isinstance(initiated, dict) and initiated.get("automated") in (True, "true"):
        return Actor(name=_AUTOMATED, type=ActorType.AUTOMATION)
    name = initiated if isinstance(initiated, str) else text(initiated, "username")
    return Actor(name=name, type=ActorType.HUMAN if "@" in name else ActorType.UNKNOWN) if name else None


def _unlike(found: Iterator[Change], reason: str) -> list[Change] | Ignored:
    changes = list(found)
    return changes or Ignored(reason=reason)
