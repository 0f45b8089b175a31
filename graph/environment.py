"""The environment graph: intended, applied and actual state of one environment at one time, and how it hangs together.

A NetworkX multigraph holds ids and relation types; bodies stay beside it, so that traversal touches no document.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import networkx as nx

from graph.change import Change
from graph.document import Object
from graph.errors import NotFound
from graph.evidence import SymptomEvent
from graph.relation import IMPACT, Impact, Relation
from graph.resource import Facet, Resource
from graph.version import Unreadable, Version


class SourceState(NamedTuple):
    """How well one source of the environment was read."""

    name: str
    facet: Facet | None
    """None for a source of changes or symptoms."""
    read_at: datetime | None
    """UTC; last complete reading; None when it never worked."""
    error: str
    """Why the last reading failed; empty when it worked."""
    is_partial: bool = False
    """Whether the last reading left something out of which nobody knows what it is."""
    first_read_at: datetime | None = None
    """UTC; first reading: what was there by then had been there before."""
    is_watched: bool = False
    """Whether the source says by itself when something changes, and is listened to now."""


class EnvironmentGraph:
    """An as-of view of one environment. Immutable after construction."""

    def __init__(
        self,
        *,
        name: str,
        as_of: datetime,
        versions: Iterable[Version],
        relations: Iterable[Relation],
        history: Iterable[Version] = (),
        changes: Iterable[Change] = (),
        symptoms: Iterable[SymptomEvent] = (),
        unreadable: Iterable[Unreadable] = (),
        sources: Iterable[SourceState] = (),
    ) -> None:
        """Build the view.

        Args:
            name: name of the environment.
            as_of: UTC; the time this view is about.
            versions: at most one for each resource and facet, those valid at `as_of`.
            relations: edges valid at `as_of`; ends that are no resource are kept as dangling.
            history: earlier and current versions of resources that changed, for onset and attribution.
            changes: changes up to `as_of`, any order. A change or symptom may name a resource by an alias.
            symptoms: what the running systems said lately.
            unreadable: what the sources could not read.
            sources: how well each source was read.
        """
        self.name = name
        self.as_of = as_of
        self.unreadable = tuple(unreadable)
        self.sources = tuple(sources)
        self._facets: dict[str, dict[Facet, Version]] = defaultdict(dict)
        self._resources: dict[str, Resource] = {}
        self._by_alias: dict[str, str] = {}
        for version in versions:
            uid = version.resource.uid
            self._facets[uid][version.facet] = version
            known = self._resources.get(uid)
            self._resources[uid] = _with_aliases(known, version.resource)
        for resource in self._resources.values():
            for alias in resource.aliases:
                self._by_alias.setdefault(alias, resource.uid)
        self._history: dict[tuple[str, Facet], list[Version]] = defaultdict(list)
        for version in sorted(history, key=lambda v: v.valid_from):
            self._history[version.resource.uid, version.facet].append(version)
        self._changes: dict[str, list[Change]] = defaultdict(list)
        for change in sorted(changes, key=lambda c: c.latest):
            self._changes[self._by_alias.get(change.uid, change.uid)].append(change)
        self._symptoms: dict[str, list[SymptomEvent]] = defaultdict(list)
        for symptom in symptoms:
            self._symptoms[self._by_alias.get(symptom.resource, symptom.resource)].append(symptom)
        self.nx: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        self.nx.add_nodes_from(self._resources)
        self.relations: tuple[Relation, ...] = tuple(relations)
        for index, relation in enumerate(self.relations):
            self.nx.add_edge(relation.source, relation.target, key=index)

    def __contains__(self, uid: object) -> bool:
        return uid in self._resources

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def __len__(self) -> int:
        return len(self._resources)

    def resource(self, uid: str) -> Resource:
        """Return the resource with this uid or alias.

        Raises:
            NotFound: no facet of such a resource is valid at `as_of`.
        """
        found = self._resources.get(uid) or self._resources.get(self._by_alias.get(uid, ""))
        if found is None:
            raise NotFound(f"no resource {uid!r} in environment {self.name!r} at {self.as_of.isoformat()}")
        return found

    def by_alias(self, alias: str) -> Resource | None:
        """Return the resource that has this other name (such as an ARN), or None."""
        uid = self._by_alias.get(alias)
        return self._resources[uid] if uid else None

    def version(self, uid: str, facet: Facet) -> Version | None:
        """Return the version of a facet, or None when the resource has no such facet at `as_of`."""
        return self._facets.get(uid, {}).get(facet)

    def body(self, uid: str, facet: Facet) -> Object | None:
        """Return the document of a facet, or None."""
        version = self.version(uid, facet)
        return version.body if version else None

    def bodies(self, facet: Facet) -> Mapping[str, Object]:
        """Map uid to document for all resources that have this facet."""
        return {uid: facets[facet].body for uid, facets in self._facets.items() if facet in facets}

    def history(self, uid: str, facet: Facet) -> Sequence[Version]:
        """Return all known versions of a facet, oldest first; empty when only the current one is known."""
        return tuple(self._history.get((uid, facet), ()))

    def remembered(self) -> Iterator[Resource]:
        """Yield the resources of which history is known, those that are gone by now included, each once."""
        seen: set[str] = set()
        for (uid, _), versions in self._history.items():
            if uid not in seen:
                seen.add(uid)
                yield versions[-1].resource

    def changes(self, uid: str | None = None) -> Sequence[Change]:
        """Return changes, oldest first: of one resource (empty uid: of none), or all when `uid` is None."""
        if uid is not None:
            return tuple(self._changes.get(uid, ()))
        return sorted((c for many in self._changes.values() for c in many), key=lambda c: c.latest)

    def symptoms(self, uid: str) -> Sequence[SymptomEvent]:
        """Return what a resource said of itself lately."""
        return tuple(self._symptoms.get(uid, ()))

    def outgoing(self, uid: str) -> Sequence[Relation]:
        """Relations whose source is `uid`."""
        if uid not in self.nx:
            return ()
        return [self.relations[key] for _, _, key in self.nx.out_edges(uid, keys=True)]

    def incoming(self, uid: str) -> Sequence[Relation]:
        """Relations whose target is `uid`."""
        if uid not in self.nx:
            return ()
        return [self.relations[key] for _, _, key in self.nx.in_edges(uid, keys=True)]

    def impacts(self, uid: str) -> Iterator[tuple[str, Relation]]:
        """Yield each (uid, relation) that suffers directly when `uid` breaks."""
        for relation in self.incoming(uid):
            if IMPACT[relation.type] is Impact.TARGET_TO_SOURCE:
                yield relation.source, relation
        for relation in self.outgoing(uid):
            if IMPACT[relation.type] is Impact.SOURCE_TO_TARGET:
                yield relation.target, relation

    def needs(self, uid: str) -> Iterator[tuple[str, Relation]]:
        """Yield each (uid, relation) that `uid` suffers from directly: the inverse of `impacts`."""
        for relation in self.outgoing(uid):
            if IMPACT[relation.type] is Impact.TARGET_TO_SOURCE:
                yield relation.target, relation
        for relation in self.incoming(uid):
            if IMPACT[relation.type] is Impact.SOURCE_TO_TARGET:
                yield relation.source, relation


def _with_aliases(known: Resource | None, other: Resource) -> Resource:
    if known is None or set(other.aliases) <= set(known.aliases):
        return known or other
    merged = tuple(dict.fromkeys((*known.aliases, *other.aliases)))
    return Resource(
        uid=known.uid,
        platform=known.platform,
        kind=known.kind,
        name=known.name,
        namespace=known.namespace,
        group=known.group,
        aliases=merged,
    )
