"""Types of Kubernetes fields: which lists have keys, which scalars are quantities. Reads the API's published schema.

The schema comes from the package `kubernetes-validate` (the API description of each Kubernetes minor with list types,
without defaults). It is read once, from the installed package's data file; the package's code is not imported,
because it brings a JSON Schema engine that is not needed here.
"""

from __future__ import annotations

import importlib.util
import json
from enum import Enum
from functools import cache, cached_property
from pathlib import Path

from graph.document import Object

LATEST_MINOR = 37
OLDEST_MINOR = 25

_QUANTITY = "Quantity"
_INT_OR_STRING = "IntOrString"

_SAME_SHAPE = {
    ("apps", "v1beta1"): "v1",
    ("apps", "v1beta2"): "v1",
    ("autoscaling", "v2beta2"): "v2",
    ("batch", "v1beta1"): "v1",
    ("policy", "v1beta1"): "v1",
    ("rbac.authorization.k8s.io", "v1beta1"): "v1",
    ("rbac.authorization.k8s.io", "v1alpha1"): "v1",
    ("admissionregistration.k8s.io", "v1beta1"): "v1",
    ("storage.k8s.io", "v1beta1"): "v1",
    ("scheduling.k8s.io", "v1beta1"): "v1",
    ("networking.k8s.io", "v1beta1"): "v1",
    ("coordination.k8s.io", "v1beta1"): "v1",
    ("discovery.k8s.io", "v1beta1"): "v1",
    ("flowcontrol.apiserver.k8s.io", "v1beta3"): "v1",
}
"""Retired versions whose fields have the types of a current one (after the conversions of `convert`)."""


class Shape(Enum):
    """How two values of a type are compared."""

    STRUCT = "struct"
    MAP = "map"
    LIST_MAP = "list_map"
    SET = "set"
    ATOMIC = "atomic"
    QUANTITY = "quantity"
    INT_OR_STRING = "int_or_string"
    TIME = "time"
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    UNKNOWN = "unknown"
    """No schema: compared structurally."""


class Type:
    """Type of one place in an object."""

    def __init__(self, raw: Object, definitions: Object, name: str = "") -> None:
        """Wrap a schema node.

        Args:
            raw: the JSON Schema node, without `$ref`.
            definitions: all named types, for references.
            name: short name of a named type, such as `Container`; empty for anonymous ones.
        """
        self.name = name
        self.raw = raw
        self._definitions = definitions
        self._fields: dict[str, Type] = {}

    @cached_property
    def shape(self) -> Shape:
        """How values of this type are compared."""
        if self.name == _QUANTITY:
            return Shape.QUANTITY
        if self.name == _INT_OR_STRING or self.raw.get("x-kubernetes-int-or-string"):
            return Shape.INT_OR_STRING
        if self.name in ("Time", "MicroTime"):
            return Shape.TIME
        if self._properties:
            return Shape.STRUCT
        declared = self.raw.get("type")
        names = {n for n in (declared if isinstance(declared, list) else [declared]) if isinstance(n, str)}
        if "array" in names:
            return self._list_shape()
        if "object" in names and isinstance(self.raw.get("additionalProperties"), dict):
            return Shape.MAP
        if "string" in names:
            return Shape.STRING
        if names & {"integer", "number"}:
            return Shape.NUMBER
        return Shape.BOOLEAN if "boolean" in names else Shape.UNKNOWN

    @cached_property
    def _properties(self) -> Object:
        # The schema of a custom resource comes from a stranger's file, so nothing in it is certain.
        declared = self.raw.get("properties")
        return declared if isinstance(declared, dict) else {}

    def _list_shape(self) -> Shape:
        declared = self.raw.get("x-kubernetes-list-type")
        if declared == "map" and self.keys:
            return Shape.LIST_MAP
        return Shape.SET if declared == "set" else Shape.ATOMIC

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Fields that identify an entry of a list-map."""
        declared = self.raw.get("x-kubernetes-list-map-keys")
        return tuple(k for k in declared if isinstance(k, str)) if isinstance(declared, list) else ()

    @cached_property
    def item(self) -> Type:
        """Type of the entries of a list, or of the values of a map."""
        inner = self.raw.get("items") or self.raw.get("additionalProperties")
        return self._resolve(inner) if isinstance(inner, dict) else UNKNOWN

    def field(self, name: str) -> Type:
        """Return the type of a field; UNKNOWN where the schema has none."""
        found = self._fields.get(name)
        if found is None:
            inner = self._properties.get(name)
            found = self._fields[name] = self._resolve(inner) if isinstance(inner, dict) else UNKNOWN
        return found

    def _resolve(self, raw: Object) -> Type:
        reference = raw.get("$ref")
        if not isinstance(reference, str):
            return Type(raw, self._definitions)
        return _named(reference.rpartition("/")[2], self._definitions)


UNKNOWN = Type({}, {})


def type_of(group: str, version: str, kind: str) -> Type:
    """Return the type of a built-in kind; UNKNOWN for anything the platform does not define."""
    if "." in group and not group.endswith(".k8s.io"):
        return UNKNOWN
    version = _SAME_SHAPE.get((group, version), version)
    for minor in (LATEST_MINOR, OLDEST_MINOR):
        index = _index(minor)
        name = index.get((group, version, kind))
        if name is not None:
            return _named(name, _definitions(minor))
    return UNKNOWN


def metadata_type() -> Type:
    """Return the type of `metadata`, which custom resources share."""
    return _named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", _definitions(LATEST_MINOR))


def resources_type() -> Type:
    """Return the type of a container's `resources`, which custom resources embed under the same name."""
    return _named("io.k8s.api.core.v1.ResourceRequirements", _definitions(LATEST_MINOR))


_cache: dict[tuple[int, str], Type] = {}


def _named(name: str, definitions: Object) -> Type:
    key = (id(definitions), name)
    found = _cache.get(key)
    if found is None:
        raw = definitions.get(name)
        found = Type(raw, definitions, name.rpartition(".")[2]) if isinstance(raw, dict) else UNKNOWN
        _cache[key] = found
    return found


@cache
def _definitions(minor: int) -> Object:
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        return {}
    folder = Path(spec.origin).parent / "kubernetes-json-schema" / f"v1.{minor}.0-local"
    path = folder / "_definitions.json"
    if not path.is_file():
        return {}
    definitions: Object = json.loads(path.read_bytes())["$defs"]
    return definitions


@cache
def _index(minor: int) -> dict[tuple[str, str, str], str]:
    found: dict[tuple[str, str, str], str] = {}
    for name, definition in _definitions(minor).items():
        for gvk in definition.get("x-kubernetes-group-version-kind", ()):
            found.setdefault((gvk["group"], gvk["version"], gvk["kind"]), name)
    return found
