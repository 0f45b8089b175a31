"""HorizontalPodAutoscalers of every API version as `autoscaling/v2` holds them (rules N18, N24).

`autoscaling/v1` keeps what it has no field for in annotations, where a server that prefers this version shows it:
metrics in the form of `v2beta1`, and the behaviour under the names of the server's own types
(pkg/apis/autoscaling/v1/conversion.go of Kubernetes).
"""

from __future__ import annotations

import json

from graph.document import Json, Object
from graph.kinds.lenient import entries, mapping

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


def is_first(body: Object) -> bool:
    """Whether an autoscaler is in `autoscaling/v1`, the one version of another form that servers prefer."""
    return body.get("apiVersion") == "autoscaling/v1"


def like(live: Object, body: Object) -> Object:
    """Return an autoscaler in the form of `autoscaling/v2` as the version of a live one holds it.

    Only `autoscaling/v1` has another form. The first share of the processor has a field there, and everything else
    stands in the annotations.
    """
    if not is_first(live):
        return body
    share, others = None, list[Object]()
    for _, metric in entries(mapping(body, "spec"), "metrics"):
        resource = mapping(metric, "resource")
        used = mapping(resource, "target").get("averageUtilization") if resource.get("name") == "cpu" else None
        if share is None and used is not None:
            share = used
        else:
            others.append(metric)
    spec = {k: v for k, v in mapping(body, "spec").items() if k not in ("metrics", "behavior")}
    if share is not None:
        spec["targetCPUUtilizationPercentage"] = share
    books = {k: v for k, v in mapping(live, "metadata", "annotations").items() if k in _BOOKS}
    behavior = mapping(body, "spec").get("behavior")
    if [_metric(m) for m in _read(books.get(_METRICS), list)] != others:
        books[_METRICS] = json.dumps([_first_metric(m) for m in others]) if others else None
    if _lower(_read(books.get(_BEHAVIOR), dict)) != (behavior or {}):
        books[_BEHAVIOR] = json.dumps(_upper(behavior)) if behavior else None
    notes = {**mapping(body, "metadata", "annotations"), **{k: v for k, v in books.items() if v is not None}}
    metadata = {k: v for k, v in mapping(body, "metadata").items() if k != "annotations"}
    return {**body, "metadata": {**metadata, **({"annotations": notes} if notes else {})}, "spec": spec}


def _first_metric(metric: Object) -> Json:
    """Bring one metric from the form of `v2` into that of `v2beta1`."""
    kind = str(metric.get("type"))
    field = _SOURCES.get(kind, "")
    source = mapping(metric, field)
    target, named = mapping(source, "target"), mapping(source, "metric")
    rest: Object = {k: v for k, v in source.items() if k not in ("target", "metric", "describedObject")}
    if named:
        rest["metricName"] = named.get("name")
    if "selector" in named:
        rest["metricSelector" if kind == "External" else "selector"] = named["selector"]
    if kind == "Object":
        rest["target"] = source.get("describedObject")
    plain = {"averageUtilization": "targetAverageUtilization", "value": "targetValue"}
    plain["averageValue"] = "averageValue" if kind == "Object" else "targetAverageValue"
    rest |= {plain[name]: value for name, value in target.items() if name in plain}
    return {**metric, field: rest}


def _upper(value: Json) -> Json:
    if isinstance(value, dict):
        return {k[:1].upper() + k[1:]: _upper(v) for k, v in value.items()}
    return [_upper(v) for v in value] if isinstance(value, list) else value


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
