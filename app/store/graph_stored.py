"""Contents of a view that stand in the database: an index is in memory, the rest is read when it is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from app.store.database import Database
from app.store.graph_bodies import PastBody
from app.store.graph_documents import Content, Documents
from app.store.graph_index import Held, Index
from app.store.graph_log import Log
from app.store.graph_moment import Moment
from app.store.graph_rows import changed_since, gone_by, history_at
from app.store.lately import Lately
from graph.change import Change
from graph.evidence import SymptomEvent
from graph.relation import Relation
from graph.resource import Facet, Platform, Resource, place_of
from graph.version import Version

_ASKED_AGAIN = 8
"""Resources whose records and history are kept: one answer looks at those of a resource several times."""


class Shelf(NamedTuple):
    """Where the contents of an environment are read from."""

    database: Database
    documents: Documents
    environment: str


class Stored:
    """`graph.contents.Contents` of one environment at one moment."""

    def __init__(
        self,
        shelf: Shelf,
        index: Index,
        moment: Moment,
        confirmed: Mapping[str, datetime],
        past: Mapping[int, PastBody],
    ) -> None:
        """Join what is in memory with where the rest is.

        Args:
            shelf: where the rest is.
            index: resources and relations at the moment.
            moment: the time, and what was known by then.
            confirmed: maps source and facet, as `facet/source`, to the time up to which it confirmed all that it has.
            past: by the id of a version's row, what it held then, when it holds something else now.
        """
        self.index = index
        self.moment = moment
        self._shelf = shelf
        self._confirmed = confirmed
        self._past = past
        self._fetched: Mapping[int, Content] = {}
        self._log = Log(shelf.database, shelf.environment, moment)
        self._changes: Lately[str, Sequence[Change]] = Lately(_ASKED_AGAIN)
        self._histories: Lately[tuple[str, Facet], Sequence[Version]] = Lately(_ASKED_AGAIN)

    @property
    def resources(self) -> Mapping[str, Resource]:
        return self.index.resources

    def by_alias(self, alias: str) -> str | None:
        found = self.index.aliases.get(alias)
        return found[0] if found else None

    def named(self, name: str) -> Collection[str]:
        return self.index.names.get(name.lower(), ())

    def beside(self, uid: str) -> Collection[str]:
        return self.index.places.get(place_of(uid), ())

    def platforms(self, facet: Facet) -> Collection[Platform]:
        return {platform for (one, platform), count in self.index.platforms.items() if one is facet and count > 0}

    def facets(self, uid: str) -> Collection[Facet]:
        entry = self.index.entries.get(uid)
        return entry.held.keys() if entry else ()

    def version(self, uid: str, facet: Facet) -> Version | None:
        entry = self.index.entries.get(uid)
        held = entry.held.get(facet) if entry else None
        if entry is None or held is None:
            return None
        content = self._contents({held.id: held.revision})[held.id]
        return Version(
            resource=entry.resource,
            facet=facet,
            body=content.body,
            source=held.source,
            valid_from=held.valid_from,
            valid_to=held.valid_to,
            last_seen=self._last_seen(held, facet),
            recorded_at=held.recorded_at,
            origin=content.origin,
        )

    def fetch(self, uids: Iterable[str], facet: Facet) -> None:
        """Read the documents of resources at once that will be asked for one by one."""
        entries = (self.index.entries.get(uid) for uid in uids)
        wanted = {h.id: h.revision for e in entries if e and (h := e.held.get(facet))}
        self._fetched = {id: content for id, content in self._contents(wanted).items() if id in self._past}

    def history(self, uid: str, facet: Facet) -> Sequence[Version]:
        return self._histories.of((uid, facet), lambda: self._history(uid, facet))

    def _history(self, uid: str, facet: Facet) -> Sequence[Version]:
        entry = self.index.entries.get(uid)
        held = entry.held.get(facet) if entry else None
        with self._shelf.database.reading() as session:
            found = history_at(
                session, self._shelf.environment, self.moment, uid, facet, entry.resource if entry else None
            )
        # Several sources may give the same facet; the history of one is not a change of another.
        story = [(id, v) for id, v in found if held is None or v.source == held.source]
        if held is not None and len(story) < 2:
            return ()
        contents = self._contents(dict.fromkeys((id for id, _ in story), 0))
        return [replace(v, body=contents[id].body, origin=contents[id].origin) for id, v in story if id in contents]

    def remembered(self, since: datetime | None) -> Iterator[Resource]:
        entries, environment = self.index.entries, self._shelf.environment
        with self._shelf.database.reading() as session:
            touched = None if since is None else changed_since(session, environment, self.moment, since)
            gone = None if touched is None else [uid for uid in touched if uid not in entries]
            past = list(gone_by(session, environment, self.moment, entries.__contains__, gone))
        if touched is None:
            yield from self.index.resources.values()
        else:
            yield from (entries[uid].resource for uid in touched if uid in entries)
        yield from past

    def changes(self, uid: str) -> Sequence[Change]:
        entry = self.index.entries.get(uid)
        names = (uid, *(entry.resource.aliases if entry else ()))
        return self._changes.of(uid, lambda: self._log.changes(names))

    def all_changes(self, since: datetime | None) -> Sequence[Change]:
        return self._log.all_changes(since)

    def runs(self, start: datetime, end: datetime) -> Sequence[Change]:
        return self._log.runs(start, end)

    def symptoms(self, uid: str) -> Sequence[SymptomEvent]:
        entry = self.index.entries.get(uid)
        names = (uid, *(entry.resource.aliases if entry else ()))
        found = [s for name in names for s in self._log.symptoms.get(name, ())]
        return found if len(names) == 1 else sorted(found, key=lambda s: (s.at is not None, s.at))

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        return tuple(relation for some in self.index.outgoing.values() for relation in some)

    def outgoing(self, uid: str) -> Sequence[Relation]:
        return self.index.outgoing.get(uid, ())

    def incoming(self, uid: str) -> Sequence[Relation]:
        return self.index.incoming.get(uid, ())

    def _contents(self, wanted: Mapping[int, int]) -> Mapping[int, Content]:
        """Return documents by the id of their row; `wanted` maps each id to its least revision."""
        past = {id: self._past[id] for id in wanted if id in self._past}
        found = self._shelf.documents.get_all({id: r for id, r in wanted.items() if id not in past})
        if not past:
            return found
        missing = {id: body for id, body in past.items() if id not in self._fetched}
        read = self._shelf.documents.get_past(self._shelf.environment, missing) if missing else {}
        return {**found, **read, **{id: self._fetched[id] for id in past if id in self._fetched}}

    def _last_seen(self, held: Held, facet: Facet) -> datetime:
        """What a source did not say is different is as it was when the source was read or heard last."""
        confirmed = self._confirmed.get(f"{facet.value}/{held.source}")
        seen = held.last_seen if confirmed is None or held.valid_to is not None else max(held.last_seen, confirmed)
        return self.moment.seen(seen, held.valid_from)
