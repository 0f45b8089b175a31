"""What streams of changes do not tell: records they have lost, and what came after their end. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from graph.environment import EnvironmentGraph
from graph.evidence import Gap

LATE_AFTER: Final = timedelta(minutes=15)
"""CloudTrail delivers within about five minutes on average, and promises fifteen:
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html"""
_MOST: Final = 10


def stream_gaps(graph: EnvironmentGraph) -> Iterator[Gap]:
    """Yield what is missing from the streams of an environment by the time that the graph is about."""
    for source in graph.sources:
        yield from source.gaps[-_MOST:]
        if len(source.gaps) > _MOST:
            more = len(source.gaps) - _MOST
            yield Gap(what=f"{more} more records of {source.name}", why="they could not be read; see its log files")
        ended = source.told_until
        if ended is not None and not source.error and graph.as_of - ended > LATE_AFTER:
            yield Gap(
                what=f"records of {source.name} after {ended:%Y-%m-%d %H:%M:%S} UTC",
                why="the stream has none yet: it is late or has stopped, so who changed something since then may not "
                "be known; check its delivery",
            )
