"""What an answer about reach can't know, said in sentences."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Set

from graph.document import get
from graph.reach.call_evidence import CALL, call_evidence
from graph.reach.folding import Folded, kind_of
from graph.relation import RelationType
from graph.resource import Facet, Platform, display_uid
from graph.source_gaps import source_gaps

_NAMED = 10
"""Workloads that are named one by one; more are counted."""

_USED_BY_CLIENTS = (
    "_db_instance",
    "_cluster",
    "_queue",
    "_topic",
    "_bucket",
    "_table",
    "_kms_key",
    "_cache",
    "_stream",
)
"""Parts of Terraform types of things that exist to be used by others."""


def unseen(folded: Folded, reached: Set[str], *, max_depth: int | None) -> tuple[str, ...]:
    """List what the answer can't know.

    Args:
        folded: the environment.
        reached: uids of the seeds and of all that is affected.
        max_depth: set when effects were cut off at that depth.
    """
    return (
        *_without_call_evidence(folded),
        *_outside_clients(folded, reached),
        *_unknown_consumers(folded, reached),
        *_unfollowed(folded, reached),
        *_unread(folded),
        *(() if max_depth is None else (f"Effects more than {max_depth} calls away were not followed.",)),
    )


def unseen_share(folded: Folded) -> float:
    """Return the share of workloads without call evidence, 0 to 1; 0 when there are no workloads."""
    known = call_evidence(folded.graph)
    return len(known.silent) / len(known.workloads) if known.workloads else 0.0


def _without_call_evidence(folded: Folded) -> Iterator[str]:
    silent = call_evidence(folded.graph).silent
    for uid in heapq.nsmallest(_NAMED, silent):
        yield f"Nothing shows what {folded.graph.resource(uid).display} calls, or who calls it."
    if len(silent) > _NAMED:
        yield f"The same holds for {len(silent) - _NAMED} more workloads."


def _outside_clients(folded: Folded, reached: Set[str]) -> Iterator[str]:
    for uid in sorted(reached):
        kind, body = kind_of(folded.graph, uid), folded.graph.body(uid, Facet.ACTUAL) or {}
        how = get(body, "/spec/type")
        if kind in {"Ingress", "HTTPRoute", "GRPCRoute", "Gateway"} or (
            kind == "Service" and how in {"LoadBalancer", "NodePort"}
        ):
            yield f"{display_uid(uid)} takes requests from outside; who sends them is not known here."
        if kind == "Service" and how == "ExternalName":
            yield f"{display_uid(uid)} stands for a service outside; its state is not known here."
        for relation in folded.graph.outgoing(uid):
            if relation.type in CALL and relation.target not in folded.graph:
                yield f"{display_uid(uid)} uses {display_uid(relation.target)}, which is outside of this environment."


def _unknown_consumers(folded: Folded, reached: Set[str]) -> Iterator[str]:
    for uid in sorted(reached):
        if uid not in folded.graph or folded.graph.resource(uid).platform is not Platform.TERRAFORM:
            continue
        if any(part in kind_of(folded.graph, uid) for part in _USED_BY_CLIENTS) and not any(folded.impacts(uid)):
            yield f"No consumer of {display_uid(uid)} is known."


def _unfollowed(folded: Folded, reached: Set[str]) -> Iterator[str]:
    for uid in sorted(reached):
        users = folded.sources(uid, RelationType.RUNS_AS)
        if kind_of(folded.graph, uid) == "ServiceAccount" and uid.endswith("/default") and users:
            yield f"{len(users)} workloads share {display_uid(uid)}; effects through it are not followed."


def _unread(folded: Folded) -> Iterator[str]:
    unread = sorted({u.where for u in folded.graph.unreadable})
    if unread:
        more = f" and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
        yield f"This could not be read: {', '.join(unread[:_NAMED])}{more}."
    for gap in source_gaps(folded.graph):
        yield f"The {gap.what} limits this answer: {gap.why}."
