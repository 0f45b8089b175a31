"""What all Kubernetes objects of an environment together say of each one, found once and brought forward with a view.

`graph.kinds.kubernetes.overview` says what that is and finds it from all documents. Here only the few documents that
matter are looked at: those of workloads, of definitions of custom resources, and of objects that are declared in one
place and observed in another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from graph.environment import EnvironmentGraph
from graph.kinds.kubernetes.canonical import CustomTypes, custom_types
from graph.kinds.kubernetes.identity import folder_of, is_meant, match, settles
from graph.kinds.kubernetes.operators import WORKLOADS, operators, programs
from graph.kinds.kubernetes.overview import DEFINITIONS, SERVICE, Overview
from graph.kinds.kubernetes.versions import newest_minor
from graph.resource import Facet, Platform, Resource
from graph.version import Document

_Name: TypeAlias = tuple[str, str, str]
"""Group, kind and name."""
_Place: TypeAlias = tuple[str, str, str]
"""Namespace; of what is outside of them, nothing, group and kind."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is known of one view."""

    declared: Mapping[_Place, int]
    """How many objects are declared in a place."""
    pairs: Mapping[_Name, tuple[Document, Document]]
    """Declared and observed objects that may be the same although they are in different places."""
    settled: Mapping[str, str] | None
    """Declared objects that show where the manifests of their folder went, to the folder; None: nobody asked yet."""
    programs: Mapping[str, frozenset[str]]
    """Observed workloads to the names of the programs that they run."""
    operators: frozenset[str]
    """Those of them that may be operators."""
    definitions: Set[str]
    """uids of what says which fields objects of other kinds have."""
    custom: CustomTypes
    services: Mapping[str, str]
    """Observed APIServices to their names."""

    @cached_property
    def overview(self) -> Overview:
        """The same in the words of the comparison."""
        folders = set((self.settled or {}).values())
        adopted = [(one, other) for one, other in self.pairs.values() if is_meant(one, other, folders)]
        places = Counter(self.declared)
        places.subtract(_place(one.resource) for one, _ in adopted)
        places.update(_place(other.resource) for _, other in adopted)
        kept = [place for place, count in places.items() if count > 0]
        return Overview(
            adopted={one.resource.uid: other.resource.uid for one, other in adopted},
            custom=self.custom,
            operators=self.operators,
            minor=newest_minor(frozenset(self.services.values())),
            namespaces={namespace for namespace, _, _ in kept if namespace},
            kinds={(group, kind) for namespace, group, kind in kept if not namespace},
        )

    @cached_property
    def adopters(self) -> Mapping[str, str]:
        """Maps the uid of an observed object to that of the declared one that means it, where the two differ."""
        return {other: one for one, other in self.overview.adopted.items()}


def standing(graph: EnvironmentGraph) -> Standing:
    """Return what is known of a view; found once."""
    found = graph.kept.get(standing)
    if found is None:
        found = graph.kept[standing] = _built(graph)
    assert isinstance(found, Standing)
    return found


def carry_over(old: EnvironmentGraph, new: EnvironmentGraph, touched: Set[str]) -> None:
    """Let a view know what an earlier one knew, but for the resources that are different.

    Args:
        old: the earlier view.
        new: the view that took its place.
        touched: uids of the resources that came, went, or hold other versions than before.
    """
    before = old.kept.get(standing)
    if isinstance(before, Standing):
        new.kept[standing] = _changed(before, old, new, touched)


def _built(graph: EnvironmentGraph) -> Standing:
    declared: Counter[_Place] = Counter()
    names: set[_Name] = set()
    workloads, definitions, services = [], set(), {}
    for resource in graph:
        if resource.platform is not Platform.KUBERNETES:
            continue
        facets = graph.facets(resource.uid)
        if Facet.INTENDED in facets:
            declared[_place(resource)] += 1
            if Facet.ACTUAL not in facets:
                names.add(_name(resource))
        if resource.kind in DEFINITIONS:
            definitions.add(resource.uid)
        if Facet.ACTUAL in facets:
            if resource.kind in WORKLOADS:
                workloads.append(resource.uid)
            elif resource.kind == SERVICE:
                services[resource.uid] = resource.name
    pairs = {name: pair for name in names if (pair := _pair(graph, name))}
    running = _programs(graph, workloads)
    return Standing(
        declared=declared,
        pairs=pairs,
        settled=_settled(graph, (r.uid for r in graph)) if _needs_settled(pairs) else None,
        programs=running,
        operators=_operators(running),
        definitions=definitions,
        custom=_custom(graph, definitions),
        services=services,
    )


