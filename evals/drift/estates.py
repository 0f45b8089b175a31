"""Objects of public projects, as they stand in their files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from graph.errors import NotFound
from graph.kinds.kubernetes.parse import expand, parse
from graph.version import Document

Object = dict[str, Any]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NO_OBJECTS = frozenset({"Kustomization"})
"""Files for a tool, which no server ever sees."""


def estates(data: Path) -> dict[str, list[Object]]:
    """Return the objects of each estate below a data folder, by name; of two with one identity the later one.

    Raises:
        NotFound: the folder holds neither `gitops-estate` nor `app-manifests`.
    """
    found: dict[str, list[Object]] = {}
    for path in sorted((data / "app-manifests" / "opentelemetry-demo").glob("*.yaml")):
        found[f"opentelemetry-demo {path.stem}"] = _distinct(_read(path))
    boutique = data / "app-manifests" / "microservices-demo"
    for part in ("release", "kustomize/base"):
        bodies = [body for path in sorted((boutique / part).rglob("*.yaml")) for body in _read(path)]
        if bodies:
            found[f"microservices-demo {part}"] = _distinct(bodies)
    head = data / "gitops-estate" / "head"
    bodies = [body for path in sorted(head.rglob("*.y*ml")) for body in _read(path)]
    if bodies:
        found["gitops-estate"] = _distinct(bodies)
    if not found:
        raise NotFound(f"neither gitops-estate nor app-manifests in {str(data)!r}: it should hold the public data sets")
    return found


def every_kind() -> dict[str, list[Object]]:
    """Return an estate of one object or more of each built-in kind, most of whose fields are left to the server."""
    return {"every kind": _distinct(_read(Path(__file__).with_name("every_kind.yaml")))}


def manifests(folder: Path) -> dict[str, list[Object]]:
    """Return the objects of a folder of manifests as one estate."""
    bodies = [body for path in sorted(folder.rglob("*.y*ml")) for body in _read(path)]
    return {folder.name: _distinct(bodies)}


def document(body: Object) -> Document:
    """Parse one object as the product does."""
    return parse(body, cluster="c", salt=b"evaluation")


def _read(path: Path) -> Iterator[Object]:
    for body in yaml.load_all(path.read_bytes(), Loader=_LOADER):
        for one in expand(body) if isinstance(body, dict) else ():
            if isinstance(one, dict) and one.get("kind") not in _NO_OBJECTS:
                yield one


def _distinct(bodies: Iterator[Object] | list[Object]) -> list[Object]:
    return list({document(body).resource.uid: body for body in bodies}.values())
