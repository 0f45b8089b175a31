"""Replace sensitive values of Terraform resources by salted hashes before anything else sees them (rule T04).

Sensitive is what the state or plan marks as such, and every text whose name says so: old states mark nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from graph.document import Json, Object, canonical, pointer
from graph.kinds.kubernetes.redact import hashed

_NAMES_SECRET = re.compile(
    r"(?:^|[_\-.])(?:password|passwd|passphrase|secret|secret_string|secret_binary|secret_key|secret_access_key|"
    r"private_key|private_key_pem|private_key_openssh|token|auth_token|access_token|api_key|apikey|credentials|"
    r"connection_string|kube_config_raw|client_key|ses_smtp_password_v4)$",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"arn:[\w-]+:|hmac-sha256:[0-9a-f]{32}$|\$\{")


def masked(values: Object, sensitive: Iterable[str], salt: bytes) -> Object:
    """Return a copy of a resource's attributes without secrets.

    Args:
        values: attributes.
        sensitive: JSON pointers into `values` of what is marked sensitive, whole subtrees included.
        salt: key of the HMAC; the same for all facets of an environment.
    """
    result = _walk(values, (), frozenset(sensitive), salt)
    return result if isinstance(result, dict) else {}


def is_masked(value: Json) -> bool:
    """Whether a value is a hash that stands for a sensitive one."""
    return isinstance(value, str) and bool(re.fullmatch(r"hmac-sha256:[0-9a-f]{32}", value))


def marked_in_plan(marks: Json, at: tuple[str | int, ...] = ()) -> Iterator[str]:
    """Yield pointers of a `sensitive_values` structure: it mirrors the attributes, with `true` at sensitive ones."""
    if marks is True:
        yield pointer(*at)
    elif isinstance(marks, dict):
        for key, child in marks.items():
            yield from marked_in_plan(child, (*at, key))
    elif isinstance(marks, list):
        for index, child in enumerate(marks):
            yield from marked_in_plan(child, (*at, index))


def marked_in_state(paths: Json) -> Iterator[str]:
    """Yield pointers of the `sensitive_attributes` of a state: lists of steps into the attributes."""
    for path in paths if isinstance(paths, list) else ():
        steps = path if isinstance(path, list) else [path]
        keys: list[str | int] = []
        for step in steps:
            value = step.get("value") if isinstance(step, dict) else step
            inner = value.get("value") if isinstance(value, dict) else value
            keys.append(inner if isinstance(inner, int) else str(inner))
        yield pointer(*keys)


def _walk(value: Json, at: tuple[str | int, ...], sensitive: frozenset[str], salt: bytes) -> Json:
    if sensitive and pointer(*at) in sensitive:
        return _hash(value, salt)
    if isinstance(value, dict):
        named = value.get("name")
        if isinstance(named, str) and isinstance(value.get("value"), str) and _NAMES_SECRET.search(named):
            value = {**value, "value": _secret(value["value"], salt)}
        return {k: _child(k, v, at, sensitive, salt) for k, v in value.items()}
    if isinstance(value, list):
        return [_walk(v, (*at, i), sensitive, salt) for i, v in enumerate(value)]
    if isinstance(value, str) and value[:1] in ("{", "["):
        return _inside_json(value, salt)
    return value


def _child(key: str, value: Json, at: tuple[str | int, ...], sensitive: frozenset[str], salt: bytes) -> Json:
    if isinstance(value, str) and _NAMES_SECRET.search(key):
        return _secret(value, salt)
    return _walk(value, (*at, key), sensitive, salt)


def _inside_json(text: str, salt: bytes) -> str:
    """Mask named secrets in a JSON text such as container definitions; the text stays as it is when there are none."""
    try:
        before = json.loads(text)
        after = _walk(before, (), frozenset(), salt)
    except (ValueError, RecursionError):
        return text
    return text if after == before else json.dumps(after, separators=(",", ":"))


def _secret(value: str, salt: bytes) -> str:
    return value if not value or _NO_SECRET.match(value) else hashed(value.encode("utf-8", "surrogatepass"), salt)


def _hash(value: Json, salt: bytes) -> Json:
    """Hash a marked value as a whole; nothing stays nothing, so that an unset secret is still seen as unset."""
    if value is None or value in ("", [], {}):
        return value
    if isinstance(value, str):
        return value if is_masked(value) else hashed(value.encode("utf-8", "surrogatepass"), salt)
    return hashed(canonical(value).encode("utf-8", "surrogatepass"), salt)
