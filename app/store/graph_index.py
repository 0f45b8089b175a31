"""What is kept in memory of one environment: identities, which version each facet has, relations. Knows no SQL.

Documents are not in it. An index is never changed: `changed` returns another one that shares what is the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from app.store.layers import Layers
from graph.contents import names_of, with_aliases
from graph.relation import Relation
from graph.resource import Facet, Platform, Resource, place_of

K = TypeVar("K")
V = TypeVar("V")


class Held(NamedTuple):
    """The version that one facet has, without its document."""

    id: int
    source: str
    valid_from: datetime
    valid_to: datetime | None
    last_seen: datetime
    recorded_at: datetime
    revision: int
    """With `id`: what the row says; the insignificant part of its document is replaced in place."""


class Entry(NamedTuple):
    """One resource and the version that each of its facets has."""

    resource: Resource
    held: Mapping[Facet, Held]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """All resources and relations of an environment at one time."""

    entries: Layers[str, Entry]
    resources: Layers[str, Resource]
    names: Layers[str, tuple[str, ...]]
    aliases: Layers[str, tuple[str, ...]]
    places: Layers[str, tuple[str, ...]]
    outgoing: Layers[str, tuple[Relation, ...]]
    incoming: Layers[str, tuple[Relation, ...]]
    platforms: Mapping[tuple[Facet, Platform], int]
    """How many resources of a platform have a facet."""

    @classmethod
    def build(cls, entries: dict[str, Entry], outgoing: dict[str, tuple[Relation, ...]]) -> Index:
        """Build the index of everything at once.

        Args:
            entries: by uid.
            outgoing: relations by the uid of their source.
        """
        groups: tuple[dict[str, list[str]], ...] = (defaultdict(list), defaultdict(list), defaultdict(list))
        for uid, entry in entries.items():
            for group, keys in zip(groups, _keys(entry), strict=True):
                for key in keys:
                    group[key].append(uid)
        incoming: dict[str, list[Relation]] = defaultdict(list)
        for relations in outgoing.values():
            for relation in relations:
                incoming[relation.target].append(relation)
        names, aliases, places = ({k: tuple(v) for k, v in group.items()} for group in groups)
        return cls(
            entries=Layers(entries),
            resources=Layers({uid: e.resource for uid, e in entries.items()}),
            names=Layers(names),
            aliases=Layers(aliases),
            places=Layers(places),
            outgoing=Layers(outgoing),
            incoming=Layers({uid: tuple(r) for uid, r in incoming.items()}),
            platforms=Counter(_platforms(entries.values())),
        )

    def changed(self, entries: Mapping[str, Entry | None], outgoing: Mapping[str, tuple[Relation, ...]]) -> Index:
        """Return the index after some resources came, went or have other versions.

        Args:
            entries: by uid; None: it is gone.
            outgoing: all relations that these sources state now; none for an empty tuple.
        """
        groups: tuple[dict[str, tuple[str, ...] | None], ...] = ({}, {}, {})
        before = (self.names, self.aliases, self.places)
        platforms = Counter(self.platforms)
        for uid, entry in entries.items():
            old = self.entries.get(uid)
            platforms.subtract(_platforms([old] if old else []))
            platforms.update(_platforms([entry] if entry else []))
            for group, known, out, now in zip(groups, before, _keys(old), _keys(entry), strict=True):
                for key in {*out} - {*now}:
                    _replace(group, known, key, gone=uid)
                for key in {*now} - {*out}:
                    _replace(group, known, key, new=uid)
        return Index(
            entries=self.entries.changed(entries),
            resources=self.resources.changed({u: e.resource if e else None for u, e in entries.items()}),
            names=self.names.changed(groups[0]),
            aliases=self.aliases.changed(groups[1]),
            places=self.places.changed(groups[2]),
            outgoing=self.outgoing.changed({u: r or None for u, r in outgoing.items()}),
            incoming=self.incoming.changed(self._incoming(outgoing)),
            platforms=platforms,
        )

    def _incoming(self, outgoing: Mapping[str, tuple[Relation, ...]]) -> dict[str, tuple[Relation, ...] | None]:
        found: dict[str, tuple[Relation, ...] | None] = {}
        for uid, relations in outgoing.items():
            old, new = self.outgoing.get(uid, ()), relations
            for relation in (r for r in old if r not in new):
                rest = found.get(relation.target, self.incoming.get(relation.target)) or ()
                found[relation.target] = tuple(r for r in rest if r != relation) or None
            for relation in (r for r in new if r not in old):
                rest = found.get(relation.target, self.incoming.get(relation.target)) or ()
                found[relation.target] = (*rest, relation)
        return found


def entry_of(found: Iterable[tuple[Resource, Facet, Held]]) -> Entry:
    """Join the facets of one resource, at least one; its other names are those that any facet states."""
    resource: Resource | None = None
    held: dict[Facet, Held] = {}
    for stated, facet, version in found:
        resource = with_aliases(resource, stated)
        held[facet] = version
    assert resource is not None
    return Entry(resource, held)


def _keys(entry: Entry | None) -> tuple[Collection[str], Collection[str], Collection[str]]:
    if entry is None:
        return (), (), ()
    return names_of(entry.resource), entry.resource.aliases, (place_of(entry.resource.uid),)


def _platforms(entries: Iterable[Entry]) -> Sequence[tuple[Facet, Platform]]:
    return [(facet, entry.resource.platform) for entry in entries for facet in entry.held]


def _replace(
    group: dict[str, tuple[str, ...] | None],
    known: Mapping[str, tuple[str, ...]],
    key: str,
    *,
    gone: str | None = None,
    new: str | None = None,
) -> None:
    rest = tuple(uid for uid in (group[key] if key in group else known.get(key)) or () if uid not in (gone, new))
    group[key] = ((*rest, new) if new else rest) or None
