"""An index of the names in an environment, which finds a name also where people write it a little differently."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from graph.environment import EnvironmentGraph
from graph.resource import Facet, Platform, Resource
from graph.workloads import WORKLOADS

# fmt: off
_WEAK_WORDS = frozenset({
    "service", "svc", "api", "server", "app", "application", "prod", "production", "staging", "stage", "dev",
    "deployment",
})
# fmt: on
"""Words that people add to a name or leave out."""
WORD = re.compile(r"[a-z0-9]+")


class Names:
    """Index of the names in a graph, restricted to one namespace where the alert states one."""

    def __init__(self, graph: EnvironmentGraph, namespace: str | None) -> None:
        self.exact: dict[str, list[Resource]] = {}
        self.core: dict[str, list[Resource]] = {}
        for resource in graph:
            if namespace and resource.namespace not in (None, namespace):
                continue
            for name in _names_of(graph, resource):
                self.exact.setdefault(joined(name), []).append(resource)
                self.core.setdefault(_core(name), []).append(resource)

    def find(self, text: str) -> Iterator[tuple[Resource, float]]:
        """Yield resources with this name: factor 1.0 for the whole name, less when suffixes had to be left aside."""
        whole = self.exact.get(joined(text), [])
        yield from ((r, 1.0) for r in whole)
        if not whole and (core := _core(text)):
            yield from ((r, 0.72) for r in self.core.get(core, []))


def _names_of(graph: EnvironmentGraph, resource: Resource) -> Iterator[str]:
    yield resource.name
    if resource.platform is Platform.TERRAFORM:
        body = graph.body(resource.uid, Facet.ACTUAL) or graph.body(resource.uid, Facet.INTENDED) or {}
        values = body.get("values") or {}
        for key in ("name", "identifier", "bucket", "function_name", "cluster_name", "id"):
            if isinstance(values.get(key), str):
                yield values[key]
        tags = values.get("tags") or {}
        if isinstance(tags, Mapping) and isinstance(tags.get("Name"), str):
            yield tags["Name"]
    elif resource.kind in WORKLOADS:
        body = graph.body(resource.uid, Facet.ACTUAL) or graph.body(resource.uid, Facet.INTENDED) or {}
        labels = (body.get("metadata") or {}).get("labels") or {}
        for key in ("app", "app.kubernetes.io/name", "k8s-app"):
            if isinstance(labels, Mapping) and isinstance(labels.get(key), str):
                yield labels[key]


def joined(name: str) -> str:
    """All words of a name without what stands between them: `Checkout API` and `checkout-api` are the same."""
    return "".join(_words(name))


def _core(name: str) -> str:
    """A name without words such as "service": `checkoutservice`, `Checkout API` and `checkout` are the same.

    >>> _core("checkoutservice"), _core("Checkout API"), _core("svc")
    ('checkout', 'checkout', '')
    """
    rest = [w for w in _words(name) if w not in _WEAK_WORDS]
    if len(rest) == 1:
        for suffix in ("service", "svc"):
            stem = rest[0].removesuffix(suffix)
            if len(stem) >= 3:
                return stem
    return "".join(rest)


def _words(name: str) -> list[str]:
    return WORD.findall(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower())
