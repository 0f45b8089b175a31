"""What the logs of a workload tell of the reason: its last words, its input, and what it calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from graph.evidence import SymptomEvent
from tests.graph.builders import workload
from tests.graph.diagnosis.mechanisms.scenes import NOW, POD, WEB, found, line, pod

CRASHED = [
    workload("web", replicas=1, ready=0),
    pod("web", ready=False, restartCount=4, state={"waiting": {"reason": "CrashLoopBackOff"}}),
]
RUNS = [workload("web", replicas=1, ready=1), pod("web")]
GATEWAY = "POST https://pay.example/v1/charges: 503 Service Unavailable"


def ago(event: SymptomEvent, minutes: float) -> SymptomEvent:
    return replace(event, at=NOW - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("FATAL 1904 malformed rows in stock.csv, giving up", "bad_data"),
        ("psycopg2.errors.NotNullViolation: null value violates not-null constraint", "bad_data"),
        ("com.fasterxml.jackson: JsonParseException: Unexpected character", "bad_data"),
        ("TypeError: undefined is not a function", "application_error"),
        ("required environment variable API_URL is not set", "bad_configuration"),
        ("dial tcp 10.0.0.9:8443: connect: connection refused", "dependency_unreachable"),
    ],
)
def test_the_last_words_of_what_does_not_run_tell_why(text: str, kind: str) -> None:
    """However long ago they were said: a container that waits says nothing."""
    assert found(CRASHED, [ago(line(POD, text), 40)]) == {kind: WEB}


def test_older_words_than_the_last_run_tell_nothing() -> None:
    """What an earlier run complained of may be mended."""
    said = [ago(line(POD, "panic: nil map"), 90), ago(line(POD, "started"), 30)]
    assert "application_error" not in found(CRASHED, said)


def test_a_running_workload_that_complains_of_what_it_calls_is_no_cause_itself() -> None:
    """Several fresh lines are asked for."""
    said = [ago(line(POD, GATEWAY), 3), ago(line(POD, "circuit breaker 'pay' is OPEN"), 1)]
    assert found(RUNS, said) == {"dependency_failing": WEB}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([ago(line(POD, GATEWAY), 1)], id="once"),
        pytest.param([ago(line(POD, GATEWAY), 30), ago(line(POD, GATEWAY), 29)], id="long ago"),
        pytest.param(
            [ago(line(POD, GATEWAY), 4), ago(line(POD, GATEWAY), 3), ago(line(POD, "circuit breaker closed"), 1)],
            id="it has passed",
        ),
    ],
)
def test_a_passing_hiccup_is_not_named(said: list[SymptomEvent]) -> None:
    """A line, an old one, or one that better news followed."""
    assert found(RUNS, said) == {}
