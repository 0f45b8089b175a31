"""What RDS announces of databases: failovers, restarts, full storage, changes of settings.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEvents.html; RDS keeps them for 14 days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from graph.evidence import ObservationKind, SymptomEvent
from tools.adapters.aws.calls import NO_ANSWER
from tools.adapters.aws.failing import translated
from tools.adapters.aws.session import AwsSession

_KEPT: Final = timedelta(days=14)
_TYPES: Final = {"db-instance": "db", "db-cluster": "cluster"}
"""Type of a source of events, as the service says it, to the part of an ARN that says it."""
_MOST: Final = 2000


class RdsEvents:
    """A `SymptomSource` over the events of an account's databases."""

    def __init__(
        self,
        name: str,
        session: AwsSession,
        found: Callable[[], Mapping[str, str]],
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Describe where to read; no call is made yet.

        Args:
            name: of the source within its environment.
            session: gives the clients.
            found: gives ARN to uid of the databases that are known; what is said of others is left out.
            clock: gives the present, UTC.
        """
        self.name = name
        self._session = session
        self._found = found
        self._clock = clock

    def symptoms(self, since: datetime) -> Sequence[SymptomEvent]:
        now = self._clock()
        start = max(since, now - _KEPT)
        found = self._found()
        events = [
            event for region in self._session.access.regions for event in self._of_region(region, start, now, found)
        ]
        return sorted(events, key=lambda e: e.at or start)[-_MOST:]

    def _of_region(
        self, region: str, start: datetime, now: datetime, found: Mapping[str, str]
    ) -> Iterator[SymptomEvent]:
        try:
            pages = self._session.client("rds", region).get_paginator("describe_events")
            for page in pages.paginate(StartTime=start, EndTime=now):
                yield from (e for event in page.get("Events") or () if (e := self._event(event, found)) is not None)
        except (ClientError, *NO_ANSWER) as error:
            raise translated(self.name, error) from error

    def _event(self, event: Mapping[str, Any], found: Mapping[str, str]) -> SymptomEvent | None:
        uid = found.get(str(event.get("SourceArn"))) or _by_name(event, found)
        if uid is None or not event.get("Message"):
            return None
        categories = event.get("EventCategories") or [""]
        return SymptomEvent(
            kind=ObservationKind.EVENT,
            resource=uid,
            at=event.get("Date"),
            text=str(event["Message"]),
            reason=str(categories[0]),
            source=self.name,
        )


def _by_name(event: Mapping[str, Any], found: Mapping[str, str]) -> str | None:
    """Return whom an event without an ARN is about."""
    kind = _TYPES.get(str(event.get("SourceType")))
    end = f":{kind}:{event.get('SourceIdentifier')}"
    return next((uid for arn, uid in found.items() if arn.split(":")[2] == "rds" and arn.endswith(end)), None)
