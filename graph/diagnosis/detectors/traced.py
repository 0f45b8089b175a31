"""Where requests fail first, as their traces show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Hypothesis, Point, Weight
from graph.diagnosis.traces import FirstFailure

_LEAST_SHARE = 0.1
"""Part of the failing traces below which a failure is one of many."""


def traced(context: Context) -> Iterable[Hypothesis]:
    """Yield the services whose spans fail of themselves, in traces that reach a subject."""
    for failure in context.first_failures:
        concerned = {failure.resource, *failure.callers}
        if failure.share >= _LEAST_SHARE and not concerned.isdisjoint(context.subjects):
            yield _hypothesis(context, failure)


def _hypothesis(context: Context, failure: FirstFailure) -> Hypothesis:
    name = context.name(failure.resource)
    subject = next((uid for uid in context.subjects if uid in failure.callers), failure.resource)
    above = failure.callers[: failure.callers.index(subject)] if subject in failure.callers else ()
    path = (subject, *reversed(above), failure.resource) if subject != failure.resource else (subject,)
    return Hypothesis(
        resource=failure.resource,
        kind="failing_service",
        summary=f"Requests fail first in {name}; what calls it fails because of that.",
        points=tuple(_points(context, failure)),
        weight=Weight.BREAKS,
        path=path,
        is_weighed=True,
        only_locates=True,
    )


def _points(context: Context, failure: FirstFailure) -> Iterator[Point]:
    note = context.ledger.span(failure.example)
    name = context.name(failure.resource)
    text = (
        f"In {failure.traces} traces ({failure.share:.0%} of those that fail) the first span to fail is one of {name}."
    )
    yield Point(rule="fails_first", text=text, evidence=(note,), share=failure.share)
    for one in context.amplifications:
        if one.callee == failure.resource:
            text = f"{context.name(one.caller)} calls it up to {one.factor:.0f} times for one request of its own."
            yield Point(rule="amplified", text=text, evidence=(note,))
            break
