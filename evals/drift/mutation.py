"""One random meaningful change of a live object, and where it must be found."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from graph.document import get, pointer, tokens

Object = dict[str, Any]
_Steps = tuple[str | int, ...]

_IDENTITY = frozenset({("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"), ("status",)})
_MAPS = frozenset({"labels", "annotations", "data", "matchLabels", "selector", "nodeSelector", "limits", "hard"})
"""Maps in which every key is somebody's own."""


class Mutation(NamedTuple):
    """What was done."""

    what: str
    """`changed`, `removed` or `added`"""
    path: str
    """JSON pointer into the declared object; for an addition that of the collection that got more."""
    body: Object
    """The live object afterwards."""


def mutate(declared: Object, live: Object, chooser: random.Random) -> Mutation | None:
    """Change, remove or add one thing of what is declared; None when the object declares nothing but its name.

    Args:
        declared: the object as it stands in its file.
        live: the object as a server holds it; lists in the order of the declared ones.
        chooser: decides what and where.
    """
    leaves = [s for s in _leaves(declared, ()) if get(live, pointer(*s)) == get(declared, pointer(*s))]
    entries = [s for s in _entries(declared, ()) if get(live, pointer(*s))]
    collections = sorted({s[:-1] for s in entries if _may_get_more(declared, s)}, key=str)
    offers = [("changed", leaves, 4), ("removed", entries, 1), ("added", collections, 1)]
    possible = [(what, places) for what, places, weight in offers if places for _ in range(weight)]
    if not possible:
        return None
    what, places = chooser.choice(possible)
    steps = chooser.choice(places)
    body = copy.deepcopy(live)
    if what == "changed":
        _put(body, steps, _other(get(live, pointer(*steps)), chooser))
    elif what == "removed":
        _holder(body, steps).pop(steps[-1])
    else:
        _add(_holder(body, (*steps, "")), chooser)
    return Mutation(what, pointer(*steps), body)


def is_found(mutation: Mutation, path: str, declared: Object) -> bool:
    """Whether a finding's path is that of the mutation.

    The path must be the same, or for an addition that of the new member. Two entries of a list with the same content
    can't be told apart, so either position will do.

    Args:
        mutation: what was done.
        path: path of the finding.
        declared: the declared object.
    """
    wanted, given = tokens(mutation.path), tokens(path)
    if mutation.what == "added":
        # The path of what only the live object has counts in that object, whose keyed lists may be in another order.
        return any(_is_like(wanted, given[: len(given) - more]) for more in (0, 1))
    return _is_like(wanted, given) and get(declared, path) == get(declared, mutation.path)


def _is_like(wanted: tuple[str, ...], given: tuple[str, ...]) -> bool:
    """Whether two ways are the same but for positions in lists."""
    pairs = zip(wanted, given, strict=False)
    return len(wanted) == len(given) and all(a == b or (a.isdigit() and b.isdigit()) for a, b in pairs)


def _leaves(value: Any, at: _Steps) -> Iterator[_Steps]:
    if at in _IDENTITY:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*at, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _leaves(inner, (*at, position))
    elif value is not None:
        yield at


def _entries(value: Any, at: _Steps) -> Iterator[_Steps]:
    """Members that can be taken away without leaving the collection empty, so that nothing but them changes."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if at and at[-1] in _MAPS and len(value) > 1:
                yield (*at, key)
            yield from _entries(inner, (*at, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            if len(value) > 1 and value.count(inner) == 1:
                yield (*at, position)
            yield from _entries(inner, (*at, position))


def _may_get_more(declared: Object, steps: _Steps) -> bool:
    """Whether one member more is somebody's change even when its writer is not known.

    Tools keep notes in annotations, and a map of a custom resource may get defaults that only its schema tells.
    """
    is_builtin = "." not in declared["apiVersion"].rpartition("/")[0] or ".k8s.io/" in declared["apiVersion"]
    return steps[-2] != "annotations" and (is_builtin or isinstance(steps[-1], int))


def _other(value: Any, chooser: random.Random) -> Any:
    """Another value that no rule could take for the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + chooser.choice((1, 2, 7))
    text = str(value)
    number = text.rstrip("kKMGTPEimnu%")
    if number.isdigit() and number:
        return f"{int(number) + chooser.choice((1, 3, 10))}{text[len(number) :]}"
    return f"{text}-altered"


def _add(collection: Any, chooser: random.Random) -> None:
    if isinstance(collection, dict):
        collection[f"added{chooser.randrange(1000)}"] = "1"
        return
    pattern = copy.deepcopy(chooser.choice(collection))
    if isinstance(pattern, dict) and "valueFrom" in pattern:
        # Injectors show a container its own pod this way.
        pattern = {"name": pattern["name"], "value": "1"}
    collection.append(_unlike(pattern, chooser))


def _unlike(entry: Any, chooser: random.Random) -> Any:
    """An entry of the same form with other content: every leaf differs, so that it has another key, too."""
    if isinstance(entry, dict):
        return {k: _unlike(v, chooser) for k, v in entry.items()}
    if isinstance(entry, list):
        return [_unlike(v, chooser) for v in entry]
    return entry if entry is None or isinstance(entry, bool) else _other(entry, chooser)


def _holder(body: Any, steps: _Steps) -> Any:
    for step in steps[:-1]:
        body = body[step]
    return body


def _put(body: Any, steps: _Steps, value: Any) -> None:
    _holder(body, steps)[steps[-1]] = value
