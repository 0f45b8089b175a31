"""Which project a document belongs to, and what to do where two files give one project different names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graph.resource import Platform, compose_uid
from graph.version import Document


def project_of(document: Document) -> str:
    """Return the project that the uid of a document names."""
    return document.resource.uid.removeprefix("compose://").partition("/")[0]


def under_one_name(documents: Sequence[Document], intended: Sequence[Document]) -> list[Document]:
    """Return documents with their only project named as the only one that is intended.

    A project without a name is called after its folder, and two files that are compared usually lie in two folders.
    Documents of other platforms, and of several projects, stay as they are.
    """
    ours, theirs = _projects(intended), _projects(documents)
    if len(ours) != 1 or len(theirs) != 1 or ours == theirs:
        return list(documents)
    (name,) = ours
    return [_renamed(d, name) if d.resource.platform is Platform.COMPOSE else d for d in documents]


def _projects(documents: Sequence[Document]) -> set[str]:
    return {project_of(d) for d in documents if d.resource.platform is Platform.COMPOSE}


def _renamed(document: Document, project: str) -> Document:
    resource, body = document.resource, document.body
    uid = compose_uid(project=project, kind=resource.kind, name=resource.name)
    if resource.kind in {"network", "volume"} and body.get("name") == f"{project_of(document)}_{resource.name}":
        body = {**body, "name": f"{project}_{resource.name}"}
    return replace(document, resource=replace(resource, uid=uid), body=body)
