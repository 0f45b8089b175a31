"""Values that a server writes into maps and lists that were declared in part, so that a whole default does not tell.

They follow the defaulting functions of the Kubernetes API (pkg/apis/core/v1/defaults.go) and its admission plug-ins.
"""

from __future__ import annotations

from graph.document import Json, Object
from graph.kinds.lenient import mapping

_ADMITTED = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
_ADMITTED_FOR_S = 300


def limit_range(body: Object) -> Object:
    """Limits of containers as stored: the highest allowed is the default, which is the default request.

    A default request falls back to the default limit, and to the lowest allowed amount where there is none.
    """
    spec = body.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("limits"), list):
        return body
    return {**body, "spec": {**spec, "limits": [_limit(item) for item in spec["limits"]]}}


def _limit(item: Json) -> Json:
    if not isinstance(item, dict) or item.get("type") != "Container":
        return item
    default = {**mapping(item, "max"), **mapping(item, "default")}
    request = {**mapping(item, "min"), **default, **mapping(item, "defaultRequest")}
    filled = {"default": default, "defaultRequest": request}
    return {**item, **{k: v for k, v in filled.items() if v}}


def pod(body: Object) -> Object:
    """A Pod as stored: each limit is a request, too, and the tolerations that every Pod gets are left out."""
    spec = body.get("spec")
    if not isinstance(spec, dict):
        return body
    filled = dict(spec)
    for group in ("containers", "initContainers"):
        if isinstance(spec.get(group), list):
            filled[group] = [_requested(c) for c in spec[group]]
    if isinstance(spec.get("tolerations"), list):
        filled["tolerations"] = [t for t in spec["tolerations"] if not _is_admitted(t)]
    return {**body, "spec": filled}


def _requested(container: Json) -> Json:
    """A request that is not stated is the limit; templates are stored as they are written."""
    sizes = container.get("resources") if isinstance(container, dict) else None
    if not isinstance(sizes, dict) or not isinstance(sizes.get("limits"), dict):
        return container
    return {**container, "resources": {**sizes, "requests": {**sizes["limits"], **mapping(sizes, "requests")}}}


def _is_admitted(toleration: Json) -> bool:
    """Whether it is one that the plug-in DefaultTolerationSeconds gives to every Pod."""
    return (
        isinstance(toleration, dict)
        and toleration.get("key") in _ADMITTED
        and toleration.get("effect") == "NoExecute"
        and toleration.get("tolerationSeconds") == _ADMITTED_FOR_S
    )
