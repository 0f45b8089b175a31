"""What several sets share in their formats: long tables of readings and texts of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from evals.suites.files import number, read_table
from evals.world import uid_of
from graph.signals import signal_of
from graph.telemetry import Series


def read_series(path: Path) -> Iterator[Series]:
    """Yield the series of a table `timestamp,service,metric,value`, in the order of their first rows."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for row in read_table(path, needs=("timestamp", "service", "metric", "value")):
        if (value := number(row["value"])) is not None:
            found[row["service"], row["metric"]].append((seconds(row["timestamp"]), value))
    for (service, metric), readings in found.items():
        times, values = zip(*sorted(readings), strict=True)
        yield Series(
            resource=uid_of(service),
            metric=metric,
            signal=signal_of(metric),
            times=np.array(times),
            values=np.array(values),
        )


def time(text: str) -> datetime:
    """Return an ISO 8601 text as a time, in UTC where it has no offset."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def seconds(text: str) -> float:
    """Return an ISO 8601 text as seconds since 1970-01-01 UTC."""
    return time(text).timestamp()
