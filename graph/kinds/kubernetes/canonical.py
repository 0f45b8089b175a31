"""Bring an object into the one form that comparison knows: current API version, one place for each value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graph.document import Json, Object
from graph.kinds.kubernetes.schema import Type, type_of
from graph.kinds.kubernetes.scope import identity_group, split_api_version


def canonical_form(body: Object) -> Object:
    """Return the object as the current API version would hold it. The input is not changed; values are shared.

    Covers rules N16 (stringData into data), N17 (rules of aggregated roles) and N24 (retired API versions).
    """
    rewrite = _REWRITES.get(str(body.get("kind")))
    return rewrite(body) if rewrite else body


CustomTypes = Mapping[tuple[str, str, str], Type]
"""Types of custom resources by group, version and kind."""


def custom_types(bodies: Iterable[Object]) -> CustomTypes:
    """Read the schemas of custom resources from the definitions among some objects."""
    found: dict[tuple[str, str, str], Type] = {}
    for body in bodies:
        spec = body.get("spec") if body.get("kind") == "CustomResourceDefinition" else None
        if not isinstance(spec, dict) or not isinstance(spec.get("names"), dict):
            continue
        for version in spec["versions"] if isinstance(spec.get("versions"), list) else ():
            schema = version.get("schema") if isinstance(version, dict) else None
            raw = schema.get("openAPIV3Schema") if isinstance(schema, dict) else None
            if isinstance(raw, dict):
                key = (str(spec.get("group")), str(version.get("name")), str(spec["names"].get("kind")))
                found[key] = Type(raw, {})
    return found


def canonical_type(body: Object, custom: CustomTypes | None = None) -> Type:
    """Return the type of an object in its canonical form; UNKNOWN where no schema is known."""
    group, version = split_api_version(str(body.get("apiVersion", "")))
    kind = str(body.get("kind", ""))
    group = identity_group(group, kind)
    if kind == "HorizontalPodAutoscaler":
        version = "v2"
    elif version.startswith(("v1beta", "v1alpha")) and group in ("apps", "networking.k8s.io", "policy"):
        version = "v1"
    known = (custom or {}).get((group, version, kind))
    return known or type_of(group, version, kind)


def _secret(body: Object) -> Object:
    plain = body.get("stringData")
    if not isinstance(plain, dict):
        return body
    data = body.get("data")
    merged = {**(data if isinstance(data, dict) else {}), **plain}
    return {**{k: v for k, v in body.items() if k != "stringData"}, "data": merged}


def _cluster_role(body: Object) -> Object:
    """The controller fills the rules of an aggregated role; what anybody writes there is overwritten."""
    if not body.get("aggregationRule"):
        return body
    return {k: v for k, v in body.items() if k != "rules"}


def _autoscaler(body: Object) -> Object:
    spec = body.get("spec")
    if not isinstance(spec, dict) or "targetCPUUtilizationPercentage" not in spec or "metrics" in spec:
        return body
    rest = {k: v for k, v in spec.items() if k != "targetCPUUtilizationPercentage"}
    target = {"type": "Utilization", "averageUtilization": spec["targetCPUUtilizationPercentage"]}
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    return {**body, "spec": {**rest, "metrics": [metric]}}


def _ingress(body: Object) -> Object:
    spec = body.get("spec")
    if not isinstance(spec, dict) or body.get("apiVersion") == "networking.k8s.io/v1":
        return body
    converted = {k: v for k, v in spec.items() if k != "backend"}
    if isinstance(spec.get("backend"), dict):
        converted["defaultBackend"] = _backend(spec["backend"])
    if isinstance(spec.get("rules"), list):
        converted["rules"] = [_rule(rule) for rule in spec["rules"]]
    return {**body, "spec": converted}


def _rule(rule: Json) -> Json:
    if not isinstance(rule, dict) or not isinstance(rule.get("http"), dict):
        return rule
    paths = rule["http"].get("paths")
    if not isinstance(paths, list):
        return rule
    converted = [
        {**path, "backend": _backend(path["backend"])}
        if isinstance(path, dict) and isinstance(path.get("backend"), dict)
        else path
        for path in paths
    ]
    return {**rule, "http": {**rule["http"], "paths": converted}}


def _backend(backend: Object) -> Object:
    if "serviceName" not in backend:
        return backend
    port = backend.get("servicePort")
    reference: Object = {"name": port} if isinstance(port, str) and not port.isdigit() else {"number": port}
    rest = {k: v for k, v in backend.items() if k not in ("serviceName", "servicePort")}
    return {**rest, "service": {"name": backend["serviceName"], "port": reference}}


_REWRITES = {
    "Secret": _secret,
    "ClusterRole": _cluster_role,
    "HorizontalPodAutoscaler": _autoscaler,
    "Ingress": _ingress,
}
