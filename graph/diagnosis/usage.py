"""Whether the place that changed is one that the depending resource uses: the key it reads, the field it needs."""

from __future__ import annotations

from graph.diagnosis.context import Context
from graph.document import tokens
from graph.relation import RelationType

_KEYED = frozenset({"ConfigMap", "Secret"})
_BY_KEY = (RelationType.READS, RelationType.MOUNTS)


def is_used(context: Context, uid: str, path: str) -> bool:
    """Whether a difference at `path` of a resource can matter to whoever leads to it on the path from the subject."""
    way = context.reach[uid]
    resource = context.resource(uid)
    if resource is None or not way.relations or resource.kind not in _KEYED:
        return True
    parts = tokens(path)
    if len(parts) < 2 or parts[0] not in ("data", "stringData", "binaryData"):
        return not parts or parts[0] in ("data", "stringData", "binaryData", "immutable", "type")
    keys = _keys_used(context, uid)
    return "" in keys or parts[1] in keys or not keys


def _keys_used(context: Context, uid: str) -> set[str]:
    """Keys that any workload on the way reads; an empty key stands for all of them."""
    users = context.graph.incoming(uid)
    return {r.detail for r in users if r.type in _BY_KEY and r.source in context.reach}
