"""What traces show: which span failed first, who was only told of it, and who multiplies calls by trying again.

A span that fails without a failing child failed of itself; its callers failed because of it. Of two services that fail
in one trace the callee comes before the caller.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graph.telemetry import Call, Span

_AMPLIFIED = 3
"""Calls of one name below one span from which they are attempts, when all but the last failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFailure:
    """A service whose spans fail of themselves."""

    resource: str
    share: float
    """Part of the failing traces that it begins, 0 to 1"""
    traces: int
    """How many failing traces it begins"""
    example: Span
    """The first one"""
    callers: tuple[str, ...]
    """uids of those that failed because of it, nearest first, as seen in any trace"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amplification:
    """A caller that tries again and again, so that its callee gets a multiple of the requests."""

    caller: str
    callee: str
    factor: float
    """Calls below one span, at most"""
    traces: int


def first_failures(spans: Iterable[Span]) -> tuple[FirstFailure, ...]:
    """Return who fails of itself, most traces first; empty when no trace fails."""
    begun: dict[str, list[tuple[Span, list[str]]]] = defaultdict(list)
    failing: set[str] = set()
    for trace in _traces(spans).values():
        by_id = {s.id: s for s in trace}
        failed = [s for s in trace if s.is_error]
        parents = {s.parent for s in failed}
        for span in failed:
            if span.id not in parents:
                failing.add(span.trace)
                begun[span.resource].append((span, _callers(span, by_id)))
    return tuple(sorted((_failure(uid, many, len(failing)) for uid, many in begun.items()), key=_order))


def amplifications(spans: Iterable[Span]) -> tuple[Amplification, ...]:
    """Return who repeats calls that fail, the worst first."""
    worst: dict[tuple[str, str], list[int]] = defaultdict(list)
    for trace in _traces(spans).values():
        by_id = {s.id: s for s in trace}
        groups: dict[tuple[str, str, str], list[Span]] = defaultdict(list)
        for span in trace:
            caller = by_id.get(span.parent)
            if caller is not None and caller.resource != span.resource:
                groups[caller.id, span.resource, span.name].append(span)
        for (caller_id, callee, _), calls in groups.items():
            calls.sort(key=lambda s: s.start)
            if len(calls) >= _AMPLIFIED and all(c.is_error for c in calls[:-1]):
                worst[by_id[caller_id].resource, callee].append(len(calls))
    found = [
        Amplification(caller=caller, callee=callee, factor=float(max(sizes)), traces=len(sizes))
        for (caller, callee), sizes in worst.items()
    ]
    return tuple(sorted(found, key=lambda a: (-a.factor, -a.traces, a.caller, a.callee)))


def calls_seen(spans: Iterable[Span]) -> tuple[Call, ...]:
    """Return who calls whom, as parents and children of different resources show."""
    found: dict[tuple[str, str], None] = {}
    for trace in _traces(spans).values():
        by_id = {s.id: s for s in trace}
        for span in trace:
            parent = by_id.get(span.parent)
            if parent is not None and parent.resource != span.resource:
                found[parent.resource, span.resource] = None
    return tuple(Call(caller=caller, callee=callee) for caller, callee in sorted(found))


def _traces(spans: Iterable[Span]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        found[span.trace].append(span)
    return found


def _callers(span: Span, by_id: Mapping[str, Span]) -> list[str]:
    """Who failed above a span, nearest first; a parent that goes round in circles is followed once."""
    found: dict[str, None] = {}
    seen = {span.id}
    parent = by_id.get(span.parent)
    while parent is not None and parent.id not in seen and parent.is_error:
        seen.add(parent.id)
        if parent.resource != span.resource:
            found[parent.resource] = None
        parent = by_id.get(parent.parent)
    return list(found)


def _failure(uid: str, many: Sequence[tuple[Span, list[str]]], failing: int) -> FirstFailure:
    traces = Counter(span.trace for span, _ in many)
    example = min((span for span, _ in many), key=lambda s: (s.start, s.id))
    callers = dict.fromkeys(caller for _, above in many for caller in above)
    return FirstFailure(
        resource=uid,
        share=len(traces) / max(1, failing),
        traces=len(traces),
        example=example,
        callers=tuple(callers),
    )


def _order(failure: FirstFailure) -> tuple[float, str]:
    return (-failure.traces, failure.resource)
