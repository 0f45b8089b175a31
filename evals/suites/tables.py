"""What several sets share in their formats: long tables of readings, texts of time, lists inside objects."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from evals.world import uid_of
from graph.signals import signal_of
from graph.telemetry import Series


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; an empty object when there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def read_series(path: Path) -> Iterator[Series]:
    """Yield the series of a table `timestamp,service,metric,value`, in the order of their first rows."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["value"]:
                found[row["service"], row["metric"]].append((seconds(row["timestamp"]), float(row["value"])))
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
    """Return an ISO 8601 text as a time, UTC where it has an offset of none."""
    return datetime.fromisoformat(text)


def seconds(text: str) -> float:
    """Return an ISO 8601 text as seconds since 1970-01-01 UTC."""
    return time(text).timestamp()
