"""Why a resource is as it is: what differs from its declaration, what changed it, and what leans on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graph.attribution import Place, attribute, attribute_place
from graph.change import Change, Channel
from graph.document import ABSENT, get
from graph.drift import DriftReport, Finding, compare_part
from graph.environment import EnvironmentGraph
from graph.evidence import Gap
from graph.resource import Facet, Resource, display_uid
from graph.source_gaps import source_gaps

_MOST_CHANGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """Something that suffers directly when the resource breaks."""

    uid: str
    relation: str
    detail: str
    """What exactly it uses; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Answer to "why is this so?"."""

    resource: Resource
    path: str
    """JSON pointer that was asked about; empty for the whole resource."""
    summary: str
    """One sentence."""
    findings: tuple[Finding, ...]
    """How it differs from what was declared."""
    changes: tuple[Change, ...]
    """What brought that about; without a difference, what is known to have changed it, newest first."""
    dependents: tuple[Dependent, ...]
    gaps: tuple[Gap, ...]


def explain(graph: EnvironmentGraph, resource: Resource, path: str = "", *, deployers: frozenset[str]) -> Explanation:
    """Explain the present state of a resource, or of one of its fields.

    Args:
        graph: the environment as of the time that is asked about.
        resource: one of its resources, or one that is gone.
        path: JSON pointer into the actual object; empty for the whole resource.
        deployers: names of the actors that deployments run as.
    """
    report = compare_part(graph, (resource.uid,))
    findings = tuple(f for f in report.findings if f.resource.uid == resource.uid and _touches(f, path))
    changes = [attribute(graph, f, deployers=deployers) for f in findings] or _known(graph, resource, path, deployers)
    return Explanation(
        resource=resource,
        path=path,
        summary=_summary(graph, resource, path, findings, changes, report),
        findings=findings,
        changes=tuple(changes),
        dependents=dependents_of(graph, resource.uid),
        gaps=tuple(_gaps(graph, resource, report)),
    )


def _known(graph: EnvironmentGraph, resource: Resource, path: str, deployers: frozenset[str]) -> list[Change]:
    """Changes of something that is as declared: of the field asked about, else of the whole, newest first."""
    if _is_gone(graph, resource.uid):
        place = Place(uid=resource.uid, path="", before=ABSENT, after=ABSENT)
        return [attribute_place(graph, place, deployers=deployers)]
    value = get(graph.body(resource.uid, Facet.ACTUAL), path) if path else ABSENT
    if value is not ABSENT:
        place = Place(uid=resource.uid, path=path, before=ABSENT, after=value)
        return [attribute_place(graph, place, deployers=deployers)]
    mine = [c for c in graph.changes(resource.uid) if not path or _overlap(c.path, path)]
    return mine[: -_MOST_CHANGES - 1 : -1]


def _is_gone(graph: EnvironmentGraph, uid: str) -> bool:
    """Whether something ran once, and is neither there nor declared any more."""
    return bool(graph.history(uid, Facet.ACTUAL)) and not any(graph.version(uid, facet) for facet in Facet)


def _has(graph: EnvironmentGraph, uid: str, facet: Facet, path: str) -> bool:
    return graph.version(uid, facet) is not None and get(graph.body(uid, facet), path) is not ABSENT


def _summary(
    graph: EnvironmentGraph,
    resource: Resource,
    path: str,
    findings: Sequence[Finding],
    changes: Sequence[Change],
    report: DriftReport,
) -> str:
    if _is_gone(graph, resource.uid):
        return f"It no longer exists{_by_whom(changes, 'removed')}, and is not declared anywhere that is read."
    what = path or "It"
    if any(n.uid == resource.uid for n in report.not_comparable):
        return f"{what} can't be compared with its declaration; the gaps say why."
    if not findings:
        if path and not any(_has(graph, resource.uid, facet, path) for facet in Facet):
            return f"{path} is set neither where it is declared nor where it runs."
        is_declared = graph.version(resource.uid, Facet.INTENDED) is not None
        return f"{what} is as it was declared." if is_declared else f"{what} was not declared anywhere that is read."
    differs = f"{what} differs from its declaration in {len(findings)} place{'s' if len(findings) > 1 else ''}"
    return f"{differs}{_by_whom(changes, 'changed')}."


def _by_whom(changes: Sequence[Change], did: str) -> str:
    by_hand = [c for c in changes if c.channel is Channel.BY_HAND]
    if not by_hand:
        return ""
    return f", {did} by hand by {by_hand[0].actor.name if by_hand[0].actor else 'somebody'}"


def dependents_of(graph: EnvironmentGraph, uid: str) -> tuple[Dependent, ...]:
    """Return what suffers directly when a resource breaks, ordered by name."""
    found = {
        (other, relation.type.value): Dependent(uid=other, relation=relation.type.value, detail=relation.detail)
        for other, relation in graph.impacts(uid)
    }
    return tuple(sorted(found.values(), key=lambda d: (display_uid(d.uid), d.relation)))


def _gaps(graph: EnvironmentGraph, resource: Resource, report: DriftReport) -> Iterator[Gap]:
    for entry in report.not_comparable:
        if entry.uid == resource.uid:
            yield Gap(what=f"comparison of {entry.resource}", why=entry.reason, resource=resource.uid)
    yield from source_gaps(graph)
    if graph.version(resource.uid, Facet.ACTUAL) is None:
        yield Gap(
            what=f"actual state of {resource.display}",
            why="no source has seen it running at this time",
            resource=resource.uid,
        )


def _touches(finding: Finding, path: str) -> bool:
    return not path or _overlap(finding.path, path) or _overlap(finding.actual_path or finding.path, path)


def _overlap(a: str, b: str) -> bool:
    return a == b or a.startswith(b + "/") or b.startswith(a + "/")
