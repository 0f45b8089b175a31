"""JSON texts inside attributes (policies, definitions): pointers that go on into them, and changes inside them.

`/values/policy/Statement/1` names the second statement of the policy that the attribute `policy` holds as text.
"""

from __future__ import annotations

import json

from graph.document import Absent, Json, get, pointer, put, tokens
from graph.errors import Invalid


def parsed(value: Json) -> Json:
    """Return the object or list that a JSON text holds, and any other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def split(body: Json, path: str) -> tuple[str, str]:
    """Split a pointer into the part that stays in the document and the part inside a JSON text (or empty)."""
    parts = tokens(path)
    for end in range(len(parts)):
        held = get(body, pointer(*parts[:end]))
        if isinstance(held, str) and parsed(held) is not held:
            return pointer(*parts[:end]), pointer(*parts[end:])
    return path, ""


def get_through(body: Json, path: str) -> Json | Absent:
    """Return what a pointer names, going on into JSON texts, or ABSENT."""
    outer, inner = split(body, path)
    return get(parsed(get(body, outer)), inner) if inner else get(body, outer)


def put_through(body: Json, path: str, value: Json | Absent) -> Json:
    """Return a copy of `body` with `value` at a pointer that may go on into a JSON text; ABSENT removes.

    The text is written anew, without spaces and in the order of its members.

    Raises:
        Invalid: the way leads through a scalar or past the end of a list.
    """
    outer, inner = split(body, path)
    try:
        if not inner:
            return put(body, outer, value)
        changed = put(parsed(get(body, outer)), inner, value)
    except (KeyError, ValueError) as error:
        raise Invalid(f"no place {path!r} in the document") from error
    return put(body, outer, json.dumps(changed, separators=(",", ":"), ensure_ascii=False))
