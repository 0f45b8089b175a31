"""What readings of one facet show of each fact about access: which value, from when to when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from graph.access.fact import CONSTANT, Fact, FactKind, Stated
from graph.access.stated import stated
from graph.access.written import Home
from graph.document import ABSENT, Absent, Json
from graph.environment import EnvironmentGraph
from graph.kinds.lenient import mapping
from graph.resource import Facet, Platform, Resource
from graph.version import Version

_IDENTITY = (
    "arn",
    "association_id",
    "function_name",
    "grant_id",
    "id",
    "key_id",
    "name",
    "namespace",
    "policy_arn",
    "policy_id",
    "role",
    "service_account",
    "target_id",
    "vpc_endpoint_id",
)
"""Attributes by which facts are named. A declaration leaves out what the cloud gives, or states it as an expression."""

_WHOLE = frozenset({FactKind.ROLE, FactKind.KEY_STATE, FactKind.ENDPOINT})
"""Facts that say that their document's subject exists: when it goes, these end and the others mean nothing."""


class Segment(NamedTuple):
    """A value that readings showed."""

    value: Json | Absent
    first: datetime
    """UTC; first reading that showed it."""
    last: datetime
    """UTC; last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All facts of one facet over time."""

    segments: Mapping[Fact, Sequence[Segment]]
    """Oldest first; neighbours differ."""
    now: Mapping[Fact, Json | Absent]
    homes: Mapping[Fact, Home]
    aliases: Mapping[str, Sequence[tuple[Fact, Home]]]
    """Facts by the uid and each alias of the resource that states them, resources that are gone included."""


def stories(graph: EnvironmentGraph, facet: Facet) -> Story:
    """Read the facts of a facet from all its known versions."""
    readings = _readings(graph, facet)
    segments: dict[Fact, list[Segment]] = {}
    homes: dict[Fact, Home] = {}
    aliases: dict[str, list[tuple[Fact, Home]]] = defaultdict(list)
    for resource in _resources(graph):
        versions = _versions(graph, resource.uid, facet)
        if facet is not Facet.ACTUAL:
            versions = [_named(v, _versions(graph, resource.uid, Facet.ACTUAL)) for v in versions]
        for fact, (home, found) in _of_resource(versions, readings, graph.as_of).items():
            for name in dict.fromkeys((resource.uid, *home.resource.aliases)):
                aliases[name].append((fact, home))
            # Two documents may state one fact, such as a key and its split policy: the one that moved knows more.
            if fact not in segments or len(found) > len(segments[fact]):
                segments[fact], homes[fact] = found, home
    return Story(
        segments=segments, now={f: s[-1].value for f, s in segments.items()}, homes=homes, aliases=dict(aliases)
    )


def _resources(graph: EnvironmentGraph) -> Iterable[Resource]:
    return {r.uid: r for r in (*graph.remembered(), *graph)}.values()


def _versions(graph: EnvironmentGraph, uid: str, facet: Facet) -> Sequence[Version]:
    known = graph.history(uid, facet)
    current = graph.version(uid, facet)
    if current is not None and not any(v.valid_from == current.valid_from for v in known):
        return (*known, current)
    return known


def _named(version: Version, actual: Sequence[Version]) -> Version:
    """Give a declared resource the names that its live twin has."""
    if not actual or version.resource.platform is not Platform.TERRAFORM:
        return version
    declared = mapping(version.body, "values")
    names = {k: v for k, v in mapping(actual[-1].body, "values").items() if k in _IDENTITY and k not in declared}
    return replace(version, body={**version.body, "values": {**declared, **names}}) if names else version


def _readings(graph: EnvironmentGraph, facet: Facet) -> dict[str, list[datetime]]:
    """Map source to the times at which it is known to have been read, oldest first."""
    times: dict[str, set[datetime]] = defaultdict(set)
    for resource in _resources(graph):
        for version in _versions(graph, resource.uid, facet):
            times[version.source] |= {version.valid_from, version.last_seen}
    return {source: sorted(found) for source, found in times.items()}


def _of_resource(
    versions: Sequence[Version], readings: Mapping[str, Sequence[datetime]], as_of: datetime
) -> dict[Fact, tuple[Home, list[Segment]]]:
    """Return the facts that versions of one resource state, each with where it stood last."""
    held = [(v, {s.fact: s for s in stated(v.resource, v.body)}) for v in versions]
    found: dict[Fact, tuple[Home, list[Segment]]] = {}
    for fact in dict.fromkeys(f for _, facts in held for f in facts):
        home = next(Home(v.resource, facts[fact].path) for v, facts in reversed(held) if fact in facts)
        values = list(_values(fact, held, readings, as_of))
        found[fact] = home, list(_merged(values))
    return found


def _values(
    fact: Fact,
    held: Sequence[tuple[Version, Mapping[Fact, Stated]]],
    readings: Mapping[str, Sequence[datetime]],
    as_of: datetime,
) -> Iterator[Segment]:
    first, last = held[0][0], held[-1][0]
    if fact.kind not in CONSTANT and (before := _read_without(first, readings)):
        yield Segment(ABSENT, *before)
    for version, facts in held:
        statement = facts.get(fact)
        value = statement.value if statement is not None else ABSENT
        yield Segment(value, version.valid_from, max(version.valid_from, version.last_seen))
    is_gone = last.valid_to is not None and last.valid_to <= as_of
    if is_gone and last.valid_to is not None and _ends(fact, held[-1][1]):
        yield Segment(ABSENT, last.valid_to, max(last.valid_to, readings[last.source][-1]))


def _read_without(version: Version, readings: Mapping[str, Sequence[datetime]]) -> tuple[datetime, datetime] | None:
    """When the source was read before the resource was in it."""
    earlier = [at for at in readings[version.source] if at < version.valid_from]
    return (earlier[0], earlier[-1]) if earlier else None


def _ends(fact: Fact, facts: Mapping[Fact, Stated]) -> bool:
    """Whether a fact ends with the document that states it."""
    if fact.kind in CONSTANT:
        return False
    return fact.kind in _WHOLE or fact.kind is FactKind.GRANT or not any(f.kind in _WHOLE for f in facts)


def _merged(segments: Iterable[Segment]) -> Iterator[Segment]:
    current: Segment | None = None
    for segment in segments:
        if current is not None and _is_equal(current.value, segment.value):
            current = Segment(current.value, current.first, max(current.last, segment.last))
            continue
        if current is not None:
            yield current
        current = segment
    if current is not None:
        yield current


def _is_equal(one: Json | Absent, other: Json | Absent) -> bool:
    return one is other or bool(one == other)
