"""Other spellings of the same object: maps and keyed lists in another order, quantities and numbers written anew.

Knows by itself which lists have keys and which texts are quantities, so that it checks what the product knows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from evals.drift.server import TEMPLATES

Object = dict[str, Any]

_KEYED = frozenset(
    {"containers", "initContainers", "env", "volumes", "volumeMounts", "imagePullSecrets", "hostAliases", "ports"}
)
_SETS = frozenset({"verbs", "apiGroups", "resources", "subjects", "finalizers", "policyTypes", "accessModes", "add"})
"""Lists of which any order means the same; `ports` and `subjects` only where the object is a known one."""
_AMOUNTS = frozenset({"limits", "requests", "hard", "default", "defaultRequest", "max", "min"})
_SUFFIXES: dict[str, int | Fraction] = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "m": Fraction(1, 1000),
}
_CORE = ("", "apps", "batch", "networking.k8s.io", "rbac.authorization.k8s.io", "policy", "autoscaling")


def reordered(body: Object, chooser: random.Random) -> Object:
    """Maps, keyed lists and sets in another order."""
    known = _group(body) in _CORE

    def each(value: Any, field: str) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            chooser.shuffle(keys)
            return {k: each(value[k], k) for k in keys}
        if isinstance(value, list):
            items = [each(item, "") for item in value]
            if known and (field in _SETS or (field in _KEYED and _has_keys(items))):
                chooser.shuffle(items)
            return items
        return value

    return {k: each(v, k) if k != "data" else v for k, v in body.items()}


def respelled(body: Object, chooser: random.Random) -> Object:
    """Amounts in another unit, whole numbers as floats, and empty collections where there were none."""
    known = _group(body) in _CORE

    def each(value: Any, field: str, holder: str) -> Any:
        if isinstance(value, dict):
            return {k: each(v, k, field) for k, v in value.items()}
        if isinstance(value, list):
            return [each(item, "", field) for item in value]
        if known and (holder in _AMOUNTS or field in ("storage", "sizeLimit")) and not isinstance(value, bool):
            return _other_unit(value, chooser)
        if known and type(value) is int and field not in ("data", "stringData") and chooser.random() < 0.5:
            return float(value)
        return value

    copied = {k: each(v, k, "") if k not in ("data", "stringData") else v for k, v in body.items()}
    if chooser.random() < 0.3:
        metadata = copied["metadata"]
        for field in ("labels", "annotations"):
            metadata.setdefault(field, {})
    return copied


def qualified(body: Object, chooser: random.Random) -> Object:
    """Images by their full names, as a registry mirror or an admission webhook writes them."""
    steps = TEMPLATES.get(str(body.get("kind")))
    if steps is None:
        return body

    def each(value: Any, field: str) -> Any:
        if isinstance(value, dict):
            return {k: each(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [each(item, "") for item in value]
        if field == "image" and isinstance(value, str) and "." not in value.partition("/")[0] and ":" in value:
            name = value if "/" in value else f"library/{value}"
            return f"docker.io/{name}" if chooser.random() < 0.7 else value
        return value

    spec = each(body["spec"], "spec")
    return {**body, "spec": spec}


SPELLINGS: dict[str, Callable[[Object, random.Random], Object]] = {
    "reordered": reordered,
    "respelled": respelled,
    "images by full name": qualified,
}


def _has_keys(items: list[Any]) -> bool:
    return all(isinstance(i, dict) and ("name" in i or "mountPath" in i or "ip" in i) for i in items)


def _group(body: Object) -> str:
    return str(body.get("apiVersion", "")).rpartition("/")[0]


def _other_unit(value: Any, chooser: random.Random) -> Any:
    text = str(value)
    suffix = next((s for s in sorted(_SUFFIXES, key=len, reverse=True) if s and text.endswith(s)), "")
    try:
        amount = Fraction(text.removesuffix(suffix)) * _SUFFIXES[suffix]
    except ValueError:
        return value
    spellings = []
    for unit, size in _SUFFIXES.items():
        count = amount / size
        if count.denominator == 1 and abs(count) < 10**15:
            spellings.append(f"{count.numerator}{unit}")
        elif count.denominator in (2, 4, 5, 10, 20) and unit != "m":
            spellings.append(f"{float(count)}{unit}")
    return chooser.choice(spellings or [value])
