"""Which fields other objects of the environment may set: autoscalers within their range, and limit ranges (N21)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from graph.document import ABSENT, Absent, Json, Object, tokens
from graph.kinds.kubernetes.difference import Difference
from graph.kinds.kubernetes.quantity import quantity
from graph.kinds.kubernetes.scope import identity_group, split_api_version
from graph.kinds.kubernetes.stored import limit_range
from graph.kinds.lenient import entries, mapping
from graph.resource import Resource
from graph.version import Document

_AUTOSCALERS = {
    "HorizontalPodAutoscaler": ("minReplicas", "maxReplicas", 1, None),
    "ScaledObject": ("minReplicaCount", "maxReplicaCount", 0, 100),
}
"""Fields and defaults of the range, by kind. KEDA documents 0 and 100 for a ScaledObject."""


class Target(NamedTuple):
    """What an autoscaler acts on."""

    namespace: str | None
    group: str
    kind: str
    name: str


class Scaling:
    """Ranges of replicas by target, targets whose resources a vertical autoscaler sets, and sizes by namespace."""

    def __init__(self, documents: Iterable[Document]) -> None:
        """Index the autoscalers among the documents."""
        self._ranges: dict[Target, tuple[int, int]] = {}
        self._sized: set[Target] = set()
        self._sizes: dict[str | None, Object] = {}
        for document in documents:
            kind, spec = document.resource.kind, document.body.get("spec")
            if not isinstance(spec, dict):
                continue
            if kind in _AUTOSCALERS:
                self._add_range(document.resource, spec)
            elif kind == "LimitRange":
                self._add_sizes(document)
            elif kind == "VerticalPodAutoscaler" and _mode(spec) != "Off":
                target = _target(document.resource, spec.get("targetRef"))
                if target:
                    self._sized.add(target)

    def allows(self, resource: Resource, difference: Difference) -> bool:
        """Whether an autoscaler of this resource, or a limit range near it, may have written the second value."""
        target = Target(resource.namespace, resource.group, resource.kind, resource.name)
        place = difference.place
        if place.x == "/spec/replicas":
            found = self._ranges.get(target)
            value = difference.y
            return found is not None and isinstance(value, int) and found[0] <= value <= found[1]
        if resource.kind == "Pod" and "/resources" in place.y:
            return self._is_given(resource.namespace, tokens(place.y.rpartition("/resources")[2]), difference.y)
        return target in self._sized and "/resources" in place.x and difference.y is not ABSENT

    def _is_given(self, namespace: str | None, parts: tuple[str, ...], value: Json | Absent) -> bool:
        """Whether a limit range gives each amount in this part of a container's `resources`."""
        given: Json = self._sizes.get(namespace, {})
        for part in parts:
            given = given.get(part) if isinstance(given, dict) else None
        if isinstance(value, dict):
            return all(self._is_given(namespace, (*parts, key), inner) for key, inner in value.items())
        if value is ABSENT or isinstance(value, list) or isinstance(given, list):
            return False
        return quantity(value) is not None and quantity(value) == quantity(given)

    def _add_sizes(self, document: Document) -> None:
        for _, item in entries(mapping(limit_range(document.body), "spec"), "limits"):
            if item.get("type") == "Container":
                sizes = {"limits": mapping(item, "default"), "requests": mapping(item, "defaultRequest")}
                self._sizes[document.resource.namespace] = sizes

    def _add_range(self, resource: Resource, spec: Object) -> None:
        low, high, low_default, high_default = _AUTOSCALERS[resource.kind]
        target = _target(resource, spec.get("scaleTargetRef"))
        minimum, maximum = spec.get(low, low_default), spec.get(high, high_default)
        if target and isinstance(minimum, int) and isinstance(maximum, int):
            self._ranges[target] = (minimum, maximum)


def _target(resource: Resource, reference: Json) -> Target | None:
    if not isinstance(reference, dict) or not isinstance(reference.get("name"), str):
        return None
    kind = str(reference.get("kind") or "Deployment")
    group, _ = split_api_version(str(reference.get("apiVersion") or "apps/v1"))
    return Target(resource.namespace, identity_group(group, kind), kind, reference["name"])


def _mode(spec: Object) -> str:
    policy = spec.get("updatePolicy")
    return str(policy.get("updateMode", "Auto")) if isinstance(policy, dict) else "Auto"
