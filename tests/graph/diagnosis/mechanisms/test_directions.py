"""In which direction complaints point, line by line and together."""

from __future__ import annotations

import pytest

from graph.diagnosis.mechanisms.directions import direction_of, votes
from tests.graph.diagnosis.mechanisms.scenes import POD, event, line

LINES = {
    "resource_limits": [
        "write /scratch/a.ts: no space left on device",
        "encode queue 9000 jobs (max 4000), oldest 94s, all 12 encoders at 100%",
        "request shed: admission queue full (2000/2000)",
        "HikariPool-1 - Connection is not available, request timed out after 30000ms",
        "accept tcp [::]:8080: too many open files",
    ],
    "node_unwell": [
        "journal append failed: write /data/000712.log: input/output error",
        "open /var/lib/wal: read-only file system",
    ],
    "dependency_failing": [
        "Connection to node 2 (b-2.kafka.example:9094) could not be established",
        "RedisConnectionException: It was not possible to connect to the redis server(s) sessions:6379",
        'circuit "carrier" OPEN: failureRate=94% (503: 31, read timeout: 16)',
        "lookup stock.shop.svc on 172.20.0.10:53: server misbehaving",
    ],
    "bad_settings": [
        "cannot start: /etc/rules/rules.yaml line 41: mapping values are not allowed here",
        'token rejected: expected audience "portal-stage" (OIDC_AUDIENCE)',
        "upload failed: NoSuchBucket: The specified bucket does not exist",
        "User: arn:aws:sts::1:role/api is not authorized to perform: s3:PutObject",
        "Settings validation: PAYMENT_BASE_URL is required but was not provided",
    ],
    "bad_data": [
        "contact 9917 skipped: email is empty (source=fair.xlsx)",
        "cannot deserialize record at partition 7 offset 4410021: magic byte 0x1f",
        "file rates.csv refused: 61 of 204 rates are zero or negative",
    ],
    "application_error": [
        "thread 'main' panicked at 'attempt to subtract with overflow', src/window.rs:118:31",
        "NoMethodError: undefined method `iso8601' for nil app/slots.rb:31",
        "TypeError: Cannot read properties of undefined (reading 'bitrate') at pick (/app/video.js:88:23)",
        "TimeoutCancellationException: Timed out waiting for 10000 ms in Mutex.lock at ReserveService.kt:57",
        "System.InvalidOperationException: Collection was modified at Quote.Cache.Refresh() in /src/Cache.cs:line 52",
    ],
}


@pytest.mark.parametrize(("kind", "said"), [(k, said) for k, many in LINES.items() for said in many])
def test_a_line_points_where_its_words_do_together(kind: str, said: str) -> None:
    """Words of several runtimes and servers."""
    found = direction_of(said)
    assert found is not None
    assert found[0] == kind


def test_a_line_without_such_words_points_nowhere() -> None:
    """That something is slow, or failed, tells no reason."""
    assert direction_of("request 17 failed after 3 attempts") is None


def test_one_loud_form_does_not_outvote_several_others() -> None:
    """The same line a thousand times is one complaint that is loud."""
    loud = event(POD, "Complains", "TypeError: total of undefined", count=1000)
    others = [line(POD, f"POST https://{name}.example: 503 Service Unavailable") for name in ("pay", "tax", "geo")]
    assert votes([loud, *others]).kind == "dependency_failing"


def test_what_the_kubelet_says_of_a_sandbox_is_of_the_platform() -> None:
    """Though the reason that it gives looks like a failed call."""
    said = event(POD, "FailedCreatePodSandBox", "dial tcp 127.0.0.1:50051: connect: connection refused")
    assert votes([said]).kind == "node_unwell"


def test_no_complaint_gives_no_direction() -> None:
    """And no weight."""
    assert votes([]) == ("", 0.0, 0.0)
