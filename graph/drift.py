"""Drift of an environment: the comparison of everything, kept with a view and brought forward by what has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from graph.comparison import Frame, Judged, compare, compare_part, judge_part, report_of
from graph.document import ABSENT, Absent, Json
from graph.environment import EnvironmentGraph
from graph.finding import LIVE_DRIFT, DriftReport, Finding, NotComparable, Severity, Verdict
from graph.kinds.kubernetes.overview import Overview
from graph.kinds.kubernetes.owners import manager_names
from graph.resource import Facet, Platform, place_of
from graph.standing import standing
from graph.surroundings import judged_with

__all__ = [
    "LIVE_DRIFT",
    "DriftReport",
    "Finding",
    "NotComparable",
    "Severity",
    "Verdict",
    "carry_over",
    "compare",
    "compare_graph",
    "compare_part",
]

_AT_ONCE = 500
"""Kubernetes objects that are compared together: no more than these and their surroundings are in memory at once."""
_COMPARED = frozenset({Platform.COMPOSE, Platform.KUBERNETES, Platform.TERRAFORM})


class _Light(NamedTuple):
    """A finding without whole documents: those of all resources would not fit into memory."""

    finding: Finding
    held: frozenset[Facet]
    """Its values that are all that the facet holds."""


class _Said(NamedTuple):
    """What the comparison says of one resource."""

    findings: tuple[_Light, ...]
    not_comparable: tuple[NotComparable, ...]
    managers: frozenset[str]
    """Field managers of the observed object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What is known of all resources of a view."""

    frame: Frame
    said: Mapping[str, _Said]
    """By uid; those of which there is nothing to say are left out."""
    resources: Set[str]
    """uids of what was looked at"""
    stale: Set[str]
    """uids of what may come out otherwise by now"""


def compare_graph(graph: EnvironmentGraph) -> DriftReport:
    """Compare the three facets of an environment as the graph holds them.

    What a source did not say because its last reading failed, or was partial, counts as not comparable. Only what
    changed since an earlier view was compared is compared again.
    """
    frame = Frame.of(graph)
    kept = graph.kept.get(compare_graph)
    if not isinstance(kept, _Kept) or kept.frame != frame:
        everything = {r.uid for r in graph if r.platform in _COMPARED}
        kept = _Kept(frame=frame, said={}, resources=set(), stale=everything)
    if kept.stale:
        kept = _judged_again(graph, kept)
    graph.kept[compare_graph] = kept
    found = Judged(
        kept.resources,
        _whole(graph, [f for said in kept.said.values() for f in said.findings]),
        [note for said in kept.said.values() for note in said.not_comparable],
    )
    return report_of(found, frame)


def carry_over(old: EnvironmentGraph, new: EnvironmentGraph, touched: Set[str]) -> None:
    """Let a view know what an earlier one found, but for what a change of some resources may have changed.

    Args:
        old: the earlier view.
        new: the view that took its place, to which `graph.standing` was carried over.
        touched: uids of the resources that came, went, or hold other versions than before.
    """
    kept = old.kept.get(compare_graph)
    if not isinstance(kept, _Kept):
        return
    restated = _restated(standing(old).overview, standing(new).overview, new, kept)
    stale = kept.stale | judged_with(old, touched) | judged_with(new, touched) | restated
    if len(stale) <= len(new) // 2 + _AT_ONCE:
        new.kept[compare_graph] = replace(kept, stale=stale)


def _restated(old: Overview, new: Overview, graph: EnvironmentGraph, kept: _Kept) -> Set[str]:
    """Return the uids of which all objects together say something else than before."""
    pairs = {*old.adopted.items()} ^ {*new.adopted.items()}
    found = {uid for pair in pairs for uid in pair}
    if (old.namespaces, old.kinds) != (new.namespaces, new.kinds):
        undeclared = (
            r for r in graph if r.platform is Platform.KUBERNETES and Facet.INTENDED not in graph.facets(r.uid)
        )
        found |= {r.uid for r in undeclared if old.covers(r) != new.covers(r)}
    if others := old.operators ^ new.operators:
        # Who wrote a field matters only where there is a difference.
        found |= {uid for uid, said in kept.said.items() if said.managers & others}
    return found


def _judged_again(graph: EnvironmentGraph, kept: _Kept) -> _Kept:
    said = {uid: one for uid, one in kept.said.items() if uid not in kept.stale}
    resources = set(kept.resources - kept.stale)
    managers: dict[frozenset[str], frozenset[str]] = {}
    for uids in _parts(kept.stale):
        judged = judge_part(graph, uids, kept.frame)
        resources.update(judged.resources)
        findings, notes = _by_uid(judged)
        for uid in findings.keys() | notes.keys():
            names = _managers(graph, uid)
            light = tuple(_light(graph, f) for f in findings.get(uid, ()))
            said[uid] = _Said(light, tuple(notes.get(uid, ())), managers.setdefault(names, names))
    return replace(kept, said=said, resources=resources, stale=frozenset())


def _parts(uids: Iterable[str]) -> Iterator[Collection[str]]:
    """Cut uids into parts that are compared at once: some of a cluster, or all of a stack."""
    by_scheme = {scheme: [*some] for scheme, some in groupby(sorted(uids), key=lambda uid: uid.partition("://")[0])}
    objects = sorted(by_scheme.get("k8s", ()), key=place_of)
    yield from (objects[start : start + _AT_ONCE] for start in range(0, len(objects), _AT_ONCE))
    for _, some in groupby(by_scheme.get("tf", ()), key=place_of):
        yield tuple(some)
    if projects := by_scheme.get("compose"):
        yield projects


def _by_uid(judged: Judged) -> tuple[dict[str, list[Finding]], dict[str, list[NotComparable]]]:
    findings: dict[str, list[Finding]] = {}
    for finding in judged.findings:
        findings.setdefault(finding.resource.uid, []).append(finding)
    notes: dict[str, list[NotComparable]] = {}
    for note in judged.not_comparable:
        notes.setdefault(note.uid, []).append(note)
    return findings, notes


def _managers(graph: EnvironmentGraph, uid: str) -> frozenset[str]:
    body = graph.body(standing(graph).overview.adopted.get(uid, uid), Facet.ACTUAL)
    return frozenset() if body is None else manager_names(body)


def _light(graph: EnvironmentGraph, finding: Finding) -> _Light:
    values = {Facet.INTENDED: finding.intended, Facet.APPLIED: finding.applied, Facet.ACTUAL: finding.actual}
    held = frozenset(f for f in Facet if not finding.path and values[f] == graph.body(finding.resource.uid, f))
    return _Light(_with(finding, dict.fromkeys(held, ABSENT)), held)


def _whole(graph: EnvironmentGraph, lights: Sequence[_Light]) -> list[Finding]:
    wanted = {facet: [x.finding.resource.uid for x in lights if facet in x.held] for facet in Facet}
    bodies = {(v.resource.uid, facet): v.body for facet in Facet for v in graph.versions(wanted[facet], facet)}
    return [_with(x.finding, {f: bodies[x.finding.resource.uid, f] for f in x.held}) for x in lights]


def _with(finding: Finding, values: Mapping[Facet, Json | Absent]) -> Finding:
    if not values:
        return finding
    return replace(
        finding,
        intended=values.get(Facet.INTENDED, finding.intended),
        applied=values.get(Facet.APPLIED, finding.applied),
        actual=values.get(Facet.ACTUAL, finding.actual),
    )
