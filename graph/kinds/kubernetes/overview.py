"""What all objects of an environment together say about how each single one is compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from graph.document import Object
from graph.kinds.kubernetes.canonical import CustomTypes, custom_types
from graph.kinds.kubernetes.identity import adopt
from graph.kinds.kubernetes.operators import operators, programs
from graph.kinds.kubernetes.schema import SCHEMA_KIND
from graph.kinds.kubernetes.versions import newest_minor
from graph.resource import Resource
from graph.version import Document

DEFINITIONS = frozenset({"CustomResourceDefinition", SCHEMA_KIND})
"""Kinds that say which fields objects of other kinds have."""
SERVICE = "APIService"
"""Kind of what says which versions of a group a server serves."""


class Overview(NamedTuple):
    """What no look at one object and its namespace can tell."""

    adopted: Mapping[str, str]
    """uids of declared objects to those of the observed ones they mean, where the two differ."""
    custom: CustomTypes
    operators: frozenset[str]
    """Names of programs that run in the cluster."""
    minor: int | None
    """The highest minor version that the server can have; None: any."""
    namespaces: Collection[str]
    """Those in which something is declared."""
    kinds: Collection[tuple[str, str]]
    """Group and kind of what is declared outside of namespaces."""

    def covers(self, resource: Resource) -> bool:
        """Whether something is declared where a resource is, so that it ought to be declared, too."""
        if resource.namespace:
            return resource.namespace in self.namespaces
        return (resource.group, resource.kind) in self.kinds


def overview_of(declared: Mapping[str, Document], live: Mapping[str, Document]) -> Overview:
    """Return the overview of an environment of which all objects are given, by uid."""
    adopted = adopt(declared, live)
    meant = [(live[adopted[uid]] if uid in adopted else d).resource for uid, d in declared.items()]
    definitions = (_definitions(documents) for documents in (live, declared))
    return Overview(
        adopted=adopted,
        custom=custom_types(body for some in definitions for body in some),
        operators=operators(name for d in live.values() for name in programs(d)),
        minor=newest_minor({d.resource.name for d in live.values() if d.resource.kind == SERVICE}),
        namespaces={r.namespace for r in meant if r.namespace},
        kinds={(r.group, r.kind) for r in meant if r.namespace is None},
    )


def _definitions(documents: Mapping[str, Document]) -> list[Object]:
    """In an order of its own: of two clusters that have one type, it must not matter which was read first."""
    return [documents[uid].body for uid in sorted(documents) if documents[uid].resource.kind in DEFINITIONS]
