"""What is known of the objects below one path of an API server, and how lists and events change that. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from graph.document import Object
from graph.errors import Invalid
from graph.packed import Bundle, Piece
from graph.resource import Resource
from graph.version import Unreadable
from tools.adapters.kubernetes_discovery import Listable
from tools.adapters.kubernetes_listing import Part
from tools.adapters.kubernetes_reading import Listed, ObjectReader
from tools.adapters.kubernetes_watch_stream import WatchEvent


class Difference(NamedTuple):
    """What is new of some resources, by uid: their documents, and None for what is gone."""

    found: dict[str, Piece | None]


def difference(bundles: Iterable[Bundle], gone: Iterable[str] = ()) -> Difference:
    """Return that these documents are new, and these resources gone."""
    new = {entry.resource.uid: Piece(b, ((i, entry),)) for b in bundles for i, entry in enumerate(b.entries)}
    return Difference({**new, **dict.fromkeys(gone)})


class WatchedPath:
    """All objects of one kind, or those of one namespace. Keeps versions, no bodies."""

    def __init__(self, kind: Listable, path: str, reader: ObjectReader, *, heard_at: datetime) -> None:
        """Know nothing yet; `heard_at` is the time (UTC) as of which the first list will be."""
        self.kind = kind
        self.path = path
        self.resource_version = ""
        """From where the watch goes on."""
        self.heard_at = heard_at
        """UTC; everything that was written well before this is known."""
        self.must_list = True
        """Whether it can't go on from `resource_version`."""
        self.lost: str = ""
        """Why something that the server said was not understood since the last list; empty when nothing was."""
        self.lost_count = 0
        self.broken_since: datetime | None = None
        """UTC; None while it is open."""
        self.reason = ""
        """Why it is broken."""
        self._reader = reader
        self._versions: dict[str, str] = {}
        self._hidden: dict[str, Unreadable] = {}

    @property
    def versions(self) -> Mapping[str, str]:
        """Resources that exist here, by uid, and in which version they were told of."""
        return self._versions

    def page(self, items: Sequence[Object]) -> Listed:
        """Return what is new on one page of a list; what is known stays as it is until the list is whole."""
        return self._reader.page(self.kind, items, self._versions)

    def seed(self, part: Part[Listed]) -> None:
        """Begin with a list whose documents were told already."""
        self._listed(part)
        self._versions = {uid: version for page in part.pages for uid, version in page.versions.items()}

    def list_again(self, part: Part[Listed]) -> Difference:
        """Return what a new list changes: nothing is missed, and what is as before is not told again."""
        self._listed(part)
        versions = {uid: version for page in part.pages for uid, version in page.versions.items()}
        # Where an object could not be read, nobody knows which one is missing because of that.
        gone = () if self.lost else [uid for uid in self._versions if uid not in versions]
        for uid in gone:
            self._hidden.pop(uid, None)
        kept = {uid: v for uid, v in self._versions.items() if uid not in versions} if self.lost else {}
        self._versions = {**kept, **versions}
        return difference((page.found for page in part.pages), gone)

    def hear(self, event: WatchEvent) -> Difference:
        """Return what one event changes."""
        self.resource_version = event.resource_version
        if event.type == "BOOKMARK":
            return Difference({})
        try:
            document = self._reader.document(self.kind, event.object)
        except Invalid as error:
            self.lose(error.reason)
            return Difference({})
        uid = document.resource.uid
        if event.type == "DELETED":
            self._hidden.pop(uid, None)
            return Difference({uid: None} if self._versions.pop(uid, None) is not None else {})
        self._hide(document.resource)
        if self._versions.get(uid) == event.resource_version:
            return Difference({})
        self._versions[uid] = event.resource_version
        return difference([Bundle([document])])

    def lose(self, reason: str) -> None:
        """Remember that something was said that nobody understood."""
        self.lost, self.lost_count = reason, self.lost_count + 1

    def unreadable(self, cluster: str, *, broken_before: datetime) -> list[Unreadable]:
        """Return what is not known of this path; it counts as broken when it is so since before `broken_before`."""
        scopes = (self.kind.scope(cluster),)
        found = list(self._hidden.values())
        if self.lost:
            reason = f"{self.lost_count} events could not be read, the last one because: {self.lost}"
            found.append(Unreadable(where=self.path, reason=reason, scopes=scopes))
        if self.broken_since is not None and self.broken_since <= broken_before:
            reason = (
                f"the watch of {self.kind.title} is broken since {self.broken_since:%Y-%m-%d %H:%M:%S} UTC; what "
                f"changed after that is not known: {self.reason}"
            )
            found.append(Unreadable(where=self.path, reason=reason, scopes=scopes))
        return found

    def _listed(self, part: Part[Listed]) -> None:
        self.resource_version = part.resource_version
        self.must_list = False
        self.lost, self.lost_count = "", 0
        for page in part.pages:
            for reason in page.faults:
                self.lose(reason)
            for entry in page.found.entries:
                self._hide(entry.resource)

    def _hide(self, resource: Resource) -> None:
        if self._reader.is_hidden(self.kind):
            self._hidden[resource.uid] = self._reader.hidden(self.kind, resource)
