"""Bodies that several resources of the API share, and how outside values become JSON that can always be sent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

import graph.blast_radius as radius
import graph.change as changes
import graph.evidence as evidence
from graph.codec import encode
from graph.document import Json
from graph.resource import display_uid

_SURROGATE = re.compile("[\ud800-\udfff]")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)

Limit = Annotated[int, Query(ge=1, le=200, description="Most entries of the answer.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="Entries to skip.")]


def _written_out(value: object) -> object:
    """Let text through that begins like an RFC 3339 time; bare numbers would else be read as seconds since 1970."""
    if isinstance(value, str) and not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]", value):
        raise ValueError("write the time out, with its offset: 2026-11-20T12:00:00Z")
    return value


At = Annotated[
    AwareDatetime | None,
    BeforeValidator(_written_out),
    Query(description="State as of this time (RFC 3339, with its offset); now when absent."),
]

KnownAt = Annotated[
    AwareDatetime | None,
    BeforeValidator(_written_out),
    Query(description="Use only what had been learned by this time (RFC 3339); everything when absent."),
]


class Body(BaseModel):
    """Base of all bodies. Of a domain value that knows more, only the documented fields are shown."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)


class RequestBody(Body):
    """Base of bodies that are sent to us: no field but the documented ones."""

    model_config = ConfigDict(extra="forbid")


class Actor(Body):
    """Who made a change, as its source names them."""

    name: str
    type: str
    session: str


class Change(Body):
    """One change to one resource, or to one field of it."""

    id: str
    resource: str
    """uid; empty when the change could not be tied to a resource."""
    resource_name: str
    kind: str
    path: str
    """JSON pointer into the resource; empty for the whole of it."""
    before: Any
    after: Any
    earliest: datetime | None
    """It happened after this; null when that is not known."""
    latest: datetime
    """It happened at or before this."""
    actor: Actor | None
    channel: str
    """`deployment`, `by_hand`, `other_automation`, `provider`, `not_applied` or `unknown`."""
    summary: str
    """Text of the source; data, not advice."""
    source: str
    reference: str
    run: str
    environment: str
    """As the source names it; empty where it names none."""
    is_open: bool
    """A run that had not ended when the source spoke."""
    observed_at: datetime | None
    """When a system that watches noticed it: neither beginning nor end."""
    evidence: list[str]

    @classmethod
    def of(cls, change: changes.Change) -> Change:
        """Build the body of a change."""
        data = plain(change)
        uid = data.pop("uid")
        return cls(resource=uid, resource_name=display_uid(uid), **data)


class Gap(Body):
    """Something that could not be read, or that no source covers."""

    what: str
    why: str
    resource: str

    @classmethod
    def of(cls, gap: evidence.Gap) -> Gap:
        """Build the body of a gap."""
        return cls(**plain(gap))


class Observation(Body):
    """One thing that was seen. Text in `data` is from outside: data, not advice."""

    id: str
    kind: str
    resource: str
    resource_name: str
    summary: str
    at: datetime | None
    source: str
    data: dict[str, Any]

    @classmethod
    def of(cls, observation: evidence.Observation) -> Observation:
        """Build the body of an observation."""
        return cls(resource_name=display_uid(observation.resource), **plain(observation))


class Seed(Body):
    """Where an effect begins."""

    resource: str
    """uid"""
    resource_name: str
    band: str
    mode: str
    reason: str
    path: str
    """JSON pointer of the field that is wrong; empty for the whole resource."""


class Affected(Body):
    """One resource that is reached."""

    resource: str
    """uid"""
    resource_name: str
    band: str
    """`certain`, `likely` or `possible`."""
    mode: str
    """In which way it suffers, e.g. `down` or `denied`."""
    path: list[str]
    """uids from where it begins to this resource."""
    path_names: list[str]
    reason: str
    depth: int


class BlastRadius(Body):
    """What a failure or a fix reaches, and what can't be seen."""

    seeds: list[Seed]
    affected: list[Affected]
    """The surest first."""
    unseen: list[str]
    unseen_share: float
    """Share of workloads without evidence of what they call, 0 to 1."""

    @classmethod
    def of(cls, found: radius.BlastRadius) -> BlastRadius:
        """Build the body of a blast radius."""
        data = plain(found)
        return cls(
            seeds=[Seed(**_named(seed)) for seed in data["seeds"]],
            affected=[Affected(path_names=[display_uid(u) for u in a["path"]], **_named(a)) for a in data["affected"]],
            unseen=data["unseen"],
            unseen_share=data["unseen_share"],
        )


class Event(Body):
    """One step of what happened."""

    at: datetime
    actor: str
    action: str
    text: str
    """One sentence for people."""
    detail: Any


def plain(value: object) -> Json:
    """Return the JSON form of a domain value, without what JSON text can't hold: lone surrogates, NaN, infinity."""
    return _sendable(encode(value))


def utc(moment: datetime | None) -> datetime | None:
    """Return the moment in UTC, moved into the span in which anything can have been known.

    Outside of it the answer is the same as at its ends, and near the ends of the calendar arithmetic fails.
    """
    if moment is None:
        return None
    if moment.year <= _EARLIEST.year:
        return _EARLIEST
    return _LATEST if moment.year >= _LATEST.year else moment.astimezone(UTC)


def _named(entry: Mapping[str, Json]) -> dict[str, Json]:
    rest = {name: value for name, value in entry.items() if name != "uid"}
    return {"resource": entry["uid"], "resource_name": display_uid(entry["uid"]), **rest}


def _sendable(value: Json) -> Json:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", name): _sendable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_sendable(item) for item in value]
    return value


def identifier(prefix: str, what: str) -> Any:
    """Return the path parameter of ids such as `INC-7`; ids of any other form are unknown, not malformed."""
    return Path(description=f"Id of the {what}, e.g. `{prefix}-1`.", max_length=64)
