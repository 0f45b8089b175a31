"""Positions for the picture of a blast radius: columns by distance, rows so that paths cross little."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from graph.document import Object

_GAP_PX = 58
_ROW_PX = 62
_CHARACTER_PX = 6.8


def elements(radius: Object, name_of: Callable[[str], str]) -> list[Object]:
    """Turn a blast radius (JSON of the API) into nodes and edges with positions.

    Args:
        radius: `{seeds: [{resource, reason}], affected: [{resource, band, mode, path, reason}]}`
        name_of: display name of a uid.

    Returns:
        cytoscape elements; empty when there is no seed.
    """
    seeds = {s["resource"]: s for s in radius.get("seeds", ())}
    affected = {a["resource"]: a for a in radius["affected"]}
    depth: dict[str, int] = dict.fromkeys(seeds, 0)
    parents: dict[str, str] = {}
    for entry in radius["affected"]:
        for step, (before, uid) in enumerate(zip(entry["path"], entry["path"][1:], strict=False), start=1):
            if uid not in depth or step < depth[uid]:
                depth[uid], parents[uid] = step, before
    rows = _rows(depth, parents)
    labels = {uid: _wrapped(name_of(uid)) for uid in depth}
    columns = _columns(depth, labels)
    nodes = [
        {
            "data": {
                "id": uid,
                "label": labels[uid],
                "tone": "seed" if uid in seeds else _tone(affected.get(uid)),
                "reason": f"{name_of(uid)}: {(seeds.get(uid) or affected.get(uid) or {}).get('reason', '')}",
                "width": _width(labels[uid]),
            },
            "position": {"x": columns[depth[uid]], "y": rows[uid] * _ROW_PX},
        }
        for uid in depth
    ]
    return [*nodes, *(_edge(before, uid, affected) for uid, before in parents.items())]


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


def _edge(before: str, uid: str, affected: Object) -> Object:
    return {"data": {"id": f"{before} > {uid}", "source": before, "target": uid, "tone": _tone(affected.get(uid))}}


def _tone(entry: Object | None) -> str:
    if entry is None:
        return "possible"
    return "recovers" if entry["mode"] == "recovers" else str(entry["band"])


def _wrapped(name: str) -> str:
    """`shop/Deployment/checkout` on two lines: what it is, and its name."""
    kind, _, last = name.rpartition("/")
    return f"{kind}\n{last}" if kind else name
