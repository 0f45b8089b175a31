"""Layers and places for the picture of a blast radius: one layer for each distance, in an order that crosses little."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

from graph.document import Object

_CHARACTER_PX = 7.4
"""Width of a character of the picture's font, with room for wider faces."""
_LINE_PX = 17
_MOST_CHARACTERS = 26
"""Longer lines of a label are folded or cut, so that a chain of six fits a page at full size."""

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job")


def elements(radius: Object, name_of: Callable[[str], str], *, begins: str = "seed") -> list[Object]:
    """Turn a blast radius (JSON of the API) into nodes and edges.

    What bears one name in one namespace is one node: a workload with its Service and its identity is one thing to a
    reader, and the table beside the picture keeps them apart. Which way the layers run is for the page to choose, by
    the room there is.

    Args:
        radius: `{seeds: [{resource, reason}], affected: [{resource, band, mode, path, reason}]}`
        name_of: display name of a uid.
        begins: tone of where it begins: `seed` for a failure, `fix` for a change that is proposed.

    Returns:
        cytoscape elements, nodes with `layer` and `place` (from 0, the middle of the layer) and their size in pixels;
        empty when there is no seed.
    """
    seeds = {s["resource"]: s for s in radius.get("seeds", ())}
    affected = {a["resource"]: a for a in radius["affected"]}
    node_of = _merged([*seeds, *(uid for a in radius["affected"] for uid in a["path"])], seeds, name_of)
    layer: dict[str, int] = {node_of[uid]: 0 for uid in seeds}
    parents: dict[str, str] = {}
    for entry in radius["affected"]:
        steps = list(dict.fromkeys(node_of[uid] for uid in entry["path"]))
        for before, node in pairwise(steps):
            if node not in layer or layer[before] + 1 < layer[node]:
                layer[node], parents[node] = layer[before] + 1, before
    members: dict[str, list[str]] = defaultdict(list)
    for uid, node in node_of.items():
        members[node].append(uid)
    places = _places(layer, parents)
    nodes = []
    for node in layer:
        label = _label([name_of(uid) for uid in members[node]])
        nodes.append(
            {
                "data": {
                    "id": node,
                    "label": label,
                    "tone": begins if node in seeds else _tone(members[node], affected),
                    "reason": _reason(members[node], seeds, affected, name_of),
                    "members": members[node],
                    "layer": layer[node],
                    "place": places[node],
                    "width": 24 + _CHARACTER_PX * max(len(line) for line in label.split("\n")),
                    "height": 16 + _LINE_PX * (label.count("\n") + 1),
                }
            }
        )
    edges = [
        {"data": {"id": f"{b} > {n}", "source": b, "target": n, "tone": _tone(members[n], affected)}}
        for n, b in parents.items()
    ]
    return [*nodes, *edges]


def _merged(uids: list[str], seeds: Object, name_of: Callable[[str], str]) -> dict[str, str]:
    """Map each uid to the node that stands for it: the first of its namespace and name. Seeds stand alone."""
    first: dict[tuple[str, str], str] = {}
    node_of: dict[str, str] = {}
    for uid in dict.fromkeys(uids):
        kind_and_name = name_of(uid).split("/")
        is_alone = uid in seeds or len(kind_and_name) != 3
        node_of[uid] = uid if is_alone else first.setdefault((kind_and_name[0], kind_and_name[2]), uid)
    return node_of


def _places(layer: dict[str, int], parents: dict[str, str]) -> dict[str, float]:
    """Give each node a place in its layer: children of the same parent together, the parents in their order."""
    layers: dict[int, list[str]] = defaultdict(list)
    for uid in sorted(layer, key=lambda u: (layer[u], u)):
        layers[layer[uid]].append(uid)
    places: dict[str, float] = {}
    for depth in sorted(layers):
        ordered = sorted(layers[depth], key=lambda u: (places.get(parents.get(u, ""), 0.0), u))
        middle = (len(ordered) - 1) / 2
        places |= {uid: index - middle for index, uid in enumerate(ordered)}
    return places


def _tone(members: list[str], affected: Object) -> str:
    """The strongest band of what a node stands for."""
    found = [affected[uid] for uid in members if uid in affected]
    if found and all(entry["mode"] == "recovers" for entry in found):
        return "recovers"
    bands = {entry["band"] for entry in found}
    return next((band for band in ("certain", "likely") if band in bands), "possible")


def _reason(members: list[str], seeds: Object, affected: Object, name_of: Callable[[str], str]) -> str:
    told = [(uid, seeds.get(uid) or affected.get(uid)) for uid in members]
    return " ".join(f"{name_of(uid)}: {entry['reason']}" for uid, entry in told if entry)


def _label(names: list[str]) -> str:
    """The name, and its kinds below; a cloud resource is its name over its type."""
    if names[0].count("/") == 2:
        kinds = sorted((n.split("/")[1] for n in names), key=lambda kind: (kind not in _WORKLOADS, kind))
        return "\n".join([_cut(names[0].split("/")[2]), *_folded(kinds)])
    kind, dot, name = names[0].rpartition(".")
    if dot:
        return f"{_cut(name)}\n{_cut(kind)}"
    return "\n".join(_cut(part) for part in reversed(names[0].split("/", 1)))


def _folded(words: list[str]) -> list[str]:
    lines = [""]
    for word in words:
        joined = f"{lines[-1]}, {word}" if lines[-1] else word
        if len(joined) <= _MOST_CHARACTERS or not lines[-1]:
            lines[-1] = _cut(joined)
        else:
            lines.append(_cut(word))
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."
