"""Comparison of Kubernetes objects over the three facets: strip, canonicalise, default, walk, judge."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from graph.document import ABSENT
from graph.finding import Finding, NotComparable, Verdict
from graph.kinds.kubernetes.applied import last_applied
from graph.kinds.kubernetes.belonging import Belonging
from graph.kinds.kubernetes.canonical import CustomTypes, canonical_form, canonical_type
from graph.kinds.kubernetes.judge import ASSUMED, Case
from graph.kinds.kubernetes.overview import Overview, overview_of
from graph.kinds.kubernetes.scaling import Scaling
from graph.kinds.kubernetes.walk import Walk
from graph.version import Document


class Surroundings(NamedTuple):
    """What else in the environment decides how one object is compared."""

    scaling: Scaling
    custom: CustomTypes
    operators: frozenset[str] = frozenset()
    """Names of programs that run in the cluster."""
    minor: int | None = None
    """The highest minor version that the server can have; None: any."""


@dataclass(slots=True)
class Comparison:
    """What was found, as it is collected."""

    resources: set[str] = field(default_factory=set)
    """uids of what was looked at"""
    findings: list[Finding] = field(default_factory=list)
    not_comparable: list[NotComparable] = field(default_factory=list)


def compare(
    *,
    intended: Sequence[Document],
    applied: Sequence[Document] | None,
    actual: Sequence[Document],
    unread: frozenset[str] = frozenset(),
    is_intended_complete: bool = True,
    is_actual_complete: bool = True,
    only: Collection[str] | None = None,
    overview: Overview | None = None,
) -> Comparison:
    """Compare the Kubernetes objects of an environment.

    Args:
        intended: what is declared.
        applied: what the deployer last wrote; None: unknown. Where it lacks an object, the annotation on the actual
            object is taken.
        actual: what was observed.
        unread: uids of resources of which some facet could not be read; nothing is claimed of them, and the caller
            says so.
        is_intended_complete: False: something declared could not be read, so no object can be called undeclared.
        is_actual_complete: False: an object that was not observed may exist all the same.
        only: uids of the objects to judge; the others are looked at as their surroundings. None: all.
        overview: what all objects of the environment together say, where not all of them are given.
    """
    result = Comparison()
    live = {d.resource.uid: d for d in actual}
    declared = _distinct(intended, result)
    written = {d.resource.uid: d for d in applied or ()}
    overview = overview or overview_of(declared, live)
    adopted = overview.adopted
    surroundings = Surroundings(
        scaling=Scaling((*intended, *actual)),
        custom=overview.custom,
        operators=overview.operators,
        minor=overview.minor,
    )
    for uid, document in declared.items():
        if only is not None and uid not in only:
            continue
        found = live.get(adopted.get(uid, uid))
        result.resources.add(uid)
        if uid in unread:
            continue
        if found is not None and found.resource.uid in unread:
            reason = f"{found.resource.display}, which it must mean, could not be read"
            result.not_comparable.append(NotComparable(resource=document.resource.display, reason=reason, uid=uid))
        elif found is not None:
            witness = written.get(uid) or last_applied(found)
            result.findings += compare_objects(document, witness, found, surroundings)
        elif not is_actual_complete:
            reason = "not observed, and what was observed is incomplete"
            result.not_comparable.append(NotComparable(resource=document.resource.display, reason=reason, uid=uid))
        else:
            result.findings.append(_missing(document, written.get(uid), knows=applied is not None))
    taken = {*declared, *adopted.values()}
    extras = [d for uid, d in live.items() if uid not in taken and uid not in unread and (only is None or uid in only)]
    _extras(extras, overview, written, live, is_intended_complete, result)
    return result


def compare_objects(
    intended: Document, applied: Document | None, actual: Document, surroundings: Surroundings | None = None
) -> list[Finding]:
    """Compare the facets of one object.

    Args:
        intended: what is declared.
        applied: what the deployer last wrote; None when unknown.
        actual: what was observed.
        surroundings: what else the environment holds that bears on it.

    Returns:
        All differences, also those that are no drift; ordered by path.
    """
    around = surroundings or Surroundings(scaling=Scaling(()), custom={})
    x, y = canonical_form(intended.body), canonical_form(actual.body)
    walk = Walk(canonical_type(intended.body, around.custom), x, y)
    case = Case(
        resource=intended.resource,
        walk=walk,
        applied=canonical_form(applied.body) if applied else None,
        raw={"intended": intended.body, "actual": actual.body},
        scaling=around.scaling,
        operators=around.operators,
        minor=around.minor,
    )
    differences = walk.differences()
    findings = [f for f in (case.judge(d) for d in differences) if f]
    if case.applied is not None:
        findings += _converged(case, {d.place.x for d in differences if not d.rule})
    return sorted(findings, key=lambda f: (f.path, f.verdict))


def _converged(case: Case, differing: set[str]) -> list[Finding]:
    """Fields that run as declared although the deployer wrote something else: somebody was faster."""
    assert case.applied is not None
    found = []
    walk = Walk(case.walk.kind, case.walk.x_root, case.applied)
    for difference in walk.differences():
        place = difference.place
        if difference.rule or difference.x is ABSENT or any(_overlap(place.x, path) for path in differing):
            continue
        finding = Finding(
            resource=case.resource,
            path=place.x,
            verdict=Verdict.CONVERGED_BY_HAND,
            intended=difference.x,
            applied=difference.y,
            actual=difference.x,
            note="runs as declared, but not by a deployment",
        )
        found.append(finding)
    return found


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def _distinct(intended: Iterable[Document], result: Comparison) -> dict[str, Document]:
    """Index declared objects; of two declarations the later one counts, as with `kubectl apply`, and it is told."""
    declared: dict[str, Document] = {}
    for document in intended:
        earlier = declared.get(document.resource.uid)
        if earlier is not None and earlier.body != document.body:
            files = sorted({d.origin.file for d in (earlier, document) if d.origin})
            where = f" ({', '.join(files)})" if files else ""
            reason = f"declared more than once with different content{where}; the last one was compared"
            result.not_comparable.append(
                NotComparable(resource=document.resource.display, reason=reason, uid=document.resource.uid)
            )
        declared[document.resource.uid] = document
    return declared


def _missing(document: Document, applied: Document | None, *, knows: bool) -> Finding:
    """A declared object that does not exist: deleted, unless it is known that nobody ever applied it."""
    verdict = Verdict.NEVER_APPLIED if knows and applied is None else Verdict.DELETED_OUT_OF_BAND
    return Finding(
        resource=document.resource,
        path="",
        verdict=verdict,
        intended=document.body,
        applied=applied.body if applied else ABSENT,
        note="" if knows else ASSUMED,
    )


def _extras(
    extras: Sequence[Document],
    overview: Overview,
    written: Mapping[str, Document],
    live: Mapping[str, Document],
    is_intended_complete: bool,
    result: Comparison,
) -> None:
    """Judge objects that exist and are not declared."""
    belonging = Belonging(live.values())
    for document in extras:
        resource = document.resource
        if belonging.is_made_by_platform(document):
            continue
        is_ours = overview.covers(resource)
        last = written.get(resource.uid) or last_applied(document)
        finding = Finding(
            resource=resource,
            path="",
            verdict=Verdict.PRUNE_PENDING if last else Verdict.UNMANAGED,
            applied=last.body if last else ABSENT,
            actual=document.body,
            note="was applied, is not declared any more" if last else "",
        )
        if (not is_ours and resource.uid not in written) or resource.kind == "Namespace":
            note = "outside of what the declared objects cover"
            result.findings.append(replace(finding, verdict=Verdict.UNDECLARED_ADDITION, note=note))
        elif not is_intended_complete:
            reason = "exists, but it can't be told whether it is declared: something declared could not be read"
            result.not_comparable.append(NotComparable(resource=resource.display, reason=reason, uid=resource.uid))
            result.resources.add(resource.uid)
        else:
            result.findings.append(finding)
            result.resources.add(resource.uid)
