"""Finding the resource that a person means by a short name."""

from __future__ import annotations

from collections.abc import Iterator

from graph.environment import EnvironmentGraph
from graph.errors import Conflict, NotFound
from graph.resource import Resource

_MOST_SHOWN = 5


def find(graph: EnvironmentGraph, name: str) -> Resource:
    """Return the one resource that `name` names.

    A uid, an alias such as an ARN, and the display name `NAMESPACE/KIND/NAME` name at most one. `KIND/NAME` and a bare
    name do when nothing else has it. Case counts only where it tells two resources apart.

    Raises:
        NotFound: nothing has this name.
        Conflict: several things do; the message lists them.
    """
    if name in graph:
        return graph.resource(name)
    if (known := graph.by_alias(name)) is not None:
        return known
    for matches in (_exactly, _ignoring_case):
        found = [r for r in graph if matches(r, name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise Conflict(f"{name!r} may be {_listed(found)}: name one of them")
    near = [r for r in graph if len(name) > 2 and name.lower() in r.display.lower()]
    hint = f"; did you mean {_listed(near)}?" if near else ""
    raise NotFound(f"no resource {name!r} in environment {graph.name!r} at {graph.as_of.isoformat()}{hint}")


def search(graph: EnvironmentGraph, text: str) -> list[Resource]:
    """Return resources in whose name, uid or alias `text` stands, ordered by display name; all for an empty text."""
    wanted = text.lower()
    found = [r for r in graph if any(wanted in n.lower() for n in (r.display, r.uid, *r.aliases))]
    return sorted(found, key=lambda r: (r.display, r.uid))


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


def _listed(resources: list[Resource]) -> str:
    names = sorted(r.display for r in resources)
    more = f" or {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return ", ".join(names[:_MOST_SHOWN]) + more
