"""Holes and ends of streams, told from streams that are often silent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tools.adapters.cloudtrail import CloudTrail
from tools.adapters.stream_holes import end_of, holes

START = datetime(2026, 1, 1, tzinfo=UTC)


def _times(*, without: range = range(0), every_s: int = 10, count: int = 600) -> list[datetime]:
    return [START + timedelta(seconds=every_s * n) for n in range(count) if n not in without]


def test_a_long_silence_of_a_busy_stream_is_a_hole() -> None:
    """Half an hour without a record, where one comes every ten seconds."""
    (gap,) = holes(_times(without=range(200, 380)), stream="audit")
    assert gap.what == "records of audit between 2026-01-01 00:33:10 and 2026-01-01 01:03:20 UTC"


def test_a_short_silence_is_none() -> None:
    """A minute without a record happens."""
    assert list(holes(_times(without=range(200, 206)), stream="audit")) == []


def test_a_quiet_stream_has_no_holes_and_no_end() -> None:
    """Where hours pass between records, another hour says nothing."""
    quiet = _times(every_s=3600)
    assert list(holes(quiet, stream="audit")) == []
    assert end_of(quiet) is None
    assert end_of(_times(count=20)) is None


def test_the_order_of_records_does_not_matter() -> None:
    """Streams are delivered in any order."""
    times = _times()
    assert end_of(reversed(times)) == times[-1]
    assert list(holes(reversed(times), stream="audit")) == []


def test_a_trail_says_until_when_it_has_told(tmp_path: Path) -> None:
    """Reads count as records: a trail that has ended shows by them, too."""
    file = tmp_path / "trail.jsonl"
    times = _times(without=range(200, 380))
    lines = [
        {
            "eventID": str(n),
            "eventTime": at.isoformat(),
            "eventSource": "ec2.amazonaws.com",
            "eventName": "DescribeVpcs",
        }
        for n, at in enumerate(times)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    batch = CloudTrail("trail", file, deployers=(), salt=b"s").changes(None)
    assert batch.told_until == times[-1]
    assert len(batch.gaps) == 1
