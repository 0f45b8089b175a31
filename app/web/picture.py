"""Positions for the picture of a blast radius: columns by distance, rows so that paths cross little."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from graph.document import Object

_COLUMN_PX = 245
_ROW_PX = 62


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
    nodes = [_node(uid, depth[uid], rows[uid], seeds, affected, name_of) for uid in depth]
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


def _node(
    uid: str, depth: int, row: float, seeds: Object, affected: Object, name_of: Callable[[str], str]
) -> Object:
    entry = affected.get(uid)
    tone = "seed" if uid in seeds else _tone(entry)
    reason = seeds[uid]["reason"] if uid in seeds else entry["reason"] if entry else ""
    return {
        "data": {"id": uid, "label": _wrapped(name_of(uid)), "tone": tone, "reason": f"{name_of(uid)}: {reason}"},
        "position": {"x": depth * _COLUMN_PX, "y": row * _ROW_PX},
    }


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


def tones(radius: Object) -> Sequence[Any]:
    """Tones that appear, in the order of the legend."""
    present = {_tone(a) for a in radius["affected"]}
    return [t for t in ("seed", "certain", "likely", "possible", "recovers") if t == "seed" or t in present]
