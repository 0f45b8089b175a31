"""Performance Insights of RDS as a store of metrics: how many sessions work or wait, and for what.

https://docs.aws.amazon.com/performance-insights/latest/APIReference/API_GetResourceMetrics.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np
from botocore.exceptions import ClientError

from graph.errors import OutsideError
from graph.evidence import Gap
from graph.targets import Target, Targets
from graph.telemetry import Series, Signal
from tools.adapters.aws.calls import NO_ANSWER, reason_of
from tools.adapters.aws.cloudwatch import by_region_of, period_s
from tools.adapters.aws.failing import translated
from tools.adapters.aws.instance_class import cores_of
from tools.adapters.aws.session import AwsSession
from tools.ports import Measured, Window

_DATABASES: Final = ("aws_db_instance", "aws_rds_cluster_instance")
_LOAD: Final = "db.load.avg"
_MOST_WAITS: Final = 10
_PERIODS: Final = (60, 300, 3600, 86400)
"""Seconds between two readings that the service takes and that are not too fine."""
_UNIT: Final = "Average Active Sessions"


class PerformanceInsights:
    """A `MetricStore` over GetResourceMetrics: `DBLoad`, `DBLoad:EVENT` for each wait event, and `vCPU`."""

    def __init__(self, name: str, session: AwsSession) -> None:
        self.name = name
        self._session = session

    def series(self, targets: Targets, window: Window) -> Measured[Series]:
        databases = Targets(all=tuple(t for t in targets if t.kind in _DATABASES))
        by_region, gaps = by_region_of(databases, self._session.access.regions, self.name)
        items: list[Series] = []
        failures: list[OutsideError] = []
        for region, mine in by_region.items():
            for target in mine:
                try:
                    items += self._of(region, target, window, gaps)
                except (ClientError, *NO_ANSWER) as error:
                    failures.append(translated(self.name, error))
                    gaps.append(Gap(what=_what(target, self.name), why=reason_of(error), resource=target.uid))
        if failures and not items:
            raise failures[0]
        return Measured(items=tuple(items), gaps=tuple(gaps))

    def _of(self, region: str, target: Target, window: Window, gaps: list[Gap]) -> Iterator[Series]:
        name = target.arn.rpartition(":")[2]
        answer = self._session.client("rds", region).describe_db_instances(DBInstanceIdentifier=name)
        (instance,) = answer["DBInstances"]
        if (cores := cores_of(str(instance.get("DBInstanceClass") or ""))) is not None:
            yield _constant(target, cores, window.until)
        if not instance.get("PerformanceInsightsEnabled"):
            why = "Performance Insights is off: switch it on to know what sessions wait for"
            gaps.append(Gap(what=_what(target, self.name), why=why, resource=target.uid))
            return
        yield from self._load(region, target, str(instance["DbiResourceId"]), window)

    def _load(self, region: str, target: Target, identifier: str, window: Window) -> Iterator[Series]:
        client = self._session.client("pi", region)
        waits = {"Group": "db.wait_event", "Dimensions": ["db.wait_event.name"], "Limit": _MOST_WAITS}
        request: dict[str, Any] = {
            "ServiceType": "RDS",
            "Identifier": identifier,
            "MetricQueries": [{"Metric": _LOAD}, {"Metric": _LOAD, "GroupBy": waits}],
            "StartTime": window.since,
            "EndTime": window.until,
            "PeriodInSeconds": next((p for p in _PERIODS if p >= period_s(window)), _PERIODS[-1]),
        }
        points: dict[str, dict[float, float]] = {}
        while True:
            answer = client.get_resource_metrics(**request)
            for entry in answer.get("MetricList") or ():
                metric = _metric(entry.get("Key") or {})
                held = points.setdefault(metric, {})
                held.update({p["Timestamp"].timestamp(): p.get("Value", np.nan) for p in entry.get("DataPoints") or ()})
            if not answer.get("NextToken"):
                break
            request["NextToken"] = answer["NextToken"]
        for metric, values in points.items():
            times = sorted(values)
            if times:
                yield Series(
                    resource=target.uid,
                    metric=metric,
                    signal=Signal.SATURATION if metric == "DBLoad" else Signal.OTHER,
                    times=np.array(times),
                    values=np.array([values[at] for at in times], dtype=float),
                    unit=_UNIT,
                    statistic="average",
                )


def _metric(key: Mapping[str, Any]) -> str:
    wait = (key.get("Dimensions") or {}).get("db.wait_event.name")
    return f"DBLoad:{wait}" if wait else "DBLoad"


def _constant(target: Target, value: float, at: datetime) -> Series:
    return Series(
        resource=target.uid,
        metric="vCPU",
        signal=Signal.OTHER,
        times=np.array([at.timestamp()]),
        values=np.array([value]),
        unit="Count",
    )


def _what(target: Target, name: str) -> str:
    return f"load of {target.names[0]} in {name}"
