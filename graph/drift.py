"""Drift: three-way comparison of intended, applied and actual state, per field and over all platforms."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from graph.environment import EnvironmentGraph
from graph.finding import LIVE_DRIFT, DriftReport, Finding, NotComparable, Severity, Verdict
from graph.kinds.compose import compare as compose
from graph.kinds.kubernetes import compare as kubernetes
from graph.kinds.terraform import compare as terraform
from graph.resource import Facet, Platform, Resource
from graph.surroundings import surroundings
from graph.version import Document, Unreadable

__all__ = [
    "LIVE_DRIFT",
    "DriftReport",
    "Finding",
    "NotComparable",
    "Severity",
    "Verdict",
    "compare",
    "compare_graph",
    "compare_part",
]

_MISSING = frozenset({Verdict.DELETED_OUT_OF_BAND, Verdict.NEVER_APPLIED})
"""Claims that something does not exist, which a partial observation can't carry."""


def compare(
    *,
    intended: Sequence[Document],
    applied: Sequence[Document] | None,
    actual: Sequence[Document],
    unreadable: Sequence[Unreadable] = (),
    complete: bool = True,
    declared_complete: bool = True,
    only: frozenset[str] | None = None,
    observed: frozenset[Platform] | None = None,
) -> DriftReport:
    """Compare what is declared with what was applied and what runs.

    Args:
        intended: declared documents.
        applied: what the deployer last wrote. None: unknown, except for what live Kubernetes objects say themselves.
        actual: observed documents.
        unreadable: what the sources hold but could not be read, of any facet; each becomes `not_comparable`. Of a
            scope those resources do that are declared in it.
        complete: False when the observation is partial: what is missing from it is not known to be gone.
        declared_complete: False when more may be declared than `intended` holds: nothing is known to be undeclared.
        only: uids of the resources to judge; the other documents are their surroundings. None: all.
        observed: platforms of which some source shows the actual state. None: those that `actual` holds.

    Returns:
        Findings ordered by resource and path. A resource that could not be read is never reported as clean.
    """
    everything = {d.resource.uid: d.resource for d in (*actual, *(applied or ()), *intended)}
    hidden = _hidden(everything, unreadable)
    unread = frozenset({*hidden, *(u.resource.uid for u in unreadable if u.resource and not u.is_read)})
    objects = kubernetes.compare(
        intended=_of(Platform.KUBERNETES, intended),
        applied=_applied_of(Platform.KUBERNETES, applied),
        actual=_of(Platform.KUBERNETES, actual),
        unread=unread,
        is_intended_complete=declared_complete and all(u.is_bounded for u in unreadable),
        is_actual_complete=complete,
        only=only,
    )
    cloud = _compare_cloud(intended, applied or (), actual, unread=unread, complete=complete)
    projects, unclear_projects = compose.compare(
        intended=_of(Platform.COMPOSE, intended),
        applied=_applied_of(Platform.COMPOSE, applied),
        actual=_of(Platform.COMPOSE, actual),
        unread=unread,
        complete=complete,
        is_observed=observed is not None and Platform.COMPOSE in observed,
    )
    services = {
        d.resource.uid for d in (*intended, *(applied or ()), *actual) if d.resource.platform is Platform.COMPOSE
    }
    findings = sorted(
        (*objects.findings, *cloud.findings, *projects), key=lambda f: (f.resource.uid, f.path, f.verdict)
    )
    declared = {d.resource.uid for d in intended}
    not_comparable = (
        *(_unread(u) for u in unreadable if not u.scopes),
        *(_unseen(everything[uid], reason) for uid, reason in hidden.items() if uid in declared),
        *objects.not_comparable,
        *cloud.not_comparable,
        *unclear_projects,
    )
    looked_at = objects.resources | cloud.resources | services | unread
    if only is not None:
        looked_at &= only
        findings = [f for f in findings if f.resource.uid in only]
        not_comparable = tuple(n for n in not_comparable if n.uid in only)
    return DriftReport(
        resources=len(looked_at),
        findings=tuple(f for f in findings if f.is_live_drift),
        tolerated=tuple(f for f in findings if not f.is_live_drift),
        not_comparable=not_comparable,
    )


