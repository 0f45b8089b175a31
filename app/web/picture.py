"""Positions for the picture of a blast radius: columns by distance, rows so that paths cross little."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

from graph.document import Object

_GAP_PX = 58
_ROW_PX = 62
_CHARACTER_PX = 6.8


def elements(radius: Object, name_of: Callable[[str], str]) -> list[Object]:
    """Turn a blast radius (JSON of the API) into nodes and edges with positions.

    What bears one name in one namespace is one node: a workload with its Service and its identity is one thing to a
    reader, and the table beside the picture keeps them apart.

    Args:
        radius: `{seeds: [{resource, reason}], affected: [{resource, band, mode, path, reason}]}`
        name_of: display name of a uid.

    Returns:
        cytoscape elements; empty when there is no seed.
    """
    seeds = {s["resource"]: s for s in radius.get("seeds", ())}
    affected = {a["resource"]: a for a in radius["affected"]}
    node_of = _merged([*seeds, *(uid for a in radius["affected"] for uid in a["path"])], seeds, name_of)
    depth: dict[str, int] = {node_of[uid]: 0 for uid in seeds}
    parents: dict[str, str] = {}
    for entry in radius["affected"]:
        steps = list(dict.fromkeys(node_of[uid] for uid in entry["path"]))
        for before, node in pairwise(steps):
            if node not in depth or depth[before] + 1 < depth[node]:
                depth[node], parents[node] = depth[before] + 1, before
    members: dict[str, list[str]] = defaultdict(list)
    for uid, node in node_of.items():
        members[node].append(uid)
    rows = _rows(depth, parents)
    labels = {node: _label(members[node], name_of) for node in depth}
    columns = _columns(depth, labels)
    nodes = [
        {
            "data": {
                "id": node,
                "label": labels[node],
                "tone": "seed" if node in seeds else _tone(members[node], affected),
                "reason": _reason(members[node], seeds, affected, name_of),
                "width": _width(labels[node]),
                "members": members[node],
            },
            "position": {"x": columns[depth[node]], "y": rows[node] * _ROW_PX},
        }
        for node in depth
    ]
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


def _rows(depth: dict[str, int], parents: dict[str, str]) -> dict[str, float]:
    """Give each node a row: children of the same parent together, the parents in their order."""
    columns: dict[int, list[str]] = defaultdict(list)
    for uid in sorted(depth, key=lambda u: (depth[u], u)):
        columns[depth[uid]].append(uid)
    rows: dict[str, float] = {}
    for level in sorted(columns):
        column = sorted(columns[level], key=lambda u: (rows.get(parents.get(u, ""), 0.0), u))
        offset = (len(column) - 1) / 2
        rows |= {uid: index - offset for index, uid in enumerate(column)}
    return rows


def _columns(depth: dict[str, int], labels: dict[str, str]) -> dict[int, float]:
    """Give each distance the x of its column's middle; a column is as wide as its widest label."""
    widths: dict[int, float] = defaultdict(float)
    for uid, level in depth.items():
        widths[level] = max(widths[level], _width(labels[uid]))
    columns: dict[int, float] = {}
    x = 0.0
    for level in sorted(widths):
        columns[level] = x + widths[level] / 2
        x += widths[level] + _GAP_PX
    return columns


def _width(label: str) -> float:
    return 22 + _CHARACTER_PX * max(len(line) for line in label.split("\n"))


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


def _label(members: list[str], name_of: Callable[[str], str]) -> str:
    """`Deployment, Service` over `checkout`; a cloud resource is its address, its type over its name."""
    names = [name_of(uid) for uid in members]
    if names[0].count("/") == 2:
        return ", ".join(n.split("/")[1] for n in names) + "\n" + names[0].split("/")[2]
    kind, dot, name = names[0].rpartition(".")
    return f"{kind}\n{name}" if dot else names[0].replace("/", "\n", 1)