def _changed(before: Standing, old: EnvironmentGraph, new: EnvironmentGraph, touched: Set[str]) -> Standing:
    """Bring forward what a few resources change. Every part depends on single resources, or on all of one name."""
    gone = [r for uid in touched if (r := _resource(old, uid))]
    come = [r for uid in touched if (r := _resource(new, uid))]
    declared = Counter(before.declared)
    declared.subtract(_place(r) for r in gone if Facet.INTENDED in old.facets(r.uid))
    declared.update(_place(r) for r in come if Facet.INTENDED in new.facets(r.uid))
    pairs = dict(before.pairs)
    for name in {_name(r) for r in (*gone, *come)}:
        pairs.pop(name, None)
        if pair := _pair(new, name):
            pairs[name] = pair
    settled = before.settled
    if settled is not None:
        settled = {uid: folder for uid, folder in settled.items() if uid not in touched}
        settled |= _settled(new, [r.uid for r in come])
    elif _needs_settled(pairs):
        settled = _settled(new, (r.uid for r in new))
    after = replace(before, declared=+declared, pairs=pairs, settled=settled)
    kinds = {r.kind for r in (*gone, *come)}
    if kinds & WORKLOADS:
        running = _programs(new, [r.uid for r in come if r.kind in WORKLOADS and Facet.ACTUAL in new.facets(r.uid)])
        was = {r.uid: before.programs[r.uid] for r in gone if r.uid in before.programs}
        if running != was:
            kept = {uid: names for uid, names in before.programs.items() if uid not in was} | running
            after = replace(after, programs=kept, operators=_operators(kept))
    if kinds & DEFINITIONS:
        definitions = (before.definitions - touched) | {r.uid for r in come if r.kind in DEFINITIONS}
        custom = _custom(new, definitions)
        is_same = _told(custom) == _told(before.custom)
        after = replace(after, definitions=definitions, custom=before.custom if is_same else custom)
    if SERVICE in kinds:
        services = {uid: name for uid, name in before.services.items() if uid not in touched}
        seen = {r.uid: r.name for r in come if r.kind == SERVICE and Facet.ACTUAL in new.facets(r.uid)}
        after = replace(after, services=services | seen)
    return after


def _pair(graph: EnvironmentGraph, name: _Name) -> tuple[Document, Document] | None:
    alike = [r for r in graph.named(name[2]) if r.platform is Platform.KUBERNETES and _name(r) == name]
    facets = {r.uid: graph.facets(r.uid) for r in alike}
    ones = [r.uid for r in alike if Facet.INTENDED in facets[r.uid] and Facet.ACTUAL not in facets[r.uid]]
    others = [r.uid for r in alike if Facet.ACTUAL in facets[r.uid] and Facet.INTENDED not in facets[r.uid]]
    if len(ones) != 1 or not others:
        return None
    return match([*_documents(graph, ones, Facet.INTENDED)], [*_documents(graph, others, Facet.ACTUAL)])


def _needs_settled(pairs: Mapping[_Name, tuple[Document, Document]]) -> bool:
    return any(other.resource.namespace is not None for _, other in pairs.values())


def _settled(graph: EnvironmentGraph, uids: Iterable[str]) -> dict[str, str]:
    both = (uid for uid in uids if {Facet.INTENDED, Facet.ACTUAL} <= {*graph.facets(uid)})
    ours = (uid for uid in both if graph.resource(uid).platform is Platform.KUBERNETES)
    return {d.resource.uid: folder_of(d) for d in _documents(graph, ours, Facet.INTENDED) if settles(d)}


def _programs(graph: EnvironmentGraph, uids: Iterable[str]) -> dict[str, frozenset[str]]:
    return {d.resource.uid: frozenset(programs(d)) for d in _documents(graph, uids, Facet.ACTUAL)}


def _operators(running: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return operators(frozenset[str]().union(*running.values()))


def _custom(graph: EnvironmentGraph, definitions: Set[str]) -> CustomTypes:
    facets = (Facet.ACTUAL, Facet.INTENDED)
    return custom_types(d.body for facet in facets for d in _documents(graph, sorted(definitions), facet))


def _told(custom: CustomTypes) -> object:
    return {key: (kind.raw, kind.definitions.told) for key, kind in custom.items()}


def _documents(graph: EnvironmentGraph, uids: Iterable[str], facet: Facet) -> Iterator[Document]:
    for version in graph.versions(uids, facet):
        yield Document(resource=version.resource, body=version.body, origin=version.origin)


def _resource(graph: EnvironmentGraph, uid: str) -> Resource | None:
    found = graph.resource(uid) if uid in graph else None
    return found if found and found.platform is Platform.KUBERNETES else None


def _name(resource: Resource) -> _Name:
    return resource.group, resource.kind, resource.name


def _place(resource: Resource) -> _Place:
    return (resource.namespace, "", "") if resource.namespace else ("", resource.group, resource.kind)
