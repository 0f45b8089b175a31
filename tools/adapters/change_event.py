"""CloudEvents of change to changes of the graph: our own type, CDEvents by a table, any other as `other`. Pure.

Formats: CloudEvents 1.0.2 (https://github.com/cloudevents/spec), CDEvents 0.5 (https://cdevents.dev), and the data of
`dev.plumbline.change.v1`. Schemas that an event names are never fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from graph.change import Actor, ActorType, Change
from graph.document import ABSENT, Absent, Json, Object, digest
from graph.errors import Invalid
from tools.adapters.timestamps import read_time

CHANGE_TYPE: Final = "dev.plumbline.change.v1"
"""CloudEvents type of our own change record."""
MAX_TARGETS: Final = 500
"""Resources that one event may name; a deployment of a whole shop has some dozen."""

_KINDS: Final = frozenset(
    {
        "deploy",
        "rollback",
        "config",
        "feature_flag",
        "iam",
        "kms",
        "network",
        "secret",
        "schema_migration",
        "infra",
        "scaling",
    }
)
_CDEVENTS: Final = "dev.cdevents."
_CDEVENTS_KINDS: Final = {
    "service.deployed": "deploy",
    "service.upgraded": "deploy",
    "service.published": "deploy",
    "service.removed": "deploy",
    "service.rolledback": "rollback",
    "environment.created": "infra",
    "environment.modified": "infra",
    "environment.deleted": "infra",
    "change.merged": "commit",
}
_NO_CHANGE: Final = (
    "incident.",
    "ticket.",
    "testcaserun.",
    "testsuiterun.",
    "testoutput.",
    "build.queued",
    "build.started",
)
"""CDEvents that tell of something else than a change."""
_MAX_TEXT: Final = 2000


def read_cloud_event(envelope: Object, *, received_at: datetime | None = None, via: str = "http") -> list[Change]:
    """Return the changes that a CloudEvent tells of: one for each target, or one that is tied to no resource.

    Args:
        envelope: the event in JSON format, `data` included.
        received_at: UTC; taken as the time of an event that names none.
        via: name of the source in the changes.

    Raises:
        Invalid: a required attribute is missing or mistyped, or there is no time at all.
    """
    if not str(envelope.get("specversion", "")).startswith("1."):
        raise Invalid(f"specversion is {envelope.get('specversion')!r}: only CloudEvents 1.x are understood")
    event_id, source, type_ = (_required(envelope, key) for key in ("id", "source", "type"))
    at = read_time(envelope.get("time")) or received_at
    data = envelope.get("data")
    if type_.startswith(_CDEVENTS) and isinstance(data, dict):
        return read_cdevent(data, received_at=at, via=via)
    if type_ == CHANGE_TYPE:
        if not isinstance(data, dict):
            raise Invalid(f"data of a {CHANGE_TYPE} event is no object")
        return list(_own(data, event_id=event_id, source=source, at=at, via=via))
    return [
        Change(
            id=f"event-{digest([source, event_id])[:16]}",
            uid=_text(envelope.get("subject")),
            kind="other",
            latest=_needed(at),
            summary=_text(type_),
            source=via,
            reference=event_id,
        )
    ]


def read_cdevent(event: Object, *, received_at: datetime | None = None, via: str = "http") -> list[Change]:
    """Return the change that a CDEvent tells of; empty when it tells of none, such as an incident.

    Raises:
        Invalid: context or subject are missing or mistyped.
    """
    context, subject = event.get("context"), event.get("subject")
    if not isinstance(context, dict) or not isinstance(subject, dict):
        raise Invalid("a CDEvent needs the objects context and subject")
    event_id, source, type_ = (_required(context, key) for key in ("id", "source", "type"))
    name = ".".join(type_.removeprefix(_CDEVENTS).split(".")[:2])
    if name.startswith(_NO_CHANGE):
        return []
    content = subject.get("content") if isinstance(subject.get("content"), dict) else {}
    artifact = content.get("artifactId") if isinstance(content, dict) else None
    return [
        Change(
            id=f"event-{digest([source, event_id])[:16]}",
            uid=_text(subject.get("id")),
            kind=_CDEVENTS_KINDS.get(name, "other"),
            after={"artifact": artifact} if isinstance(artifact, str) else ABSENT,
            latest=_needed(read_time(context.get("timestamp")) or received_at),
            summary=_text(type_),
            source=via,
            reference=event_id,
            run=_text(context.get("chainId")),
            environment=_text(_object(_object(content).get("environment")).get("id")),
            observed_at=received_at,
        )
    ]


def _own(data: Object, *, event_id: str, source: str, at: datetime | None, via: str) -> Iterator[Change]:
    started, finished = read_time(data.get("started_at")), read_time(data.get("finished_at"))
    # When it was only noticed, it happened before that; when is not known.
    latest = _needed(finished or started or read_time(data.get("observed_at")) or at)
    earliest = min(started, latest) if started else None
    kind = data.get("kind")
    version = _object(data.get("version"))
    correlation = _object(data.get("correlation"))
    run = next((_text(correlation[k]) for k in ("deployment", "pipeline", "chain_id") if correlation.get(k)), "")
    status = _text(data.get("status"))
    summary = " ".join(filter(None, (_text(data.get("summary")) or _text(kind), _text(data.get("action")), status)))
    is_open = bool(started) and not finished and status in ("planned", "started")
    for ref, environment in _targets(data).items() or [("", "")]:
        yield Change(
            id=f"event-{digest([source, event_id, ref])[:16]}",
            uid=ref,
            kind=kind if kind in _KINDS else "other",
            path=_text(data.get("path")),
            before=_side(version, "before"),
            after=_side(version, "after"),
            earliest=earliest,
            latest=latest,
            actor=_actor(data.get("actor"), data.get("on_behalf_of")),
            summary=summary[:_MAX_TEXT],
            source=via,
            reference=_text(version.get("commit")) or event_id,
            run=run or _text(data.get("change_id")),
            environment=environment or _text(data.get("environment")),
            is_open=is_open,
            observed_at=read_time(data.get("observed_at")),
        )


def _targets(data: Object) -> dict[str, str]:
    """Map each resource that an event names to the environment it is in, empty where none is named."""
    targets = data.get("targets")
    if targets is None:
        return {}
    if not isinstance(targets, list) or len(targets) > MAX_TARGETS:
        raise Invalid(f"targets is no list of at most {MAX_TARGETS} entries")
    refs = [target.get("ref") if isinstance(target, dict) else None for target in targets]
    if not all(isinstance(ref, str) and ref for ref in refs):
        raise Invalid("each of targets needs a text `ref`")
    return {_text(target["ref"]): _text(target.get("environment")) for target in targets}


def _side(version: Object, side: str) -> Json | Absent:
    return version.get(side, ABSENT)


def _actor(value: Json, on_behalf_of: Json) -> Actor | None:
    if isinstance(value, str):
        value = {"id": value}
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return None
    types = {t.value: t for t in ActorType}
    return Actor(
        name=_text(value["id"]),
        type=types.get(str(value.get("type")), ActorType.UNKNOWN),
        session=f"for {_text(on_behalf_of)}" if isinstance(on_behalf_of, str) and on_behalf_of else "",
    )


def _required(event: Object, key: str) -> str:
    value = event.get(key)
    if not isinstance(value, str) or not value:
        raise Invalid(f"{key} is missing or no text")
    return value[:_MAX_TEXT]


def _needed(at: datetime | None) -> datetime:
    if at is None:
        raise Invalid("the event names no time")
    return at


def _object(value: Json) -> Object:
    return value if isinstance(value, dict) else {}


def _text(value: Json) -> str:
    return value[:_MAX_TEXT] if isinstance(value, str) else ""
