"""What a facet of a resource held, from when to when, and where that is known from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from graph.document import Object
from graph.resource import Facet, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a document stands in version control."""

    file: str
    """Path relative to the root of the source."""
    line: int | None = None
    """First line of the document, from 1."""
    commit: str | None = None
    """Full commit id; None outside version control."""
    repository: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One facet of one resource as a source gave it."""

    resource: Resource
    body: Object
    """The object as read. Values of Kubernetes Secrets are replaced by salted hashes before this is built."""
    origin: Origin | None = None
    """Set for intended state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Something a source holds that could not be read. It never counts as clean."""

    where: str
    """File, address or API path."""
    reason: str
    """What is wrong, in one line."""
    line: int | None = None
    resource: Resource | None = None
    """The resource concerned, where that much is known."""
    is_read: bool = False
    """Whether the resource itself was read; what is missing is only what it says of itself, such as its logs."""
    scopes: tuple[str, ...] = ()
    """Beginnings of uids, such as `k8s://demo/core/Secret/` for a kind that may not be listed: whatever the source
    holds below them is not known, and everything else is not concerned."""
    except_scopes: tuple[str, ...] = ()
    """Parts of `scopes` that were read completely all the same, such as `k8s://demo/core/Secret/shop/`."""

    @property
    def is_bounded(self) -> bool:
        """Whether it is known which resources are concerned."""
        return self.is_read or self.resource is not None or bool(self.scopes)

    def hides(self, uid: str) -> bool:
        """Whether nothing can be said about the resource with this uid because of this.

        >>> secrets = Unreadable(where="secrets", reason="denied", scopes=("k8s://demo/core/Secret/",))
        >>> secrets.hides("k8s://demo/core/Secret/shop/login"), secrets.hides("k8s://demo/core/ConfigMap/shop/login")
        (True, False)
        """
        if self.resource is not None:
            return uid == self.resource.uid and not self.is_read
        return uid.startswith(self.scopes) and not uid.startswith(self.except_scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything one source said at one time.

    A resource that is missing from a `complete` snapshot is gone from that source, unless an entry of `unreadable`
    hides it; a snapshot that is not complete says nothing about what it does not list.
    """

    facet: Facet
    source: str
    """Name of the source within the environment, e.g. `git:shop-infra` or `cluster:demo`."""
    taken_at: datetime
    documents: Sequence[Document]
    unreadable: tuple[Unreadable, ...] = ()
    complete: bool = True

    def hides(self, uid: str) -> bool:
        """Whether a resource that is missing from `documents` may exist all the same."""
        return not self.complete or any(u.hides(uid) for u in self.unreadable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What one source says has changed since its last snapshot or delta. Whatever it does not name is as it was."""

    facet: Facet
    source: str
    """Name of the source within the environment, as in `Snapshot.source`."""
    at: datetime
    """UTC; when the source said so."""
    documents: Sequence[Document] = ()
    """New or changed, each resource at most once."""
    gone: tuple[str, ...] = ()
    """uids of resources that this source no longer has."""
    since: datetime | None = None
    """UTC; up to then what is told here was still as told before; None: not known."""
    unreadable: tuple[Unreadable, ...] | None = None
    """Everything that the source can't read now; None: as before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One facet of one resource over an interval of time. Versions are appended and closed, never overwritten."""

    resource: Resource
    facet: Facet
    body: Object
    source: str
    valid_from: datetime
    """UTC; since when this was so, as far as known (first observation for actual state, commit time for intended)."""
    valid_to: datetime | None
    """UTC; first observation that it was no longer so; None while it holds."""
    last_seen: datetime
    """UTC; latest observation that confirmed it."""
    recorded_at: datetime
    """UTC; when Plumbline learned it."""
    origin: Origin | None = None
