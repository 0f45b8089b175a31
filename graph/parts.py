"""Relations of a large environment, part by part: namespaces of clusters, all of Terraform, all of Compose.

What follows for one part is the same as `graph.relations.derive` finds from all documents together. No more than the
documents of one part have to be at hand; of the others it is enough what they say to it, which is kept in little room.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias, TypeVar

from graph.environment import EnvironmentGraph
from graph.kinds.compose import relations as compose
from graph.kinds.kubernetes import relations as kubernetes
from graph.kinds.kubernetes.outline import Outline, outline, unpacked
from graph.kinds.terraform import relations as terraform
from graph.kinds.terraform.lookup import Lookup
from graph.relation import Relation
from graph.relations import Identity, cloud_aliases, pod_identities, roles_of_pods
from graph.resource import Facet, kubernetes_uid, place_of
from graph.version import Document

T = TypeVar("T")

CLOUD: Final = "tf://"
"""The part of everything that Terraform describes: patterns in permissions reach over all stacks."""
PROJECTS: Final = "compose://"
"""The part of all Compose projects."""
_CLUSTER: Final = "k8s://"
_NOWHERE: Final = "/-"
"""End of the part of what stands in no namespace of a cluster."""
_FIRST: Final = (Facet.ACTUAL, Facet.APPLIED, Facet.INTENDED)
"""Which facet of a resource another source goes by."""

Sayer: TypeAlias = tuple[str, Facet]
"""A source and its facet: each sees what itself says, and of the rest what others say."""


class Stated(NamedTuple):
    """A document and who says it."""

    source: str
    facet: Facet
    document: Document

    @property
    def sayer(self) -> Sayer:
        return self.source, self.facet


class _Cloud(NamedTuple):
    """What Terraform says to clusters."""

    aliases: Mapping[str, str]
    identities: tuple[Identity, ...]


class _Reach(NamedTuple):
    """What a change of one namespace bears on."""

    otherwise: frozenset[str]
    """Parts that may have to be understood otherwise themselves."""
    stale: set[str]
    """Parts whose relations may have changed."""


_NO_CLOUD: Final = _Cloud({}, ())


def part_of(uid: str) -> str:
    """Return the part that a resource belongs to; an empty text for one that states no relations.

    >>> part_of("k8s://demo/apps/Deployment/shop/web"), part_of("k8s://demo/core/Namespace/-/shop")
    ('k8s://demo/shop', 'k8s://demo/shop')
    """
    if uid.startswith(_CLUSTER):
        cluster, _, rest = uid.removeprefix(_CLUSTER).partition("/")
        space = rest.removeprefix("core/Namespace/-/")
        return f"{_CLUSTER}{cluster}/{space}" if space != rest else place_of(uid)
    return next((part for part in (CLOUD, PROJECTS) if uid.startswith(part)), "")


def members(graph: EnvironmentGraph, part: str) -> list[str]:
    """Return the uids of what belongs to a part."""
    if part in (CLOUD, PROJECTS):
        return [resource.uid for resource in graph if resource.uid.startswith(part)]
    cluster, namespace = _names(part)
    place = kubernetes_uid(cluster=cluster, group="", kind="", namespace=namespace or None, name="")
    space = kubernetes_uid(cluster=cluster, group="", kind="Namespace", namespace=None, name=namespace)
    found = [resource.uid for resource in graph.beside(place) if part_of(resource.uid) == part]
    return [*found, space] if namespace and space in graph else found


def as_seen(stated: Iterable[Stated], sayer: Sayer | None) -> list[Document]:
    """Return the documents that one source goes by, its own first: one for each resource."""
    ranked = sorted(stated, key=lambda s: (s.sayer != sayer, _FIRST.index(s.facet), s.source))
    found: dict[str, Document] = {}
    for one in ranked:
        found.setdefault(one.document.resource.uid, one.document)
    return list(found.values())


def sayers_of(stated: Iterable[Stated]) -> list[Sayer]:
    """Return who says something, the one first by whom others go."""
    return sorted({one.sayer for one in stated}, key=lambda s: (_FIRST.index(s[1]), s[0]))


@dataclass(slots=True)
class Parts:
    """What is known of the parts of one environment. It changes with each part that is learned."""

    _outlines: dict[str, dict[Sayer | None, Outline]] = field(default_factory=dict)
    """By part and who sees it; None: those who have nothing in it."""
    _clouds: dict[Sayer | None, _Cloud] = field(default_factory=dict)

    def learn(self, touched: Collection[str], load: Callable[[str], Sequence[Stated]]) -> set[str]:
        """Take in what some parts hold now.

        Args:
            touched: parts that hold something else than before.
            load: returns all that a part holds; asked for one after the other.

        Returns:
            The parts whose relations may have changed with that: the touched ones, and others that were learned before.
        """
        found: set[str] = set()
        # What stands in no namespace comes first: owner chains of all others may lead there.
        due = sorted(touched, key=lambda part: (not part.endswith(_NOWHERE), part))
        for part in due:
            found.add(part)
            if part == CLOUD:
                found |= self._learn_cloud(load(part))
            elif part.startswith(_CLUSTER):
                reach = self._learn_namespace(part, load(part))
                due += sorted(reach.otherwise.difference(due))
                found |= reach.stale
        return found

    def relations(self, part: str, stated: Sequence[Stated]) -> dict[Sayer, dict[str, list[Relation]]]:
        """Return what all documents of a part state, by who says it and by uid; resources without any are in it, too.

        Args:
            part: its name; all parts have been learned.
            stated: all that it holds.
        """
        found: dict[Sayer, dict[str, list[Relation]]] = {}
        for sayer in sayers_of(stated):
            own: dict[str, list[Relation]] = {s.document.resource.uid: [] for s in stated if s.sayer == sayer}
            for relation in dict.fromkeys(self._derived(part, sayer, as_seen(stated, sayer))):
                if relation.source in own:
                    own[relation.source].append(relation)
            found[sayer] = own
        return found

    def _derived(self, part: str, sayer: Sayer, documents: Sequence[Document]) -> Iterator[Relation]:
        if part == CLOUD:
            yield from terraform.derive(documents)
        elif part == PROJECTS:
            yield from compose.derive(documents)
        elif part:
            cloud = _of(self._clouds, sayer, _NO_CLOUD)
            yield from kubernetes.derive([*documents, *self._around(part, sayer)], aliases=cloud.aliases)
            yield from roles_of_pods(cloud.identities, self._clusters())

    def _learn_namespace(self, part: str, stated: Sequence[Stated]) -> _Reach:
        cluster, namespace = _names(part)
        sayers = sayers_of(stated)
        after: dict[Sayer | None, Outline] = {
            s: outline(as_seen(stated, s), namespace, owners=self._owners(cluster, s)) for s in sayers
        }
        if sayers:
            after[None] = after[sayers[0]]
        clusters, before = self._clusters(), self._outlines.pop(part, {})
        if after:
            self._outlines[part] = after
        others = [p for p in self._outlines if p != part and _names(p)[0] == cluster]
        stale: set[str] = set()
        if _differ(before, after, "services"):
            stale |= {p for p in others if any(namespace in o.named for o in self._outlines[p].values())}
        if _differ(before, after, "workloads") or _differ(before, after, "labels"):
            labels = [o.labels for o in (*before.values(), *after.values())]
            stale |= {p for p in others if any(o.admits(one) for o in self._outlines[p].values() for one in labels)}
        if self._clusters() != clusters and any(cloud.identities for cloud in self._clouds.values()):
            stale |= {*self._outlines}
        return _Reach(frozenset(others) if _differ(before, after, "owners") else frozenset(), stale)

    def _learn_cloud(self, stated: Sequence[Stated]) -> set[str]:
        before, self._clouds = self._clouds, {}
        for sayer in (*sayers_of(stated), None) if stated else ():
            lookup = Lookup(as_seen(stated, sayer))
            self._clouds[sayer] = _Cloud(cloud_aliases(lookup), tuple(pod_identities(lookup)))
        return set() if self._clouds == before else {*self._outlines}

    def _around(self, part: str, sayer: Sayer) -> Iterator[Document]:
        """Yield what other namespaces of the cluster say to this one."""
        cluster, namespace = _names(part)
        own = self._outlines[part].values()
        named = frozenset[str]().union(*(o.named for o in own))
        yield from self._owners(cluster, sayer) if namespace else ()
        for other, seen in self._outlines.items():
            if other == part or _names(other)[0] != cluster:
                continue
            there = _of(seen, sayer, seen[None])
            if _names(other)[1] in named:
                yield from unpacked(there.services)
            if any(o.admits(there.labels) for o in own):
                yield from unpacked(there.workloads)

    def _owners(self, cluster: str, sayer: Sayer) -> Iterator[Document]:
        """Yield what stands in no namespace and may own something in one."""
        nowhere = self._outlines.get(_CLUSTER + cluster + _NOWHERE)
        if nowhere:
            yield from unpacked(_of(nowhere, sayer, nowhere[None]).owners)

    def _clusters(self) -> frozenset[str]:
        return frozenset(_names(part)[0] for part in self._outlines)


def _names(part: str) -> tuple[str, str]:
    """Return cluster and namespace of a part; an empty namespace for what stands in none."""
    cluster, _, namespace = part.removeprefix(_CLUSTER).partition("/")
    return cluster, "" if namespace == "-" else namespace


def _of(seen: Mapping[Sayer | None, T], sayer: Sayer, none: T) -> T:
    return seen[sayer] if sayer in seen else seen.get(None, none)


def _differ(one: Mapping[Sayer | None, Outline], other: Mapping[Sayer | None, Outline], name: str) -> bool:
    return {s: getattr(o, name) for s, o in one.items()} != {s: getattr(o, name) for s, o in other.items()}
