"""What traces show: who fails first, and who multiplies calls."""

from __future__ import annotations

from graph.diagnosis.traces import amplifications, calls_seen, first_failures
from graph.telemetry import Span, Telemetry
from tests.graph.diagnosis.test_one_path import NOW, ask, environment, relation, uid


def span(of: str, name: str, parent: str = "", *, trace: str = "t", failed: bool = True, at: float = 0.0) -> Span:
    return Span(
        trace=trace,
        id=name,
        parent=parent,
        resource=uid(of),
        name="GET",
        start=NOW.timestamp() + at,
        duration_s=0.1,
        is_error=failed,
    )


CHAIN = [span("web", "a"), span("shop", "b", "a"), span("store", "c", "b")]


def test_the_callee_comes_before_the_caller() -> None:
    """The last of a chain of failures began it; the others are its callers, nearest first."""
    (found,) = first_failures(CHAIN)
    assert (found.resource, found.share, found.callers) == (uid("store"), 1.0, (uid("shop"), uid("web")))


def test_a_caller_that_handled_the_failure_is_no_victim() -> None:
    """It answered all the same."""
    (found,) = first_failures([span("web", "a", failed=False), span("shop", "b", "a")])
    assert (found.resource, found.callers) == (uid("shop"), ())


def test_attempts_that_fail_are_an_amplification_and_a_fan_out_is_none() -> None:
    """Calls of one name below one span, all but the last failed."""
    attempts = [span("store", f"c{n}", "b", at=float(n), failed=n < 3) for n in range(4)]
    (found,) = amplifications([span("shop", "b"), *attempts])
    assert (found.caller, found.callee, found.factor) == (uid("shop"), uid("store"), 4.0)
    fan = [span("store", f"c{n}", "b", at=float(n), failed=False) for n in range(4)]
    assert amplifications([span("shop", "b"), *fan]) == ()


def test_calls_are_seen_in_traces() -> None:
    """Parents and children of different services."""
    assert [(c.caller, c.callee) for c in calls_seen(CHAIN)] == [(uid("shop"), uid("store")), (uid("web"), uid("shop"))]


def test_a_trace_names_the_cause_and_is_cited() -> None:
    """Also of a call that no declaration knows."""
    found = ask(
        environment("web", "shop", "store", relations=[relation("web", "shop")]), "web", Telemetry(spans=tuple(CHAIN))
    )
    assert found.causes[0].resource == uid("store")
    assert found.causes[0].path == (uid("web"), uid("shop"), uid("store"))
    assert any(o.kind == "trace" for o in found.observations)
