"""Types of Kubernetes fields: which lists have keys, which scalars are quantities. Reads the API's published schema.

The schema comes from the package `kubernetes-validate` (the API description of each Kubernetes minor with list types,
without defaults). It is read once, from the installed package's data file; the package's code is not imported,
because it brings a JSON Schema engine that is not needed here. A server that is newer tells itself what it has more
(`told_types`).
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from enum import Enum
from functools import cache, cached_property
from pathlib import Path

from graph.document import ABSENT, Absent, Json, Object

LATEST_MINOR = 37
OLDEST_MINOR = 25

SCHEMA_KIND = "OpenAPI"
"""Kind of the document that holds what a server tells of its own types, where it is newer than `LATEST_MINOR`."""

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


class Definitions:
    """All named types of one source, each made once."""

    def __init__(self, raw: Object, told: Object | None = None) -> None:
        """Hold the JSON Schema nodes by full name; those in `told` come from a server and go first."""
        self.raw = raw
        self.told: Object = told or {}
        self._types: dict[str, Type] = {}

    def named(self, name: str) -> Type:
        """Return a type by its full name; UNKNOWN when there is none."""
        found = self._types.get(name)
        if found is None:
            raw = self.told.get(name, self.raw.get(name))
            known = self.raw.get(name)
            news = _properties(raw).keys() - _properties(known).keys() if name in self.told else ()
            found = UNKNOWN
            if isinstance(raw, dict):
                found = Type(raw, self, name.rpartition(".")[2], frozenset(news))
            self._types[name] = found
        return found


class Type:
    """Type of one place in an object."""

    def __init__(
        self, raw: Object, definitions: Definitions, name: str = "", news: frozenset[str] = frozenset()
    ) -> None:
        """Wrap a schema node.

        Args:
            raw: the JSON Schema node, without `$ref`.
            definitions: all named types, for references.
            name: short name of a named type, such as `Container`; empty for anonymous ones.
            news: its fields of which only the server tells: it may have defaults for them that it does not tell.
        """
        self.name = name
        self.raw = raw
        self.definitions = definitions
        self.news = news
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
        return _properties(self.raw)

    def told_default(self, name: str) -> Json | Absent:
        """Return what the schema states as the default of a field."""
        inner = self._properties.get(name)
        return inner.get("default", ABSENT) if isinstance(inner, dict) else ABSENT

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
        alternatives = raw.get("allOf")
        only = alternatives[0] if isinstance(alternatives, list) and len(alternatives) == 1 else raw
        reference = only.get("$ref") if isinstance(only, dict) else None
        if not isinstance(reference, str):
            return Type(raw, self.definitions)
        return self.definitions.named(reference.rpartition("/")[2])


def _properties(raw: Json) -> Object:
    # The schema of a custom resource comes from a stranger's file, so nothing in it is certain.
    declared = raw.get("properties") if isinstance(raw, dict) else None
    return declared if isinstance(declared, dict) else {}


UNKNOWN = Type({}, Definitions({}))


def type_of(group: str, version: str, kind: str) -> Type:
    """Return the type of a built-in kind; UNKNOWN for anything the platform does not define."""
    if "." in group and not group.endswith(".k8s.io"):
        return UNKNOWN
    version = current_version(group, version)
    for minor in (LATEST_MINOR, OLDEST_MINOR):
        index = _index(minor)
        name = index.get((group, version, kind))
        if name is not None:
            return _definitions(minor).named(name)
    return UNKNOWN


def current_version(group: str, version: str) -> str:
    """Return the version whose fields have the types of a retired one; any other version as it is."""
    return _SAME_SHAPE.get((group, version), version)


def news_of(told: Object) -> Object:
    """Return, of the named types that a server tells, those that are not known here, or have fields that are not."""
    known = _definitions(LATEST_MINOR).raw
    return {name: raw for name, raw in told.items() if _properties(raw).keys() - _properties(known.get(name)).keys()}


def told_types(told: Object) -> Iterator[tuple[tuple[str, str, str], Type]]:
    """Yield the types of all built-in kinds, by group, version and kind, with what a server tells beyond what is known.

    Args:
        told: named types as `news_of` returns them.
    """
    definitions = Definitions(_definitions(LATEST_MINOR).raw, told)
    for name, raw in {**definitions.raw, **told}.items():
        kinds = raw.get("x-kubernetes-group-version-kind") if isinstance(raw, dict) else None
        for kind in kinds if isinstance(kinds, list) else ():
            if isinstance(kind, dict):
                key = (str(kind.get("group")), str(kind.get("version")), str(kind.get("kind")))
                yield key, definitions.named(name)


def metadata_type() -> Type:
    """Return the type of `metadata`, which custom resources share."""
    return _definitions(LATEST_MINOR).named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")


def resources_type() -> Type:
    """Return the type of a container's `resources`, which custom resources embed under the same name."""
    return _definitions(LATEST_MINOR).named("io.k8s.api.core.v1.ResourceRequirements")


@cache
def _definitions(minor: int) -> Definitions:
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        return Definitions({})
    folder = Path(spec.origin).parent / "kubernetes-json-schema" / f"v1.{minor}.0-local"
    path = folder / "_definitions.json"
    if not path.is_file():
        return Definitions({})
    return Definitions(json.loads(path.read_bytes())["$defs"])


@cache
def _index(minor: int) -> dict[tuple[str, str, str], str]:
    found: dict[tuple[str, str, str], str] = {}
    for name, definition in _definitions(minor).raw.items():
        for gvk in definition.get("x-kubernetes-group-version-kind", ()):
            found.setdefault((gvk["group"], gvk["version"], gvk["kind"]), name)
    return found
