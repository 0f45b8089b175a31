"""Three-way comparison of intended, applied and actual state, per field and over all platforms."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from graph.environment import EnvironmentGraph
from graph.finding import DriftReport, Finding, NotComparable, Verdict
from graph.kinds.compose import compare as compose
from graph.kinds.kubernetes import compare as kubernetes
from graph.kinds.kubernetes.overview import Overview
from graph.kinds.terraform import compare as terraform
from graph.resource import Facet, Platform, Resource
from graph.standing import standing
from graph.surroundings import surroundings
from graph.version import Document, Unreadable

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
    facets = {Facet.INTENDED: intended, Facet.APPLIED: applied or (), Facet.ACTUAL: actual}
    known = frozenset(p for p in Platform if _applied_of(p, applied) is not None)
    seen = frozenset(d.resource.platform for d in actual) if observed is None else observed
    frame = Frame(tuple(unreadable), complete, declared_complete, applied=known, observed=seen)
    return report_of(judge(facets, frame, only=only), frame, only=only)


class Frame(NamedTuple):
    """What is known of the sources, and so of every resource."""

    unreadable: tuple[Unreadable, ...]
    complete: bool
    """False when the observation is partial."""
    declared_complete: bool
    """False when more may be declared than is known."""
    applied: frozenset[Platform]
    """Those of which it is known what the deployer wrote last."""
    observed: frozenset[Platform]
    """Those of which some source shows the actual state."""

    @classmethod
    def of(cls, graph: EnvironmentGraph) -> Frame:
        """Read it from a graph: what a source did not say because its last reading failed is not known."""
        broken = {s.facet for s in graph.sources if s.error or s.is_partial or s.read_at is None}
        return cls(
            unreadable=graph.unreadable,
            complete=Facet.ACTUAL not in broken,
            declared_complete=Facet.INTENDED not in broken,
            applied=frozenset(graph.platforms(Facet.APPLIED)),
            observed=frozenset(graph.platforms(Facet.ACTUAL)),
        )


class Judged(NamedTuple):
    """What a comparison found, but for what could not be read."""

    resources: Collection[str]
    """uids of what was looked at"""
    findings: Sequence[Finding]
    not_comparable: Sequence[NotComparable]


def judge(
    facets: Mapping[Facet, Sequence[Document]],
    frame: Frame,
    *,
    only: frozenset[str] | None = None,
    overview: Overview | None = None,
) -> Judged:
    """Compare documents; `overview` is that of the environment, where they are a part of it."""
    intended, applied, actual = (facets[f] for f in (Facet.INTENDED, Facet.APPLIED, Facet.ACTUAL))
    everything = {d.resource.uid: d.resource for documents in (actual, applied, intended) for d in documents}
    hidden = _hidden(everything, frame.unreadable)
    unread = frozenset({*hidden, *_unread_uids(frame)})
    objects = kubernetes.compare(
        intended=_of(Platform.KUBERNETES, intended),
        applied=_of(Platform.KUBERNETES, applied) if Platform.KUBERNETES in frame.applied else None,
        actual=_of(Platform.KUBERNETES, actual),
        unread=unread,
        is_intended_complete=frame.declared_complete and all(u.is_bounded for u in frame.unreadable),
        is_actual_complete=frame.complete,
        only=only,
        overview=overview,
    )
    cloud = _compare_cloud(intended, applied, actual, unread=unread, complete=frame.complete)
    projects, unclear_projects = compose.compare(
        intended=_of(Platform.COMPOSE, intended),
        applied=_of(Platform.COMPOSE, applied) if Platform.COMPOSE in frame.applied else None,
        actual=_of(Platform.COMPOSE, actual),
        unread=unread,
        complete=frame.complete,
        is_observed=Platform.COMPOSE in frame.observed,
    )
    services = {uid for uid, resource in everything.items() if resource.platform is Platform.COMPOSE}
    declared = {d.resource.uid for d in intended}
    not_comparable = [
        *(_unseen(everything[uid], reason) for uid, reason in hidden.items() if uid in declared),
        *objects.not_comparable,
        *cloud.not_comparable,
        *unclear_projects,
    ]
    looked_at = objects.resources | cloud.resources | services | unread
    findings = [*objects.findings, *cloud.findings, *projects]
    if only is not None:
        looked_at &= only
        findings = [f for f in findings if f.resource.uid in only]
        not_comparable = [n for n in not_comparable if n.uid in only]
    return Judged(looked_at, findings, not_comparable)


def report_of(judged: Judged, frame: Frame, *, only: Collection[str] | None = None) -> DriftReport:
    """Put what was found in order, and add what could not be read; of the resources `only`, where some are meant."""
    findings = sorted(judged.findings, key=lambda f: (f.resource.uid, f.path, f.verdict))
    unread = [_unread(u) for u in frame.unreadable if not u.scopes]
    return DriftReport(
        resources=len({*judged.resources, *_unread_uids(frame)} if only is None else judged.resources),
        findings=tuple(f for f in findings if f.is_live_drift),
        tolerated=tuple(f for f in findings if not f.is_live_drift),
        not_comparable=(
            *(n for n in unread if only is None or n.uid in only),
            *sorted(judged.not_comparable, key=lambda n: (n.resource, n.reason)),
        ),
    )


def _unread_uids(frame: Frame) -> set[str]:
    return {u.resource.uid for u in frame.unreadable if u.resource and not u.is_read}


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


def compare_part(graph: EnvironmentGraph, uids: Collection[str]) -> DriftReport:
    """Compare some resources: what a comparison of all says of them, from a look at them and at what surrounds them.

    What no single resource is named for, such as a file that could not be parsed, is in the whole report only.

    Args:
        graph: the environment.
        uids: of the resources to judge.
    """
    frame = Frame.of(graph)
    return report_of(judge_part(graph, uids, frame), frame, only=uids)


def judge_part(graph: EnvironmentGraph, uids: Collection[str], frame: Frame) -> Judged:
    """Compare some resources of a graph."""
    around = surroundings(graph, uids)
    facets = {facet: _documents(graph, facet, around) for facet in Facet}
    return judge(facets, frame, only=frozenset(uids), overview=standing(graph).overview)


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
