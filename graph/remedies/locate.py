"""Finds in one version of an object the place that a pointer names in another version of it."""

from __future__ import annotations

from typing import NamedTuple

from graph.document import Json, pointer, tokens

_NAMES = ("name", "key", "mountPath", "Sid", "sid", "id", "ip", "topologyKey", "containerPort", "port", "type")
"""Fields that tell the elements of a list apart, most telling first."""


class Place(NamedTuple):
    """Where a pointer leads in the other version."""

    path: str
    """JSON pointer into the other version, as far as it exists."""
    missing: tuple[str, ...]
    """Tokens that the other version has nothing for; empty when the place exists."""


def locate(source: Json, other: Json, path: str) -> Place:
    """Follow `path`, a pointer into `source`, through `other`; list elements are matched by what names them.

    >>> locate({"env": [{"name": "A"}, {"name": "B", "x": 1}]}, {"env": [{"name": "B", "x": 2}]}, "/env/1/x")
    Place(path='/env/0/x', missing=())
    """
    parts = tokens(path)
    found: list[str] = []
    for position, token in enumerate(parts):
        step = _index(source, other, token) if isinstance(other, list) else _member(other, token)
        if step is None:
            return Place(pointer(*found), parts[position:])
        found.append(step)
        source = _child(source, token)
        other = _child(other, step)
    return Place(pointer(*found), ())


def _member(other: Json, token: str) -> str | None:
    return token if isinstance(other, dict) and token in other else None


def _index(source: Json, other: list[Json], token: str) -> str | None:
    wanted = _child(source, token)
    if wanted is None:
        return token if token.isdigit() and int(token) < len(other) and not isinstance(source, list) else None
    if isinstance(wanted, dict):
        for name in _NAMES:
            if name not in wanted or isinstance(wanted[name], dict | list):
                continue
            same = [i for i, e in enumerate(other) if isinstance(e, dict) and e.get(name) == wanted[name]]
            if len(same) == 1:
                return str(same[0])
            if not same and name == "name":
                return None
    if wanted in other:
        return str(other.index(wanted))
    # Nothing names it: the same position will do in a list of the same length, if what stands there has its shape.
    is_aligned = isinstance(source, list) and len(source) == len(other)
    return token if is_aligned and type(other[int(token)]) is type(wanted) else None


def _child(node: Json, token: str) -> Json:
    if isinstance(node, dict):
        return node.get(token)
    if isinstance(node, list) and token.isdigit() and int(token) < len(node):
        return node[int(token)]
    return None
