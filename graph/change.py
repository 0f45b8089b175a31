"""What changed, between when and when, by whom and through which channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from graph.document import ABSENT, Absent, Json
from graph.version import Origin


class Channel(StrEnum):
    """The way a change came in."""

    DEPLOYMENT = "deployment"
    """A declared deployer, inside a known run, with the value that the run's commit renders."""
    BY_HAND = "by_hand"
    """A person outside a deployment, also with a pipeline's credentials."""
    OTHER_AUTOMATION = "other_automation"
    PROVIDER = "provider"
    """The cloud provider or the platform itself."""
    NOT_APPLIED = "not_applied"
    """Merged but never applied."""
    UNKNOWN = "unknown"


class ActorType(StrEnum):
    HUMAN = "human"
    AUTOMATION = "automation"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it, as the source of the change names them."""

    name: str
    type: ActorType = ActorType.UNKNOWN
    session: str = ""
    """Role session, token or address, where known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change to one resource, or to one field of it."""

    id: str
    uid: str
    """The resource; empty when the change could not be tied to one."""
    kind: str
    """`commit`, `deploy`, `rollback`, `config`, `feature_flag`, `iam`, `kms`, `network`, `secret`,
    `schema_migration`, `infra`, `scaling`, `object` (an observed difference) or `other`."""
    path: str = ""
    """JSON pointer into the resource; empty for the whole resource."""
    before: Json | Absent = ABSENT
    after: Json | Absent = ABSENT
    earliest: datetime | None = None
    """UTC; the change happened after this (last seen without it). None: open."""
    latest: datetime
    """UTC; the change happened at or before this. Equal to `earliest` when the instant is known."""
    actor: Actor | None = None
    channel: Channel = Channel.UNKNOWN
    summary: str = ""
    """Text of the source (commit message, event summary). Untrusted data."""
    source: str = ""
    """e.g. `git:shop-infra`, `cloudtrail`, `http`"""
    reference: str = ""
    """commit id, event id or URL at the source"""
    origin: Origin | None = None
    """Where the change was made in version control: file and line of the new value, or of what was taken out as it
    stood before."""
    run: str = ""
    """The deployment run this belongs to, where known."""
    environment: str = ""
    """Environment that the source names, such as `production`; that of Plumbline where both are known to be the same.
    Empty where the source names none."""
    is_open: bool = False
    """A run that had not ended when the source spoke: `latest` is its beginning, and it goes on."""
    removes: bool = False
    """A recorded write that took the whole resource away; `before` is absent where the record has no body."""
    observed_at: datetime | None = None
    """UTC; when a system that watches noticed it, where the source says so. It is neither beginning nor end."""
    evidence: tuple[str, ...] = ()
    """Ids of the changes that an attribution rests on, strongest first; empty for a change as a source gave it."""
    files: tuple[str, ...] = ()
    """Paths that a commit touches."""
    diff: str = ""
    """Unified diff of a commit; empty when it is not known. Untrusted data."""
    instances: tuple[str, ...] = ()
    """Of a deployment: names of the instances (pods) of the new version that exist so far."""
    completed_at: datetime | None = None
    """UTC; of a deployment: when the last of `instances` was up; None when it is not, or when nobody knows."""

    @property
    def when(self) -> str:
        """When it happened, in words: at a second, between two, or at or before one."""
        until = f"{self.latest:%Y-%m-%d %H:%M:%S} UTC"
        if self.earliest is None:
            return f"at or before {until}"
        since = f"{self.earliest:%Y-%m-%d %H:%M:%S}"
        return f"at {until}" if until.startswith(since) else f"between {since} and {until}"

    @property
    def version(self) -> str:
        """What the source calls the version that a commit makes and a deployment brings: mostly a commit id."""
        return self.reference or self.id
