"""Field ownership as an API server records it: which manager last wrote which field, and when.

Format: FieldsV1 of meta/v1 `managedFields` (kubernetes-sigs/structured-merge-diff): `f:` names a field, `k:` an item of
a list by its keys, `v:` an item of a set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeAlias

from graph.document import Json, Object

_Path: TypeAlias = tuple[str, ...]

_UNOWNED = {
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
}

_LIST_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
}


def record(
    entries: list[Object], before: Object | None, after: Object, *, manager: str, operation: str, time: str
) -> list[Object]:
    """Return the entries after `manager` turned `before` into `after`; the fields it changed become its own."""
    old = _leaves(before) if before else {}
    new = _leaves(after)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    out: list[Object] = []
    mine: set[_Path] = set()
    for entry in entries:
        if entry.get("subresource"):
            out.append(entry)
            continue
        owned = set(_paths(entry["fieldsV1"]))
        if (entry["manager"], entry["operation"]) == (manager, operation):
            mine = owned
            continue
        kept = {path for path in owned - changed if path in new}
        if kept:
            out.append(entry if kept == owned else entry | {"fieldsV1": _tree(kept)})
    mine = {path for path in mine | changed if path in new}
    if mine:
        out.append(
            {
                "manager": manager,
                "operation": operation,
                "apiVersion": after["apiVersion"],
                "time": time,
                "fieldsType": "FieldsV1",
                "fieldsV1": _tree(mine),
            }
        )
    return out


def _leaves(body: Object) -> dict[_Path, Json]:
    out: dict[_Path, Json] = {}
    for key, value in body.items():
        if key == "metadata":
            for field, item in value.items():
                if field not in _UNOWNED:
                    _walk(("f:metadata", f"f:{field}"), field, item, out)
        elif key not in ("apiVersion", "kind", "status"):
            _walk((f"f:{key}",), key, value, out)
    return out


def _walk(path: _Path, name: str, value: Json, out: dict[_Path, Json]) -> None:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            _walk((*path, f"f:{key}"), key, item, out)
    elif isinstance(value, list) and (keys := _keys(name, value)):
        for item in value:
            label = json.dumps({key: item[key] for key in keys if key in item}, separators=(",", ":"), sort_keys=True)
            for key, part in item.items():
                _walk((*path, f"k:{label}", f"f:{key}"), key, part, out)
    else:
        out[path] = value


def _keys(name: str, items: list[Json]) -> tuple[str, ...]:
    if name == "ports" and all(isinstance(item, dict) for item in items):
        key = "containerPort" if items and "containerPort" in items[0] else "port"
        # NetworkPolicy ports are an atomic list, and the only ones without a name or a target.
        return (key, "protocol") if any({"name", "targetPort"} & set(item) for item in items) else ()
    return _LIST_KEYS.get(name, ())


def _tree(paths: set[_Path]) -> Object:
    root: Object = {}
    for path in sorted(paths):
        node = root
        for step in path:
            node = node.setdefault(step, {".": {}} if step.startswith("k:") else {})
    return root


def _paths(tree: Object, path: _Path = ()) -> Iterator[_Path]:
    for step, node in tree.items():
        if step == ".":
            continue
        below = {key: value for key, value in node.items() if key != "."}
        if below:
            yield from _paths(below, (*path, step))
        else:
            yield (*path, step)
