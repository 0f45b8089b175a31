"""HorizontalPodAutoscalers of every API version as `autoscaling/v2` holds them (rules N18, N24).

`autoscaling/v1` keeps what it has no field for in annotations, where a server that prefers this version shows it:
metrics in the form of `v2beta1`, and the behaviour under the names of the server's own types
(pkg/apis/autoscaling/v1/conversion.go of Kubernetes).
"""

from __future__ import annotations

import json

from graph.document import Json, Object
from graph.kinds.lenient import mapping

_PREFIX = "autoscaling.alpha.kubernetes.io/"
_METRICS, _BEHAVIOR = _PREFIX + "metrics", _PREFIX + "behavior"
_BOOKS = frozenset({_METRICS, _BEHAVIOR, _PREFIX + "conditions", _PREFIX + "current-metrics"})

_TARGETS = {
    "targetAverageUtilization": ("Utilization", "averageUtilization"),
    "targetAverageValue": ("AverageValue", "averageValue"),
    "averageValue": ("AverageValue", "averageValue"),
    "targetValue": ("Value", "value"),
}
_SOURCES = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def as_v2(body: Object) -> Object:
    """Return the autoscaler in the form of `autoscaling/v2`; what can't be read stays as it is."""
    spec = body.get("spec")
    if not isinstance(spec, dict):
        return body
    notes = mapping(body, "metadata", "annotations")
    spec = {k: v for k, v in spec.items() if k != "targetCPUUtilizationPercentage"}
    metrics = spec["metrics"] if isinstance(spec.get("metrics"), list) else []
    metrics = [*metrics, *_read(notes.get(_METRICS), list)]
    share = mapping(body, "spec").get("targetCPUUtilizationPercentage")
    if share is not None:
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": share}})
    if metrics:
        spec["metrics"] = [_metric(m) for m in metrics]
    behavior = _lower(_read(notes.get(_BEHAVIOR), dict))
    if behavior and "behavior" not in spec:
        spec["behavior"] = behavior
    if not _BOOKS & notes.keys():
        return {**body, "spec": spec}
    kept = {k: v for k, v in notes.items() if k not in _BOOKS}
    return {**body, "metadata": {**body["metadata"], "annotations": kept}, "spec": spec}


def _read(text: Json, kind: type) -> Json:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, kind) else kind()


def _lower(value: Json) -> Json:
    """Names of the server's types begin with capitals, those of the API don't."""
    if isinstance(value, dict):
        return {k[:1].lower() + k[1:]: _lower(v) for k, v in value.items() if v is not None}
    return [_lower(v) for v in value] if isinstance(value, list) else value


def _metric(metric: Json) -> Json:
    """Bring one metric from the form of `v2beta1`, which names its target in many ways, into that of `v2`."""
    field = _SOURCES.get(str(metric.get("type"))) if isinstance(metric, dict) else None
    source = metric.get(field) if field else None
    if not isinstance(source, dict) or ("target" in source and "metricName" not in source):
        return metric
    rest = {
        k: v for k, v in source.items() if k not in {*_TARGETS, "metricName", "metricSelector", "selector", "target"}
    }
    if "metricName" in source:
        selector = source.get("metricSelector", source.get("selector"))
        rest["metric"] = {"name": source["metricName"], **({"selector": selector} if selector else {})}
        if isinstance(source.get("target"), dict):
            rest["describedObject"] = source["target"]
    given = [name for name in _TARGETS if source.get(name) not in (None, "0")]
    if given:
        kind, name = _TARGETS[given[0]]
        rest["target"] = {"type": kind, name: source[given[0]]}
    return {**metric, field: rest}
