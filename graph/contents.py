"""What a view of an environment is made of, behind one port: all in memory, or fetched when it is asked for.

`InMemory` is built from what is handed to it. A store may bring contents of its own that hold only identities and
relations, and read documents, history and records of changes when somebody looks at them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Protocol

from graph.change import Change
from graph.evidence import SymptomEvent
from graph.relation import Relation
from graph.resource import Facet, Platform, Resource, place_of
from graph.version import Version


class Contents(Protocol):
    """Everything that one environment held at one time. Nothing in it changes once it is built."""

    @property
    def resources(self) -> Mapping[str, Resource]:
        """Maps uid to resource for everything that has a facet."""
        ...

    def by_alias(self, alias: str) -> str | None:
        """Return the uid of the resource that has this other name, or None."""
        ...

    def named(self, name: str) -> Collection[str]:
        """Return the uids of the resources that `names_of` gives this name, in any case of its letters."""
        ...

    def beside(self, uid: str) -> Collection[str]:
        """Return the uids of the resources in the same place: the namespace in its cluster, or the stack."""
        ...

    def platforms(self, facet: Facet) -> Collection[Platform]:
        """Return the platforms of the resources that have this facet."""
        ...

    def facets(self, uid: str) -> Collection[Facet]:
        """Return the facets that a resource has; none for an unknown one."""
        ...

    def version(self, uid: str, facet: Facet) -> Version | None:
        """Return what a facet holds."""
        ...

    def fetch(self, uids: Iterable[str], facet: Facet) -> None:
        """Get ready for questions about what these resources hold in a facet; those that have none are left out."""
        ...

    def history(self, uid: str, facet: Facet) -> Sequence[Version]:
        """Return the known versions of a facet, oldest first; may be empty when only one is known."""
        ...

    def remembered(self, since: datetime | None) -> Iterator[Resource]:
        """Yield the resources that exist or that history knows, each once; with `since` (UTC), those that may have
        changed after it are enough."""
        ...

    def changes(self, uid: str) -> Sequence[Change]:
        """Return the recorded changes of one resource (empty uid: of none), oldest first."""
        ...

    def all_changes(self, since: datetime | None) -> Sequence[Change]:
        """Return the recorded changes of all resources, oldest first; with `since` (UTC), those after it are enough."""
        ...

    def runs(self, start: datetime, end: datetime) -> Sequence[Change]:
        """Return the deployment runs that overlap an interval (UTC), oldest first; more may be in it."""
        ...

    def symptoms(self, uid: str) -> Sequence[SymptomEvent]:
        """Return what a resource said of itself lately, oldest first."""
        ...

    @property
    def relations(self) -> tuple[Relation, ...]:
        """All relations."""
        ...

    def outgoing(self, uid: str) -> Sequence[Relation]:
        """Return the relations whose source is `uid`."""
        ...

    def incoming(self, uid: str) -> Sequence[Relation]:
        """Return the relations whose target is `uid`."""
        ...


class InMemory:
    """Contents that are all there."""

    def __init__(
        self,
        *,
        versions: Iterable[Version],
        relations: Iterable[Relation],
        history: Iterable[Version] = (),
        changes: Iterable[Change] = (),
        symptoms: Iterable[SymptomEvent] = (),
    ) -> None:
        """Index what is given; see `graph.environment.EnvironmentGraph` for what each holds."""
        self._facets: dict[str, dict[Facet, Version]] = defaultdict(dict)
        self.resources: dict[str, Resource] = {}
        for version in versions:
            uid = version.resource.uid
            self._facets[uid][version.facet] = version
            self.resources[uid] = with_aliases(self.resources.get(uid), version.resource)
        self._by_alias: dict[str, str] = {}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for resource in self.resources.values():
            for name in names_of(resource):
                self._by_name[name].append(resource.uid)
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
        self.relations: tuple[Relation, ...] = tuple(relations)
        self._outgoing: dict[str, list[Relation]] = defaultdict(list)
        self._incoming: dict[str, list[Relation]] = defaultdict(list)
        for relation in self.relations:
            self._outgoing[relation.source].append(relation)
            self._incoming[relation.target].append(relation)

    @cached_property
    def _places(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for uid in self.resources:
            found[place_of(uid)].append(uid)
        return found

    def by_alias(self, alias: str) -> str | None:
        return self._by_alias.get(alias)

    def named(self, name: str) -> Collection[str]:
        return self._by_name.get(name.lower(), ())

    def beside(self, uid: str) -> Collection[str]:
        return self._places.get(place_of(uid), ())

    def platforms(self, facet: Facet) -> Collection[Platform]:
        return {self.resources[uid].platform for uid, facets in self._facets.items() if facet in facets}

    def facets(self, uid: str) -> Collection[Facet]:
        return self._facets.get(uid, {}).keys()

    def version(self, uid: str, facet: Facet) -> Version | None:
        return self._facets.get(uid, {}).get(facet)

    def fetch(self, uids: Iterable[str], facet: Facet) -> None:
        """Everything is here."""

    def history(self, uid: str, facet: Facet) -> Sequence[Version]:
        return tuple(self._history.get((uid, facet), ()))

    def remembered(self, since: datetime | None) -> Iterator[Resource]:  # noqa: ARG002  (all is enough, too)
        yield from self.resources.values()
        gone = {uid: versions[-1].resource for (uid, _), versions in self._history.items()}
        yield from (resource for uid, resource in gone.items() if uid not in self.resources)

    def changes(self, uid: str) -> Sequence[Change]:
        return tuple(self._changes.get(uid, ()))

    def all_changes(self, since: datetime | None) -> Sequence[Change]:  # noqa: ARG002  (all is enough, too)
        return sorted((c for many in self._changes.values() for c in many), key=lambda c: c.latest)

    def runs(self, start: datetime, end: datetime) -> Sequence[Change]:  # noqa: ARG002  (all is enough, too)
        return self.all_changes(None)

    def symptoms(self, uid: str) -> Sequence[SymptomEvent]:
        return tuple(self._symptoms.get(uid, ()))

    def outgoing(self, uid: str) -> Sequence[Relation]:
        return self._outgoing.get(uid, ())

    def incoming(self, uid: str) -> Sequence[Relation]:
        return self._incoming.get(uid, ())


def names_of(resource: Resource) -> Collection[str]:
    """Return what a resource is looked up by, in lower case: its name, and a Terraform address as a whole."""
    name = resource.name.lower()
    return {name, resource.display.lower()} if resource.platform is Platform.TERRAFORM else (name,)


def with_aliases(known: Resource | None, other: Resource) -> Resource:
    """Return one identity that has the aliases of both; the rest is that of `known`, where there is one."""
    if known is None or set(other.aliases) <= set(known.aliases):
        return known or other
    return replace(known, aliases=tuple(dict.fromkeys((*known.aliases, *other.aliases))))
