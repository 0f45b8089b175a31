"""What the logs of a workload tell of the reason: its last words, its input, and what it calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from graph.diagnosis.mechanisms.scene import MONITOR
from graph.evidence import SymptomEvent
from tests.graph.builders import workload
from tests.graph.diagnosis.mechanisms.scenes import NOW, POD, WEB, event, found, line, pod

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


ALARM = replace(event(WEB, MONITOR, "[web] error rate"), at=None)


def test_what_was_said_before_an_alarm_counts_while_it_rings() -> None:
    """Complaints come once for each batch or attempt; without an alarm the same lines are over."""
    said = [ago(line(POD, GATEWAY), 12), ago(line(POD, GATEWAY), 9)]
    assert (found(RUNS, [*said, ALARM]), found(RUNS, said)) == ({"dependency_failing": WEB}, {})


DEPENDENCIES = [
    "GET https://score.example/v2 -> 503 Service Unavailable (upstream connect error), attempt 3/3",
    "redis: dial tcp cache.example:6379: i/o timeout",
    "java.net.SocketTimeoutException: Read timed out calling https://tax.example",
    "smtp.example said: 421 4.7.0 service not available, closing channel",
    "rpc error: code = Unavailable desc = transport is closing",
    "kafka: LEADER_NOT_AVAILABLE for topic orders",
    "429 Too Many Requests from api.maps.example, quota of the key is used up",
    "getaddrinfo ENOTFOUND rates.example",
    "HTTPSConnectionPool(host='geo.example'): Max retries exceeded with url: /v1",
    "psycopg2.OperationalError: server closed the connection unexpectedly",
    "token endpoint https://login.example answered 500",
    "ECONNREFUSED 10.0.3.9:9200",
]


@pytest.mark.parametrize("text", DEPENDENCIES)
def test_what_a_workload_calls_fails_in_many_words(text: str) -> None:
    """Siblings: providers, caches, queues, mail, names, identity, databases."""
    assert found(RUNS, [ago(line(POD, text), 3), ago(line(POD, text), 1)]) == {"dependency_failing": WEB}


@pytest.mark.parametrize(
    "text",
    [
        "HikariPool-1 - Connection is not available, request timed out after 30000ms",
        "redis: connection pool timeout",
        "listen tcp :8080: bind: address already in use",
        "worker queue is full, request to api.example:443 refused",
        "TypeError: price of undefined",
        "INFO https://pay.example answered 200 after one 503 Service Unavailable",
    ],
)
def test_what_a_workload_runs_out_of_is_no_call(text: str) -> None:
    """Its own pools, queues, ports and code; and lines that say that all is well."""
    assert "dependency_failing" not in found(RUNS, [ago(line(POD, text), 3), ago(line(POD, text), 1)])


DATA = [
    'validation failed source=eu: field amount expected integer, got "12,50"',
    "sent to DLQ: 2412 records of batch eu-1 (malformed rows 2412/2415)",
    "plausibility: median price 0.19 EUR, 7-day median 19.40 EUR",
    "record rejected: timestamp is in the future (2031-01-01)",
    "row 812: duplicate customer id 4711, import stopped",
    "file supplier.csv truncated after 1200 lines, checksum mismatch",
    "null ratio of column postal_code 0.92 (expected below 0.02)",
    "currency mismatch in feed eu-3: USD instead of EUR",
    "unknown enum value PARTIALLY_SHIPPED in message of topic orders",
    "message of topic clicks cannot be parsed: invalid UTF-8 in field name",
    "schema violation in document 99: quantity is negative",
    "encoding error in file names.txt: replacement character in 318 lines",
]


@pytest.mark.parametrize("text", DATA)
def test_data_that_do_not_fit_are_told_from_code(text: str) -> None:
    """The workload runs, and takes what others send."""
    well = line(POD, "INFO batch us-1 processed: 3011/3011 records valid")
    said = [ago(line(POD, text), 3), ago(line(POD, text), 2), well]
    assert found(RUNS, said) == {"bad_data": WEB}


@pytest.mark.parametrize(
    "text",
    [
        "TypeError: unsupported operand types: Decimal and float in price.py:141",
        "token validation failed: signature is invalid",
        "invalid value for flag --workers",
        "message not sent: connection refused",
        "INFO batch eu-1 processed: 0 records rejected",
        "upload of file a.bin timed out",
    ],
)
def test_other_complaints_are_not_of_data(text: str) -> None:
    """Code, credentials, settings and connections speak of values and messages, too."""
    assert "bad_data" not in found(RUNS, [ago(line(POD, text), 3), ago(line(POD, text), 2)])


def test_a_check_of_the_data_in_alarm_is_enough() -> None:
    """Where the workload itself has nothing to complain of."""
    check = replace(ALARM, text="[catalog] price plausibility by supplier")
    assert found(RUNS, [check]) == {"bad_data": WEB}
