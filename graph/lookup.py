"""Finding the resource that a person means by a short name."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from graph.environment import EnvironmentGraph
from graph.errors import Conflict, NotFound
from graph.resource import Resource

_MOST_SHOWN = 5

_SHORT_NAMES: Final = {
    "cj": "CronJob",
    "cm": "ConfigMap",
    "crd": "CustomResourceDefinition",
    "deploy": "Deployment",
    "ds": "DaemonSet",
    "ep": "Endpoints",
    "hpa": "HorizontalPodAutoscaler",
    "ing": "Ingress",
    "limits": "LimitRange",
    "netpol": "NetworkPolicy",
    "no": "Node",
    "ns": "Namespace",
    "pdb": "PodDisruptionBudget",
    "po": "Pod",
    "pv": "PersistentVolume",
    "pvc": "PersistentVolumeClaim",
    "quota": "ResourceQuota",
    "rs": "ReplicaSet",
    "sa": "ServiceAccount",
    "sc": "StorageClass",
    "sts": "StatefulSet",
    "svc": "Service",
}
"""As `kubectl api-resources` lists them."""


def find(graph: EnvironmentGraph, name: str, *, gone: bool = False) -> Resource:
    """Return the one resource that `name` names.

    A uid, an alias such as an ARN, and the display name `NAMESPACE/KIND/NAME` name at most one. `KIND/NAME` and a bare
    name do when nothing else has it. Case counts only where it tells two resources apart, and a kind may be written
    as `kubectl` takes it: `deploy/web`, `services/web`, `deployment.apps/web`.

    Args:
        graph: the environment.
        name: what a person wrote.
        gone: also look among resources that are gone, which the history alone knows; those that exist come first.

    Raises:
        NotFound: nothing has this name.
        Conflict: several things do; the message lists them.
    """
    if name in graph:
        return graph.resource(name)
    if (known := graph.by_alias(name)) is not None:
        return known
    present = {r.uid: r for word in (name, name.rpartition("/")[2]) for r in graph.named(word)}
    if (found := _one(list(present.values()), name)) is not None:
        return found
    past = [r for r in graph.remembered() if r.uid not in graph] if gone else []
    if (found := _one(past, name)) is not None:
        return found
    near = [r for r in graph if len(name) > 2 and name.lower() in r.display.lower()] or _alike(graph, name)
    hint = f"; did you mean {_listed(near)}?" if near else "; ask for the state to see every name"
    raise NotFound(f"no resource {name!r} in environment {graph.name!r} at {graph.as_of:%Y-%m-%d %H:%M:%S} UTC{hint}")


def kind_named(word: str) -> str:
    """Return the kind that a word of `kubectl` such as `deploy` stands for; any other word as it is."""
    return _SHORT_NAMES.get(word.lower(), word)


def search(graph: EnvironmentGraph, text: str) -> list[Resource]:
    """Return resources in whose name, uid or alias `text` stands, ordered by display name; all for an empty text."""
    wanted = text.lower()
    found = [r for r in graph if any(wanted in n.lower() for n in (r.display, r.uid, *r.aliases))]
    return sorted(found, key=lambda r: (r.display, r.uid))


def _one(candidates: list[Resource], name: str) -> Resource | None:
    for matches in (_of_identity, _exactly, _ignoring_case, _as_kubectl):
        found = [r for r in candidates if matches(r, name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise Conflict(f"{name!r} may be {_listed(found)}: name one of them")
    return None


def _of_identity(resource: Resource, name: str) -> bool:
    return name == resource.uid or name in resource.aliases


def _names(resource: Resource) -> Iterator[str]:
    yield resource.display
    yield f"{resource.kind}/{resource.name}"
    yield resource.name
    if resource.namespace:
        yield f"{resource.namespace}/{resource.name}"


def _exactly(resource: Resource, name: str) -> bool:
    return name in _names(resource)


def _ignoring_case(resource: Resource, name: str) -> bool:
    return name.lower() in (n.lower() for n in _names(resource))


def _as_kubectl(resource: Resource, name: str) -> bool:
    *namespace, kind, last = ["", *name.lower().split("/")]
    if last != resource.name.lower() or (namespace[1:] and namespace[1:] != [(resource.namespace or "").lower()]):
        return False
    kind = kind.partition(".")[0]
    own = resource.kind.lower()
    plurals = {own + "s", own + "es", own.removesuffix("y") + "ies"}
    return kind in plurals or kind == own or _SHORT_NAMES.get(kind) == resource.kind


def _alike(graph: EnvironmentGraph, name: str) -> list[Resource]:
    """Return the resources whose own name is spelled much like the last part of `name`."""
    close = set(get_close_matches(name.rpartition("/")[2], {r.name for r in graph}, n=_MOST_SHOWN, cutoff=0.75))
    return [r for r in graph if r.name in close]


def _listed(resources: list[Resource]) -> str:
    names = sorted(r.display for r in resources)
    more = f" or {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return ", ".join(names[:_MOST_SHOWN]) + more
