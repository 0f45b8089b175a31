"""How the parts of Compose projects hang together, as their documents state it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from graph.document import pointer
from graph.kinds.addresses import Place, Setting, mentions
from graph.kinds.compose.identity import project_of
from graph.kinds.lenient import entries, mapping, strings, text
from graph.relation import Relation, RelationType
from graph.resource import Platform, compose_uid
from graph.version import Document

_STARTS_AFTER: Final = 0.6
"""Confidence that a service calls one that it only waits for."""
_ENDS_FIRST: Final = "service_completed_successfully"
"""Condition of a dependency that has done its work, such as a migration, before the other one starts."""


def derive(documents: Sequence[Document]) -> Iterator[Relation]:
    """Yield the relations of the services among documents of any platform."""
    projects: dict[str, list[Document]] = {}
    for document in documents:
        if document.resource.platform is Platform.COMPOSE and document.resource.kind == "service":
            projects.setdefault(project_of(document), []).append(document)
    for project, services in projects.items():
        hosts = {name: service.resource.uid for service in services for name in _hosts(service)}
        for service in services:
            yield from _stated(service, project)
            yield from _called(service, hosts)


def _hosts(service: Document) -> Iterator[str]:
    """Yield the names under which a service is reached inside its project."""
    yield from (service.resource.name.lower(), *(n.lower() for n in _other_names(service)))


def _other_names(service: Document) -> Iterator[str]:
    yield from filter(None, (text(service.body, "container_name"), text(service.body, "hostname")))
    for network in mapping(service.body, "networks"):
        yield from strings(mapping(service.body, "networks", network).get("aliases"))


def _stated(service: Document, project: str) -> Iterator[Relation]:
    def to(kind: str, name: str, type_: RelationType, *via: str | int, detail: str = "", sure: float = 1.0) -> Relation:
        target = compose_uid(project=project, kind=kind, name=name)
        return Relation(
            source=service.resource.uid, target=target, type=type_, via=pointer(*via), detail=detail, confidence=sure
        )

    body = service.body
    for name, options in mapping(body, "depends_on").items():
        condition = text(options, "condition")
        if condition == _ENDS_FIRST:
            yield to("service", name, RelationType.REFERENCES, "depends_on", name, detail=condition)
        else:
            yield to("service", name, RelationType.CALLS, "depends_on", name, detail=condition, sure=_STARTS_AFTER)
    for index, link in enumerate(strings(body.get("links"))):
        yield to("service", link.partition(":")[0], RelationType.CALLS, "links", index, sure=0.95)
    for index, volume in entries(body, "volumes"):
        if volume.get("type") == "volume" and volume.get("source"):
            path = text(volume, "target")
            yield to("volume", str(volume["source"]), RelationType.MOUNTS, "volumes", index, detail=path)
    for section, kind in (("secrets", "secret"), ("configs", "config")):
        for index, entry in entries(body, section):
            yield to(kind, text(entry, "source"), RelationType.MOUNTS, section, index, detail=text(entry, "target"))
    for name in mapping(body, "networks"):
        yield to("network", name, RelationType.REFERENCES, "networks", name)
    shared = text(body, "network_mode")
    if shared.startswith("service:"):
        yield to("service", shared.partition(":")[2], RelationType.REFERENCES, "network_mode")


def _called(service: Document, hosts: dict[str, str]) -> Iterator[Relation]:
    """Yield calls to services that the settings of this one name with an address."""
    for setting in _settings(service):
        for mention in mentions(setting, frozenset(hosts)):
            target = hosts.get(mention.host)
            if target and target != service.resource.uid:
                yield Relation(
                    source=service.resource.uid,
                    target=target,
                    type=RelationType.CALLS,
                    via=setting.path,
                    detail=mention.port,
                    confidence=mention.confidence,
                )


def _settings(service: Document) -> Iterator[Setting]:
    for name, value in mapping(service.body, "environment").items():
        if isinstance(value, str):
            yield Setting(place=Place.VARIABLE, name=name, value=value, path=pointer("environment", name))
    for field in ("command", "entrypoint"):
        words = strings(service.body.get(field))
        for index, word in enumerate(words):
            flag, separator, value = word.partition("=")
            if not separator:
                flag, value = (words[index - 1] if index else ""), word
            yield Setting(place=Place.ARGUMENT, name=flag.lstrip("-"), value=value, path=pointer(field, index))
