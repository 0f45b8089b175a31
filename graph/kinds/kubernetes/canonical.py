"""Bring an object into the one form that comparison knows: current API version, one place for each value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graph.document import Json, Object
from graph.kinds.kubernetes.autoscaling import as_v2
from graph.kinds.kubernetes.schema import SCHEMA_KIND, Definitions, Type, current_version, told_types, type_of
from graph.kinds.kubernetes.scope import identity_group, split_api_version
from graph.kinds.kubernetes.stored import limit_range, pod
from graph.kinds.lenient import mapping


def canonical_form(body: Object) -> Object:
    """Return the object as the current API version would hold it. The input is not changed; values are shared.

    Covers rules N16 (stringData into data), N17 (rules of aggregated roles) and N24 (retired API versions), and maps
    that the server completes.
    """
    rewrite = _REWRITES.get(str(body.get("kind")))
    return rewrite(body) if rewrite else body


CustomTypes = Mapping[tuple[str, str, str], Type]
"""Types of custom resources by group, version and kind."""


def custom_types(bodies: Iterable[Object]) -> CustomTypes:
    """Read the schemas of custom resources from the definitions among some objects.

    What a server newer than the known schema tells of its own kinds is among them, too.
    """
    found: dict[tuple[str, str, str], Type] = {}
    for body in bodies:
        if body.get("kind") == SCHEMA_KIND:
            found |= told_types(mapping(body, "schemas"))
            continue
        spec = body.get("spec") if body.get("kind") == "CustomResourceDefinition" else None
        if not isinstance(spec, dict) or not isinstance(spec.get("names"), dict):
            continue
        for version in spec["versions"] if isinstance(spec.get("versions"), list) else ():
            schema = version.get("schema") if isinstance(version, dict) else None
            raw = schema.get("openAPIV3Schema") if isinstance(schema, dict) else None
            if isinstance(raw, dict):
                key = (str(spec.get("group")), str(version.get("name")), str(spec["names"].get("kind")))
                found[key] = Type(raw, Definitions({}))
    return found


_V1_NOW = frozenset({"apiextensions.k8s.io", "apps", "flowcontrol.apiserver.k8s.io", "networking.k8s.io", "policy"})
"""Groups whose objects have, after the conversions here, the fields of v1."""


def canonical_type(body: Object, custom: CustomTypes | None = None) -> Type:
    """Return the type of an object in its canonical form; UNKNOWN where no schema is known."""
    group, version = split_api_version(str(body.get("apiVersion", "")))
    kind = str(body.get("kind", ""))
    group = identity_group(group, kind)
    if kind == "HorizontalPodAutoscaler":
        version = "v2"
    elif version.startswith(("v1beta", "v1alpha")) and group in _V1_NOW:
        version = "v1"
    known = (custom or {}).get((group, current_version(group, version), kind))
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


def _definition(body: Object) -> Object:
    """A definition of v1beta1 keeps once for all versions what a later one keeps in each of them."""
    spec = body.get("spec")
    if body.get("apiVersion") != "apiextensions.k8s.io/v1beta1" or not isinstance(spec, dict):
        return body
    rest = {k: v for k, v in spec.items() if k not in ("version", "validation", *_PER_VERSION)}
    shared: Object = {k: spec[k] for k in _PER_VERSION if k in spec}
    if "validation" in spec:
        shared["schema"] = spec["validation"]
    versions = spec.get("versions")
    if not isinstance(versions, list):
        versions = [{"name": spec.get("version"), "served": True, "storage": True}]
    rest["versions"] = [{**shared, **v} if isinstance(v, dict) else v for v in versions]
    for version in rest["versions"]:
        columns = version.get("additionalPrinterColumns") if isinstance(version, dict) else None
        if isinstance(columns, list):
            version["additionalPrinterColumns"] = [_column(c) for c in columns]
    return {**body, "spec": rest}


_PER_VERSION = ("subresources", "additionalPrinterColumns")


def _column(column: Json) -> Json:
    if not isinstance(column, dict) or "JSONPath" not in column:
        return column
    return {("jsonPath" if k == "JSONPath" else k): v for k, v in column.items()}


def _priority_level(body: Object) -> Object:
    """Shares were called assured ones before v1beta3."""
    spec = body.get("spec")
    limited = mapping(body, "spec", "limited")
    if not isinstance(spec, dict) or "assuredConcurrencyShares" not in limited:
        return body
    renamed = {("nominalConcurrencyShares" if k == "assuredConcurrencyShares" else k): v for k, v in limited.items()}
    return {**body, "spec": {**spec, "limited": renamed}}


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
    "CustomResourceDefinition": _definition,
    "HorizontalPodAutoscaler": as_v2,
    "Ingress": _ingress,
    "LimitRange": limit_range,
    "Pod": pod,
    "PriorityLevelConfiguration": _priority_level,
}
