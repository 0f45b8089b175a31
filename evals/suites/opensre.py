"""OpenSRE's synthetic incidents on EKS and RDS: which category of fault, or healthy."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from agents.model import Model
from evals.suite import Prediction
from evals.suites.files import exists, read_object
from evals.suites.opensre_cluster import LONG_AGO, read_cluster, time_of
from evals.world import World, alert_of, commented, diagnosed, environment, service, sureness, uid_of
from graph.diagnosis.mechanisms.databases import stated_limit
from graph.diagnosis.result import Cause
from graph.errors import Invalid
from graph.evidence import ObservationKind, SymptomEvent
from graph.incident import Alert
from graph.relations import derive
from graph.telemetry import Series, Signal, Telemetry
from tools.adapters.aws.instance_class import cores_of

_SURE = 0.2
"""Strength of a cause from which something is wrong."""
_SIGNALS = {
    "CPUUtilization": Signal.CPU,
    "FreeableMemory": Signal.MEMORY,
    "DatabaseConnections": Signal.SATURATION,
    "FreeStorageSpace": Signal.SATURATION,
    "ReplicaLag": Signal.LAG,
}
_OF_DATABASES = ("aws_cloudwatch_metrics", "aws_rds_events", "aws_performance_insights")
_OF_CLUSTERS = (
    *("eks_pods", "eks_events", "eks_deployments", "eks_node_health"),
    *("eks_pod_logs", "datadog_logs", "datadog_monitors"),
)


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> World:  # noqa: ARG002  (the categories are ours, too)
        alert = read_object(folder / "alert.json")
        about = read_object(folder / "context.json")
        if any(exists(folder / f"{name}.json") for name in _OF_DATABASES):
            return _database(folder, alert, about)
        if any(exists(folder / f"{name}.json") for name in _OF_CLUSTERS):
            return _cluster(folder, alert)
        raise Invalid("none of the files of evidence is there; nothing seen is not healthy", where=str(folder))

    def answer(self, case: World, model: Model | None) -> Prediction:
        found = diagnosed(case)
        causes = [c for c in found.causes if _strength(c) >= _SURE and category_of(c)]
        if not causes:
            return {"ranked": [{"category": "healthy", "score": 0.7}], "note": found.summary, **commented(found, model)}
        ranked = [{"category": category_of(c), "cause": c.kind, **sureness(c)} for c in causes[:3]]
        return {"ranked": ranked, "note": found.summary, **commented(found, model)}


SUITE = _Suite()


def _strength(cause: Cause) -> float:
    return cause.confidence if cause.strength is None else cause.strength


_CATEGORIES = {
    "resource_exhaustion": (
        "oom_killed heap_exhausted insufficient_* quota_exceeded cpu_saturation resource_limits "
        "store_connections_exhausted limit_range_violated database_* node_memory_pressure node_disk_pressure "
        "node_pid_pressure evicted autoscaling_at_limit aws_throttled aws_quota_exceeded aws_no_capacity "
        "function_timed_out"
    ),
    "infrastructure": (
        "node_* kubelet_down container_runtime_down kube_proxy_down scheduler_down api_server_down etcd_down "
        "controller_manager_down database_failover volume_not_mounted volume_not_provisioned packet_loss network_delay "
        "database_volume_degraded database_standby_slow database_network_impaired"
    ),
    "dependency_failure": (
        "dependency_unreachable dns_failure cluster_dns_down store_unreachable unavailable_dependency "
        "registry_unreachable registry_unresolvable store_read_only webhook_unreachable "
        "aws_endpoint_unreachable dependency_failing foreign_server_*"
    ),
    "code_defect": (
        "application_error crash process_hangs liveness_probe_unanswered failing_unexplained "
        "database_transaction_left_open database_deadlock database_statement_wrong"
    ),
    "data_quality": "bad_data",
    "configuration_error": ("node_selector_mismatch node_affinity_mismatch database_setting_changed database_cut_off"),
}
"""Kinds of cause by category; of several patterns that fit the longest counts."""


def category_of(cause: Cause) -> str:
    """The category of a kind of cause; what is none of the others is a wrong setting of something."""
    fits = [(len(p), c) for c, kinds in _CATEGORIES.items() for p in kinds.split() if fnmatch.fnmatch(cause.kind, p)]
    return max(fits, default=(0, "configuration_error"))[1]


def _alert(alert: Mapping[str, Any], now: datetime, **labels: str) -> Alert:
    notes = alert.get("commonAnnotations") or {}
    return alert_of(
        title=str(alert.get("title") or ""),
        description=" ".join(str(notes.get(k) or "") for k in ("summary", "error", "suspected_symptom")),
        labels=labels,
        at=now,
    )


def _database(folder: Path, alert: Mapping[str, Any], about: Mapping[str, Any]) -> World:
    name = str(about.get("db_instance_identifier") or "database")
    uid = uid_of(name)
    metrics = read_object(folder / "aws_cloudwatch_metrics.json")
    events = read_object(folder / "aws_rds_events.json").get("events") or []
    told = [at for e in events if (at := time_of(e.get("date"))) is not None]
    now = time_of(metrics.get("end_time")) or max(told, default=LONG_AGO)
    texts = [str(v) for v in (alert.get("commonAnnotations") or {}).values()] + [str(e.get("message")) for e in events]
    series = list(_series(uid, name, metrics, texts))
    insights = read_object(folder / "aws_performance_insights.json")
    load = insights.get("db_load")
    if load and load.get("values"):
        series.append(_one(uid, "DBLoad", Signal.SATURATION, load["timestamps"], load["values"], ""))
    if (cores := cores_of(str(about.get("instance_class") or ""))) is not None:
        series.append(_one(uid, "vCPU", Signal.OTHER, [metrics.get("end_time")], [cores], "Count"))
    graph = environment(
        now=now,
        actual=[service(name, kind="Database")],
        symptoms=[*(_event(uid, e) for e in events if _is_recent(e, now)), *_waits(uid, insights)],
    )
    return World(graph=graph, alerts=(_alert(alert, now, service=name),), telemetry=Telemetry(series=tuple(series)))


def _waits(uid: str, insights: Mapping[str, Any]) -> Iterator[SymptomEvent]:
    for wait in insights.get("top_wait_events") or ():
        load = float(wait.get("db_load_avg") or 0.0)
        name = str(wait.get("name") or "")
        yield SymptomEvent(
            kind=ObservationKind.METRIC, resource=uid, at=None, text=f"{name}: {load:g}", reason=name, value=load
        )


def _series(uid: str, name: str, metrics: Mapping[str, Any], texts: list[str]) -> Iterator[Series]:
    for one in metrics.get("metric_data_results") or ():
        owner = str(one["dimensions"][0]["Value"]) if one.get("dimensions") else name
        # What was measured of another instance says nothing of this one; its replicas carry its name.
        if one.get("values") and owner.startswith(name):
            signal = _SIGNALS.get(one["label"], Signal.OTHER)
            yield _one(uid, one["label"], signal, one["timestamps"], one["values"], str(one.get("unit") or ""))
    limit = stated_limit(texts)
    if limit is not None:
        yield _one(uid, "MaxConnections", Signal.OTHER, [metrics.get("end_time")], [limit], "Count")


def _one(uid: str, metric: str, signal: Signal, times: list[Any], values: list[float], unit: str) -> Series:
    seconds = np.array([(time_of(t) or LONG_AGO).timestamp() for t in times])
    return Series(
        resource=uid, metric=metric, signal=signal, times=seconds, values=np.array(values, dtype=float), unit=unit
    )


def _event(uid: str, event: Mapping[str, Any]) -> SymptomEvent:
    kinds = event.get("event_categories") or [""]
    return SymptomEvent(
        kind=ObservationKind.EVENT,
        resource=uid,
        at=time_of(event.get("date")),
        text=str(event["message"]),
        reason=kinds[0],
    )


def _is_recent(event: Mapping[str, Any], now: datetime) -> bool:
    at = time_of(event.get("date"))
    return at is None or now - at <= timedelta(hours=1)


def _cluster(folder: Path, alert: Mapping[str, Any]) -> World:
    found = read_cluster(folder, alert)
    graph = environment(
        now=found.now, actual=found.documents, relations=derive(found.documents), symptoms=found.symptoms
    )
    return World(graph=graph, alerts=(_alert(alert, found.now, **found.labels),))
