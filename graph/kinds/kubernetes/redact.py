"""Replace what a Secret holds by salted hashes, before anything else sees the object. Fails closed.

A hash is `hmac-sha256:` and the first 32 hex digits of HMAC-SHA-256 over the bytes of the value. Equal values give
equal hashes within one salt, so comparison needs no value. Names of keys stay.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re

from graph.document import Json, Object, canonical

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""Annotation in which `kubectl apply` keeps what it sent last."""

_HASHED = re.compile(r"hmac-sha256:[0-9a-f]{32}")
_OPEN_FIELDS = frozenset({"apiVersion", "kind", "metadata", "type", "immutable", "data", "stringData"})
_SHORTEST_SECRET = 8
"""Shorter values occur in other text by chance; hiding those would show as differences that do not exist."""


def is_secret(body: Object) -> bool:
    """Whether the object is a Secret, whatever its apiVersion claims."""
    return body.get("kind") == "Secret"


def redact_secret(body: Object, salt: bytes) -> Object:
    """Return a copy of a Secret in which no value is left; applying it twice changes nothing more.

    Args:
        body: the object as read, JSON types only.
        salt: key of the HMAC; the same for all facets of an environment.
    """
    values = _values(body)
    result: Object = {}
    for key, value in body.items():
        if key == "data":
            result[key] = _hash_map(value, salt, encoded=True)
        elif key == "stringData":
            result[key] = _hash_map(value, salt, encoded=False)
        elif key == "metadata":
            result[key] = _metadata(value, values, salt)
        elif key in _OPEN_FIELDS and not isinstance(value, dict | list):
            result[key] = value
        else:
            result[key] = _hash_leaves(value, salt)
    return result


def redact_nested(value: Json, salt: bytes) -> Json:
    """Redact Secrets that another object carries inside, as templates and bundles of manifests do."""
    if isinstance(value, list):
        return [redact_nested(item, salt) for item in value]
    if not isinstance(value, dict):
        return value
    if is_secret(value) and {"data", "stringData"} & value.keys():
        return redact_secret(value, salt)
    return {key: redact_nested(item, salt) for key, item in value.items()}


def hashed(value: bytes, salt: bytes) -> str:
    """Return the text that stands for a secret value."""
    return "hmac-sha256:" + hmac.new(salt, value, hashlib.sha256).hexdigest()[:32]


def _values(body: Object) -> list[str]:
    """Return the values of the Secret in both spellings, for finding copies of them in annotations."""
    found: list[str] = []
    for field, encoded in (("data", True), ("stringData", False)):
        mapping = body.get(field)
        if not isinstance(mapping, dict):
            continue
        for value in mapping.values():
            if isinstance(value, str) and not _HASHED.fullmatch(value):
                raw = _decode(value) if encoded else value.encode("utf-8", "surrogatepass")
                found += [value, raw.decode("utf-8", "replace"), base64.b64encode(raw).decode("ascii")]
    return [v for v in {f.strip() for f in found} if len(v) >= _SHORTEST_SECRET]


def _hash_map(value: Json, salt: bytes, *, encoded: bool) -> Json:
    if value is None:
        return None
    if not isinstance(value, dict):
        return _hash_leaves(value, salt)
    return {key: _hash_value(item, salt, encoded=encoded) for key, item in value.items()}


def _hash_value(value: Json, salt: bytes, *, encoded: bool) -> str:
    if value is None:
        return hashed(b"", salt)
    if not isinstance(value, str):
        return hashed(canonical(value).encode("utf-8", "surrogatepass"), salt)
    if _HASHED.fullmatch(value):
        return value
    return hashed(_decode(value) if encoded else value.encode("utf-8", "surrogatepass"), salt)


def _decode(value: str) -> bytes:
    """Decode base64, or give the text itself where it is none: a masked or broken value is hashed as it stands."""
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return value.encode("utf-8", "surrogatepass")


def _hash_leaves(value: Json, salt: bytes) -> Json:
    if isinstance(value, dict):
        return {key: _hash_leaves(item, salt) for key, item in value.items()}
    if isinstance(value, list):
        return [_hash_leaves(item, salt) for item in value]
    return None if value is None else _hash_value(value, salt, encoded=False)


def _metadata(metadata: Json, values: list[str], salt: bytes) -> Json:
    if not isinstance(metadata, dict):
        return _hash_leaves(metadata, salt)
    result = dict(metadata)
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict):
        result["annotations"] = {k: _annotation(k, v, values, salt) for k, v in annotations.items()}
    elif annotations is not None:
        result["annotations"] = _hash_leaves(annotations, salt)
    if isinstance(metadata.get("managedFields"), list):
        result["managedFields"] = [_manager(entry) for entry in metadata["managedFields"]]
    elif "managedFields" in result:
        del result["managedFields"]
    return result


def _annotation(key: str, value: Json, values: list[str], salt: bytes) -> Json:
    if not isinstance(value, str):
        return _hash_leaves(value, salt)
    if _HASHED.fullmatch(value):
        return value
    if key == LAST_APPLIED or value.lstrip().startswith(("{", "[")):
        return _embedded(value, salt)
    if any(secret in value for secret in values):
        return hashed(value.encode("utf-8", "surrogatepass"), salt)
    return value


def _embedded(text: str, salt: bytes) -> str:
    """Redact an object that an annotation carries as JSON; what can't be read is hashed as a whole."""
    try:
        inner = json.loads(text)
        if isinstance(inner, dict) and ({"data", "stringData"} & inner.keys() or is_secret(inner)):
            return canonical(redact_secret(inner, salt))
    except (ValueError, RecursionError):
        pass
    return hashed(text.encode("utf-8", "surrogatepass"), salt)


def _manager(entry: Json) -> Json:
    """Keep the structure of field ownership only: members named by value (`v:`) and scalars are dropped."""
    if not isinstance(entry, dict):
        return {}
    kept: Object = {k: v for k, v in entry.items() if isinstance(v, str)}
    if isinstance(entry.get("fieldsV1"), dict):
        kept["fieldsV1"] = _fields(entry["fieldsV1"])
    return kept


def _fields(node: Object) -> Object:
    return {k: _fields(v) for k, v in node.items() if isinstance(v, dict) and not k.startswith("v:")}
