"""The environment graph: intended, applied and actual state of one environment at one time, and how it hangs together.

Identities and relations are always at hand; documents and history may be fetched when somebody looks at them, so that a
traversal touches no document.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import networkx as nx

from graph.change import Change
from graph.contents import Contents, InMemory
from graph.document import Object
from graph.errors import NotFound
from graph.evidence import Gap, SymptomEvent
from graph.relation import IMPACT, Impact, Relation
from graph.resource import Facet, Platform, Resource
from graph.version import Unreadable, Version

_AT_ONCE = 500
"""Resources whose documents are fetched together."""


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
    told_until: datetime | None = None
    """UTC; time of the newest record of a stream: what is later may still come. None for what is no stream."""
    gaps: tuple[Gap, ...] = ()
    """Records that a stream has lost, or that could not be read."""


class EnvironmentGraph:
    """An as-of view of one environment. Immutable after construction."""

    def __init__(
        self,
        *,
        name: str,
        as_of: datetime,
        versions: Iterable[Version] = (),
        relations: Iterable[Relation] = (),
        history: Iterable[Version] = (),
        changes: Iterable[Change] = (),
        symptoms: Iterable[SymptomEvent] = (),
        unreadable: Iterable[Unreadable] = (),
        sources: Iterable[SourceState] = (),
        contents: Contents | None = None,
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
            contents: takes the place of versions, relations, history, changes and symptoms.
        """
        self.name = name
        self.as_of = as_of
        self.unreadable = tuple(unreadable)
        self.sources = tuple(sources)
        self.kept: dict[object, object] = {}
        """What pure functions found out about this view, by the function: it stays true as long as the view lives."""
        self._contents = contents or InMemory(
            versions=versions, relations=relations, history=history, changes=changes, symptoms=symptoms
        )

    def __contains__(self, uid: object) -> bool:
        return uid in self._contents.resources

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._contents.resources.values())

    def __len__(self) -> int:
        return len(self._contents.resources)

    @property
    def relations(self) -> tuple[Relation, ...]:
        """All relations."""
        return self._contents.relations

    @cached_property
    def nx(self) -> nx.MultiDiGraph[str]:
        """The relations as a NetworkX graph of uids, keyed by their place in `relations`, for its algorithms.

        It holds no attributes: those of 100,000 resources would take more memory than everything else here.
        """
        found: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        found.add_nodes_from(self._contents.resources)
        for key, relation in enumerate(self.relations):
            found.add_edge(relation.source, relation.target, key=key)
        return found

    def resource(self, uid: str) -> Resource:
        """Return the resource with this uid or alias.

        Raises:
            NotFound: no facet of such a resource is valid at `as_of`.
        """
        found = self._contents.resources.get(uid) or self.by_alias(uid)
        if found is None:
            raise NotFound(f"no resource {uid!r} in environment {self.name!r} at {self.as_of.isoformat()}")
        return found

    def by_alias(self, alias: str) -> Resource | None:
        """Return the resource that has this other name (such as an ARN), or None."""
        uid = self._contents.by_alias(alias)
        return self._contents.resources.get(uid) if uid else None

    def named(self, name: str) -> Sequence[Resource]:
        """Return the resources whose own name this is, without kind and namespace; case does not count."""
        return [self._contents.resources[uid] for uid in self._contents.named(name)]

    def beside(self, uid: str) -> Sequence[Resource]:
        """Return the resources in the place that a uid names: a namespace of a cluster, what is in none, or a stack."""
        return [self._contents.resources[other] for other in self._contents.beside(uid)]

    def platforms(self, facet: Facet) -> Collection[Platform]:
        """Return the platforms of the resources that have this facet."""
        return self._contents.platforms(facet)

    def facets(self, uid: str) -> Collection[Facet]:
        """Return the facets that a resource has, without looking at what they hold; none for an unknown one."""
        return self._contents.facets(uid)

    def version(self, uid: str, facet: Facet) -> Version | None:
        """Return the version of a facet, or None when the resource has no such facet at `as_of`."""
        return self._contents.version(uid, facet)

    def body(self, uid: str, facet: Facet) -> Object | None:
        """Return the document of a facet, or None."""
        version = self.version(uid, facet)
        return version.body if version else None

    def bodies(self, facet: Facet) -> Mapping[str, Object]:
        """Map uid to document for all resources that have this facet."""
        wanted = [uid for uid in self._contents.resources if facet in self.facets(uid)]
        return {version.resource.uid: version.body for version in self.versions(wanted, facet)}

    def versions(self, uids: Iterable[str], facet: Facet) -> Iterator[Version]:
        """Yield what many resources hold in a facet, those that have it; quicker than asking for one by one."""
        wanted = iter(uids)
        while some := list(islice(wanted, _AT_ONCE)):
            self._contents.fetch(some, facet)
            for uid in some:
                if (version := self._contents.version(uid, facet)) is not None:
                    yield version

    def history(self, uid: str, facet: Facet) -> Sequence[Version]:
        """Return all known versions of a facet, oldest first; empty when only the current one is known."""
        return self._contents.history(uid, facet)

    def remembered(self, since: datetime | None = None) -> Iterator[Resource]:
        """Yield all resources, and those that are gone by now and that history knows, each once.

        With `since` (UTC), at least those that changed after it.
        """
        return self._contents.remembered(since)

    def changes(self, uid: str | None = None, *, since: datetime | None = None) -> Sequence[Change]:
        """Return changes, oldest first: of one resource (empty uid: of none), or all when `uid` is None.

        With `since` (UTC), changes at or before it may be left out.
        """
        return self._contents.all_changes(since) if uid is None else self._contents.changes(uid)

    def runs(self, start: datetime, end: datetime) -> Sequence[Change]:
        """Return the runs of deployments that overlap an interval (UTC), oldest first; other changes may be in it."""
        return self._contents.runs(start, end)

    def symptoms(self, uid: str) -> Sequence[SymptomEvent]:
        """Return what a resource said of itself lately."""
        return self._contents.symptoms(uid)

    def outgoing(self, uid: str) -> Sequence[Relation]:
        """Relations whose source is `uid`."""
        return self._contents.outgoing(uid)

    def incoming(self, uid: str) -> Sequence[Relation]:
        """Relations whose target is `uid`."""
        return self._contents.incoming(uid)

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
