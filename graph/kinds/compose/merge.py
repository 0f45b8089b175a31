"""How Compose lays one service over another: with `extends`, and with a second file such as `compose.override.yaml`.

Both are in the long form. Rules: https://github.com/compose-spec/compose-spec/blob/main/13-merge.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from graph.document import Json, Object
from graph.errors import Invalid

_DEEPEST: Final = 20
"""Services that extend one another; more is a mistake or an attack."""
_REPLACED: Final = frozenset({"command", "entrypoint", "test"})
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "ports": ("host_ip", "target", "published", "protocol"),
    "volumes": ("target",),
    "secrets": ("source",),
    "configs": ("source",),
}
"""List to what tells its entries apart: a later entry replaces an earlier one."""


def combine(base: Json, over: Json, field: str = "") -> Json:
    """Return `base` with `over` laid over it.

    >>> combine({"image": "a", "command": ["x"], "dns": ["1"]}, {"command": ["y"], "dns": ["2"]})
    {'image': 'a', 'command': ['y'], 'dns': ['1', '2']}
    """
    if over is None:
        return base
    if isinstance(base, dict) and isinstance(over, dict):
        both = {key: combine(base[key], value, key) for key, value in over.items() if key in base}
        return {**base, **over, **both}
    if isinstance(base, list) and isinstance(over, list) and field not in _REPLACED:
        if field in _KEYS:
            named = {tuple(str(entry.get(key)) for key in _KEYS[field]): entry for entry in (*base, *over)}
            return list(named.values())
        return [*base, *(entry for entry in over if entry not in base)]
    return over


Load = Callable[[str, str], Object]
"""From a file (empty: the same one) and a service in it to that service in its long form.

Raises Invalid where there is none.
"""


def extended(service: Object, file: str, load: Load, depth: int = 0) -> Object:
    """Return a service with all that it extends below it.

    Args:
        service: in the long form; `extends` names another.
        file: where it stands.
        load: gives the service of that name in a file.
        depth: how many services lie above.

    Raises:
        Invalid: what it extends does not exist, or extends it in turn.
    """
    extends = service.get("extends")
    if extends is None:
        return service
    if depth > _DEEPEST:
        raise Invalid(f"services extend one another more than {_DEEPEST} times: a cycle?")
    body = {"service": extends} if isinstance(extends, str) else extends
    name = body.get("service") if isinstance(body, dict) else None
    if not isinstance(name, str):
        raise Invalid("`extends` names no service")
    other = str(body.get("file") or file)
    base = extended(load(other, name), other, load, depth + 1)
    return dict(combine(base, {key: value for key, value in service.items() if key != "extends"}))
