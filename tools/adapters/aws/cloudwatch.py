"""Amazon CloudWatch as a store of metrics: all metrics of all resources that are asked about, in one call a region.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from botocore.config import Config
from botocore.exceptions import ClientError

from graph.errors import OutsideError
from graph.evidence import Gap
from graph.targets import Target, Targets
from graph.telemetry import Series
from tools.adapters.aws.calls import NO_ANSWER
from tools.adapters.aws.failing import translated
from tools.adapters.aws.metric_table import MEASURED, Measure
from tools.adapters.aws.session import AwsSession
from tools.ports import Measured, Window

QUICK_CONFIG: Final = Config(
    connect_timeout=3, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 2}, max_pool_connections=8
)
"""Whoever asks around an alert waits twenty seconds in all."""
_MOST_QUERIES: Final = 500
"""Of one call; a limit of the service."""
_POINTS: Final = 240
_LEAST_PERIOD_S: Final = 60


class _Question(NamedTuple):
    target: Target
    measure: Measure
    query: dict[str, Any]


class CloudWatch:
    """A `MetricStore` over GetMetricData."""

    def __init__(self, name: str, session: AwsSession) -> None:
        self.name = name
        self._session = session

    def series(self, targets: Targets, window: Window) -> Measured[Series]:
        period = period_s(window)
        by_region, gaps = by_region_of(targets, self._session.access.regions, self.name)
        items: list[Series] = []
        failures: list[OutsideError] = []
        for region, mine in by_region.items():
            questions = [q for target in mine for q in _questions(target, period)]
            for start in range(0, len(questions), _MOST_QUERIES):
                asked = questions[start : start + _MOST_QUERIES]
                try:
                    items += self._answers(region, asked, window, period, gaps)
                except (ClientError, *NO_ANSWER) as error:
                    failures.append(translated(self.name, error))
        if failures and not items:
            raise failures[0]
        gaps += [Gap(what=f"some metrics in {self.name}", why=str(error)) for error in failures]
        return Measured(items=tuple(items), gaps=tuple(gaps))

    def _answers(
        self, region: str, asked: Sequence[_Question], window: Window, period: int, gaps: list[Gap]
    ) -> Iterator[Series]:
        queries = [{"Id": f"q{n}", **q.query} for n, q in enumerate(asked)]
        found: dict[str, dict[float, float]] = defaultdict(dict)
        pages = self._session.client("cloudwatch", region).get_paginator("get_metric_data")
        for page in pages.paginate(
            MetricDataQueries=queries, StartTime=window.since, EndTime=window.until, ScanBy="TimestampAscending"
        ):
            for result in page.get("MetricDataResults") or ():
                times = (at.timestamp() for at in result.get("Timestamps") or ())
                found[result["Id"]].update(zip(times, result.get("Values") or (), strict=True))
                if result.get("StatusCode") in ("Forbidden", "InternalError"):
                    question = asked[int(str(result["Id"])[1:])]
                    what = f"{question.measure.metric} of {question.target.names[0]} in {self.name}"
                    gaps.append(Gap(what=what, why=_said(result), resource=question.target.uid))
        for n, question in enumerate(asked):
            if values := found.get(f"q{n}"):
                yield _series(question, values, period)


def period_s(window: Window) -> int:
    """Return the seconds between two readings: a minute, or more where the window is long; a multiple of a minute."""
    length = (window.until - window.since).total_seconds()
    return max(_LEAST_PERIOD_S, math.ceil(length / _POINTS / _LEAST_PERIOD_S) * _LEAST_PERIOD_S)


def by_region_of(targets: Targets, regions: Sequence[str], name: str) -> tuple[Mapping[str, list[Target]], list[Gap]]:
    """Return the resources that are measured by region, and a gap for each one that nobody can be asked about."""
    found: dict[str, list[Target]] = defaultdict(list)
    gaps: list[Gap] = []
    for target in targets:
        if target.kind not in MEASURED:
            continue
        region = target.arn.split(":")[3] if target.arn.count(":") >= 5 else ""
        if region in regions:
            found[region].append(target)
        else:
            why = f"it is in {region}: add that to `regions`" if region else "its ARN is not known: give the state"
            gaps.append(Gap(what=f"metrics of {target.names[0]} in {name}", why=why, resource=target.uid))
    return found, gaps


def _questions(target: Target, period: int) -> Iterator[_Question]:
    measured = MEASURED[target.kind]
    dimensions = measured.dimensions(target.arn)
    for measure in measured.measures if dimensions else ():
        metric = {
            "Namespace": measured.namespace,
            "MetricName": measure.metric,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        }
        query = {"MetricStat": {"Metric": metric, "Period": period, "Stat": measure.statistic}, "ReturnData": True}
        yield _Question(target, measure, query)


def _series(question: _Question, values: Mapping[float, float], period: int) -> Series:
    times = sorted(values)
    readings = np.array([values[at] for at in times], dtype=float)
    measure = question.measure
    return Series(
        resource=question.target.uid,
        metric=measure.metric,
        signal=measure.signal,
        times=np.array(times),
        values=readings / period if measure.statistic == "Sum" else readings,
        unit=measure.unit,
        statistic=measure.statistic.lower(),
    )


def _said(result: Mapping[str, Any]) -> str:
    told = "; ".join(f"{m.get('Code')}: {m.get('Value')}" for m in result.get("Messages") or ())
    return f"CloudWatch answers {result['StatusCode']}{': ' + told if told else ''}"[:300]
