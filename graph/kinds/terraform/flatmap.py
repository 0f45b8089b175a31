"""The flat attribute format of old states: `list.#` counts, `list.0.field` holds.

Set members stand under a hash instead of a position; they become a list ordered by that hash. All values are strings,
as the format has no other type.
"""

from __future__ import annotations

from typing import Any

from graph.document import Json, Object

_Tree = dict[str, Any]


def unflatten(flat: Object) -> Object:
    """Return nested attributes.

    >>> unflatten({"name": "a", "ports.#": "2", "ports.0": "80", "ports.1": "443", "tags.%": "1", "tags.env": "x"})
    {'name': 'a', 'ports': ['80', '443'], 'tags': {'env': 'x'}}
    """
    tree: _Tree = {}
    for key, value in flat.items():
        _insert(tree, key.split("."), value)
    return {key: _build(node) for key, node in tree.items()}


def _insert(tree: _Tree, keys: list[str], value: Json) -> None:
    """Put a value at the end of `keys`. Names of map entries may hold dots; below a `%` the rest is one name."""
    for position, key in enumerate(keys[:-1]):
        if "%" in tree:
            key, keys = ".".join(keys[position:]), keys[: position + 1]
            tree[key] = value
            return
        child = tree.setdefault(key, {})
        if not isinstance(child, dict):
            return
        tree = child
    tree[keys[-1]] = value


def _build(node: Json) -> Json:
    if not isinstance(node, dict):
        return node
    members = {key: _build(child) for key, child in node.items() if key not in ("#", "%")}
    if "#" not in node:
        return members
    return [members[key] for key in sorted(members, key=lambda k: (not k.isdigit(), int(k) if k.isdigit() else 0, k))]
