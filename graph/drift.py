"""Drift: three-way comparison of intended, applied and actual state, per field and over all platforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from graph.environment import EnvironmentGraph
from graph.finding import LIVE_DRIFT, DriftReport, Finding, NotComparable, Severity, Verdict
from graph.kinds.kubernetes import compare as kubernetes
from graph.kinds.terraform import compare as terraform
from graph.resource import Facet, Platform
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
) -> DriftReport:
    """Compare what is declared with what was applied and what runs.

    Args:
        intended: declared documents.
        applied: what the deployer last wrote. None: unknown, except for what live Kubernetes objects say themselves.
        actual: observed documents.
        unreadable: what the sources hold but could not be read, of any facet; each becomes `not_comparable`.
        complete: False when the observation is partial: what is missing from it is not known to be gone.

    Returns:
        Findings ordered by resource and path. A resource that could not be read is never reported as clean.
    """
    unread = frozenset(u.resource.uid for u in unreadable if u.resource)
    objects = kubernetes.compare(
        intended=_of(Platform.KUBERNETES, intended),
        applied=_applied_objects(applied),
        actual=_of(Platform.KUBERNETES, actual),
        unread=unread,
        is_intended_complete=all(u.resource for u in unreadable),
        is_actual_complete=complete,
    )
    cloud = _compare_cloud(intended, applied or (), actual, unread=unread, complete=complete)
    findings = sorted((*objects.findings, *cloud.findings), key=lambda f: (f.resource.uid, f.path, f.verdict))
    return DriftReport(
        resources=len(objects.resources | cloud.resources | unread),
        findings=tuple(f for f in findings if f.is_live_drift),
        tolerated=tuple(f for f in findings if not f.is_live_drift),
        not_comparable=(*(_unread(u) for u in unreadable), *objects.not_comparable, *cloud.not_comparable),
    )


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
        if finding.verdict in _MISSING and (uid in unread or not complete):
            reason = "not observed, and what was observed is incomplete"
            unclear.append(NotComparable(resource=finding.resource.display, reason=reason, uid=uid))
        else:
            findings.append(finding)
    return _Cloud({d.resource.uid for facet in facets for d in facet}, findings, unclear)


def compare_graph(graph: EnvironmentGraph) -> DriftReport:
    """Compare the three facets of an environment as the graph holds them.

    What a source of actual state did not say because its last reading failed counts as not comparable.
    """
    facets = {facet: _documents(graph, facet) for facet in Facet}
    broken = [s for s in graph.sources if s.facet is Facet.ACTUAL and (s.error or s.read_at is None)]
    return compare(
        intended=facets[Facet.INTENDED],
        applied=facets[Facet.APPLIED] or None,
        actual=facets[Facet.ACTUAL],
        unreadable=graph.unreadable,
        complete=not broken,
    )


def _documents(graph: EnvironmentGraph, facet: Facet) -> list[Document]:
    documents = []
    for resource in graph:
        version = graph.version(resource.uid, facet)
        if version is not None:
            documents.append(Document(resource=resource, body=version.body, origin=version.origin))
    return documents


def _of(platform: Platform, documents: Sequence[Document]) -> list[Document]:
    return [d for d in documents if d.resource.platform is platform]


def _applied_objects(applied: Sequence[Document] | None) -> list[Document] | None:
    """Return the applied Kubernetes objects; None where the applied state is that of another platform only."""
    objects = _of(Platform.KUBERNETES, applied or ())
    return None if applied is None or (applied and not objects) else objects


def _unread(unreadable: Unreadable) -> NotComparable:
    resource = unreadable.resource
    return NotComparable(
        resource=resource.display if resource else unreadable.where,
        reason=f"{unreadable.where}: {unreadable.reason}" if resource else unreadable.reason,
        uid=resource.uid if resource else "",
        line=unreadable.line,
    )
