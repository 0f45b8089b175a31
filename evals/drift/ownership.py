"""The managedFields that a server would keep for an object, after it was written in one of the usual ways.

https://kubernetes.io/docs/reference/using-api/server-side-apply/: an apply owns what it states, any other write owns
what the object came to hold, defaults included.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from graph.document import tokens

Object = dict[str, Any]

_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
_UNOWNED = frozenset(
    {"uid", "resourceVersion", "generation", "creationTimestamp", "name", "namespace", "managedFields"}
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_MADE, _LATER = "2026-01-02T03:04:05Z", "2026-02-03T04:05:06Z"
"""When objects came to be, and when somebody wrote to them again."""
_WHOLE = frozenset(
    {
        "configMapKeyRef",
        "fieldRef",
        "labelSelector",
        "namespaceSelector",
        "objectSelector",
        "podSelector",
        "resourceFieldRef",
        "roleRef",
        "scaleTargetRef",
        "secretKeyRef",
        "selector",
    }
)
"""Structs that are owned as a whole."""
_IN_PLACE = frozenset({"metadata", "resources", "spec", "strategy", "template", "updateStrategy"})
"""Structs that are no pointers, so that nobody brings them into being."""

_APPLY, _UPDATE = "Apply", "Update"
_WRITERS: dict[str, tuple[tuple[str, str], ...]] = {
    "apply": (("kubectl-client-side-apply", _UPDATE),),
    "server-side apply": (("kubectl", _APPLY),),
    "create": (("kubectl-create", _UPDATE),),
    "Helm": (("helm", _UPDATE),),
    "Helm, server-side": (("helm", _APPLY),),
    "Argo CD": (("argocd-controller", _UPDATE),),
    "Argo CD, server-side": (("argocd-controller", _APPLY),),
    "Flux": (("kustomize-controller", _APPLY),),
    "made by hand, then Argo CD": (("kubectl-create", _UPDATE), ("argocd-controller", _APPLY)),
    "Argo CD of old, then of today": (("argocd-application-controller", _UPDATE), ("argocd-controller", _APPLY)),
    "a pipeline, then Flux": (("deploy-bot", _UPDATE), ("kustomize-controller", _APPLY)),
}
"""Field managers of an object that was deployed in a way, the first one who made it first."""
WAYS = tuple(_WRITERS)
_ANNOTATING = frozenset({"apply", "Argo CD"})
_REWRITTEN = frozenset({"apply", "Helm", "Argo CD", "Argo CD of old, then of today"})
"""Ways in which whoever made the object wrote it again later."""


def owned(live: Object, declared: Object, way: str) -> Object:
    """Return the object with managedFields, and with the annotation that `kubectl apply` leaves."""
    result = copy.deepcopy(live)
    if way in _ANNOTATING:
        notes = {**(result["metadata"].get("annotations") or {}), _LAST_APPLIED: json.dumps(declared, default=str)}
        result["metadata"]["annotations"] = notes
    entries = []
    for number, (manager, operation) in enumerate(_WRITERS[way]):
        when = _LATER if number or way in _REWRITTEN else _MADE
        fields = _root(declared if operation == _APPLY else result, is_made=operation == _UPDATE)
        entries.append(_entry(manager, operation, fields, when))
    status: Object = {"f:status": {"f:observedGeneration": {}}}
    reporter = _entry("kube-controller-manager", _UPDATE, status, _LATER)
    result["metadata"]["managedFields"] = [*entries, {**reporter, "subresource": "status"}]
    return result


def taken(live: Object, path: str, *, manager: str = "kubectl-edit") -> Object:
    """Return the object after somebody wrote one place of it: that manager owns it now, and nobody else does."""
    result = copy.deepcopy(live)
    steps: list[str] = []
    value: Any = live
    for token in tokens(path):
        if isinstance(value, list):
            entry = value[int(token)] if token.isdigit() and int(token) < len(value) else None
            member = _member(steps[-1].removeprefix("f:") if steps else "", entry)
            if not member:
                break
            steps.append(member)
            value = entry
        else:
            steps.append(f"f:{token}")
            value = value.get(token) if isinstance(value, dict) else None
    for entry in result["metadata"].get("managedFields", ()):
        _release(entry["fieldsV1"], steps)
    mine: Object = {}
    for step in reversed(steps):
        mine = {step: mine}
    result["metadata"].setdefault("managedFields", []).append(_entry(manager, _UPDATE, mine, _LATER))
    return result


def _entry(manager: str, operation: str, fields: Object, when: str) -> Object:
    return {"manager": manager, "operation": operation, "time": when, "fieldsType": "FieldsV1", "fieldsV1": fields}


def _root(body: Object, *, is_made: bool) -> Object:
    """Fields of an object; `is_made` when whoever owns them wrote it with all that the server completed."""
    top = {k: v for k, v in body.items() if k not in ("apiVersion", "kind", "status", "metadata")}
    found = {f"f:{k}": _fields(v, k, is_made) for k, v in top.items()}
    metadata = {f"f:{k}": _fields(v, k, is_made) for k, v in body["metadata"].items() if k not in _UNOWNED}
    return {**found, **({"f:metadata": metadata} if metadata else {})}


def _fields(value: Any, field: str, is_made: bool) -> Object:
    if isinstance(value, dict) and value and field not in _WHOLE:
        inner = {f"f:{k}": _fields(v, k, is_made) for k, v in value.items()}
        return {".": {}, **inner} if is_made and field not in _IN_PLACE else inner
    if isinstance(value, list) and value:
        members = {_member(field, entry): _fields(entry, "spec", is_made) for entry in value}
        return {} if "" in members else {m: {".": {}, **inner} for m, inner in members.items()}
    return {}


def _member(field: str, entry: Any) -> str:
    """Name of a list entry in a field set; empty where the list is owned as a whole."""
    if not isinstance(entry, dict):
        return ""
    if field == "ports" and ("containerPort" in entry or "targetPort" in entry):
        number = "containerPort" if "containerPort" in entry else "port"
        return "k:" + json.dumps({number: entry[number], "protocol": entry.get("protocol", "TCP")})
    keys = _KEYS.get(field)
    if keys is None or not all(k in entry for k in keys):
        return ""
    return "k:" + json.dumps({k: entry[k] for k in keys})


def _release(fields: Object, steps: list[str]) -> None:
    """Take a place out of a field set; what holds nothing more goes, too."""
    inner = fields.get(steps[0])
    if inner is None:
        return
    if len(steps) > 1:
        _release(inner, steps[1:])
    if len(steps) == 1 or not inner:
        del fields[steps[0]]