def _hidden(resources: Mapping[str, Resource], unreadable: Sequence[Unreadable]) -> dict[str, str]:
    """Map uid to reason for the resources that lie in a scope that could not be read."""
    scoped = [u for u in unreadable if u.scopes]
    return {uid: u.reason for uid in resources for u in scoped if u.hides(uid)} if scoped else {}


class _Cloud(NamedTuple):
    """What was found among Terraform resources."""

    resources: set[str]
    findings: list[Finding]
    not_comparable: list[NotComparable]


def _compare_cloud(
    intended: Sequence[Document],
    applied: Sequence[Document],
    actual: Sequence[Document],
    *,
    unread: frozenset[str],
    complete: bool,
) -> _Cloud:
    facets = [_of(Platform.TERRAFORM, documents) for documents in (intended, applied, actual)]
    drift, mild, unclear = terraform.compare(intended=facets[0], applied=facets[1], actual=facets[2])
    findings = list(mild)
    for finding in drift:
        uid = finding.resource.uid
        if finding.verdict in _MISSING and uid not in unread and not complete:
            reason = "not observed, and what was observed is incomplete"
            unclear.append(NotComparable(resource=finding.resource.display, reason=reason, uid=uid))
        else:
            findings.append(finding)
    return _Cloud(
        {d.resource.uid for facet in facets for d in facet},
        [f for f in findings if f.resource.uid not in unread],
        [n for n in unclear if n.uid not in unread],
    )


def compare_graph(graph: EnvironmentGraph) -> DriftReport:
    """Compare the three facets of an environment as the graph holds them.

    What a source did not say because its last reading failed, or was partial, counts as not comparable.
    """
    return _compare_facets(graph, {facet: _documents(graph, facet, graph) for facet in Facet})


def compare_part(graph: EnvironmentGraph, uids: Collection[str]) -> DriftReport:
    """Compare some resources: what `compare_graph` says of them, from a look at them and at what surrounds them.

    What no single resource is named for, such as a file that could not be parsed, is in the whole report only.

    Args:
        graph: the environment.
        uids: of the resources to judge.
    """
    around = surroundings(graph, uids)
    return _compare_facets(graph, {facet: _documents(graph, facet, around) for facet in Facet}, only=frozenset(uids))


def _compare_facets(
    graph: EnvironmentGraph, facets: Mapping[Facet, list[Document]], *, only: frozenset[str] | None = None
) -> DriftReport:
    broken = {s.facet for s in graph.sources if s.error or s.is_partial or s.read_at is None}
    applied = facets[Facet.APPLIED]
    # The part that is looked at may hold no applied object although the environment does.
    is_applied_known = bool(applied) or Platform.KUBERNETES in graph.platforms(Facet.APPLIED)
    return compare(
        intended=facets[Facet.INTENDED],
        applied=applied if is_applied_known else None,
        actual=facets[Facet.ACTUAL],
        unreadable=graph.unreadable,
        complete=Facet.ACTUAL not in broken,
        declared_complete=Facet.INTENDED not in broken,
        only=only,
        observed=frozenset(graph.platforms(Facet.ACTUAL)),
    )


def _documents(graph: EnvironmentGraph, facet: Facet, resources: Iterable[Resource]) -> list[Document]:
    by_uid = {resource.uid: resource for resource in resources if facet in graph.facets(resource.uid)}
    return [
        Document(resource=by_uid[version.resource.uid], body=version.body, origin=version.origin)
        for version in graph.versions(by_uid, facet)
    ]


def _of(platform: Platform, documents: Sequence[Document]) -> list[Document]:
    return [d for d in documents if d.resource.platform is platform]


def _applied_of(platform: Platform, applied: Sequence[Document] | None) -> list[Document] | None:
    """Return the applied documents of a platform; None where the applied state is that of other platforms only."""
    objects = _of(platform, applied or ())
    return None if applied is None or (applied and not objects) else objects


def _unread(unreadable: Unreadable) -> NotComparable:
    resource = unreadable.resource
    return NotComparable(
        resource=resource.display if resource else unreadable.where,
        reason=f"{unreadable.where}: {unreadable.reason}" if resource else unreadable.reason,
        uid=resource.uid if resource else "",
        line=unreadable.line,
    )


def _unseen(resource: Resource, reason: str) -> NotComparable:
    return NotComparable(resource=resource.display, reason=reason, uid=resource.uid)
