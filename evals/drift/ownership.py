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
_WHEN = "2026-01-02T03:04:05Z"

WAYS = ("apply", "server-side apply", "create")
"""As `kubectl apply`, `kubectl apply --server-side` and `kubectl create` write."""


def owned(live: Object, declared: Object, way: str) -> Object:
    """Return the object with managedFields, and with the annotation that `kubectl apply` leaves."""
    result = copy.deepcopy(live)
    if way == "apply":
        notes = {**(result["metadata"].get("annotations") or {}), _LAST_APPLIED: json.dumps(declared, default=str)}
        result["metadata"]["annotations"] = notes
    stated = declared if way == "server-side apply" else result
    manager, operation = {
        "apply": ("kubectl-client-side-apply", "Update"),
        "server-side apply": ("kubectl", "Apply"),
        "create": ("kubectl-create", "Update"),
    }[way]
    result["metadata"]["managedFields"] = [_entry(manager, operation, _root(stated))]
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
    result["metadata"].setdefault("managedFields", []).append(_entry(manager, "Update", mine))
    return result


def _entry(manager: str, operation: str, fields: Object) -> Object:
    return {"manager": manager, "operation": operation, "time": _WHEN, "fieldsType": "FieldsV1", "fieldsV1": fields}


def _root(body: Object) -> Object:
    found = {f"f:{k}": _fields(v, k) for k, v in body.items() if k not in ("apiVersion", "kind", "status", "metadata")}
    metadata = {f"f:{k}": _fields(v, k) for k, v in body["metadata"].items() if k not in _UNOWNED}
    return {**found, **({"f:metadata": metadata} if metadata else {})}


def _fields(value: Any, field: str) -> Object:
    if isinstance(value, dict):
        return {f"f:{k}": _fields(v, k) for k, v in value.items()}
    if isinstance(value, list):
        members = {_member(field, entry): _fields(entry, "") for entry in value}
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
