"""A Compose project in its long form to documents: services, networks, volumes, secrets and configs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from graph.document import Json, Object
from graph.kinds.compose.variables import without_marks
from graph.kinds.kubernetes.redact import hashed
from graph.resource import Platform, Resource, compose_uid
from graph.version import Document, Origin

SECTIONS: Final[Mapping[str, str]] = {
    "services": "service",
    "networks": "network",
    "volumes": "volume",
    "secrets": "secret",
    "configs": "config",
}
"""Section of a Compose file to the kind of what stands in it."""

_SAYS_SECRET: Final = re.compile(r"passw|secret|token|credential|api_?key|private_?key|access_?key", re.IGNORECASE)
_IN_URL: Final = re.compile(r"(?<=://)([^\s/:@]*):([^\s/@]+)(?=@)")
_NOT_A_NAME: Final = re.compile(r"[^a-z0-9_-]")


def project_name(text: str) -> str:
    """Return the name that Compose makes of a folder's or a configured name.

    >>> project_name("My Shop.v2")
    'myshopv2'
    """
    return _NOT_A_NAME.sub("", text.lower()).lstrip("_-")


def is_compose(value: Json) -> bool:
    """Whether a document is a Compose file: it has services, each a mapping, and is no Kubernetes object."""
    if not isinstance(value, dict) or "apiVersion" in value or "kind" in value:
        return False
    services = value.get("services")
    return isinstance(services, dict) and bool(services) and all(isinstance(s, dict | None) for s in services.values())


def resource(project: str, kind: str, name: str) -> Resource:
    """Return the identity of something in a project."""
    return Resource(
        uid=compose_uid(project=project, kind=kind, name=name), platform=Platform.COMPOSE, kind=kind, name=name
    )


def documents(
    project: Object, *, name: str, salt: bytes, origins: Mapping[tuple[str, str], Origin]
) -> Iterator[Document]:
    """Yield what a project declares.

    Args:
        project: sections by name; services in the long form, with all that they extend.
        name: name of the project.
        salt: key of the hashes that stand for values of variables that are named like secrets.
        origins: (section, name) to where it stands.
    """
    sections = {section: dict(project.get(section) or {}) for section in SECTIONS}
    services = {key: _with_network(service or {}) for key, service in sections["services"].items()}
    if any("default" in (s.get("networks") or {}) for s in services.values()):
        sections["networks"].setdefault("default", {})
    for section, kind in SECTIONS.items():
        for key, value in (services if section == "services" else sections[section]).items():
            body = dict(value or {})
            if section in {"networks", "volumes"}:
                body.setdefault("name", key if body.get("external") else f"{name}_{key}")
            unknown: dict[str, str] = {}
            body = without_marks(redacted(body, salt), unknown)
            if unknown:
                body["unknown"] = unknown
            yield Document(resource=resource(name, kind, key), body=body, origin=origins.get((section, key)))


def _with_network(service: Object) -> Object:
    return (
        service if service.get("networks") or service.get("network_mode") else {**service, "networks": {"default": {}}}
    )


def redacted(body: Object, salt: bytes) -> Object:
    """Return a body in which no password is left: not in variables that are named like one, nor in URLs."""
    environment = body.get("environment")
    if isinstance(environment, dict):
        body = {**body, "environment": {k: _value(k, v, salt) for k, v in environment.items()}}
    if isinstance(body.get("content"), str):  # of a config or a secret
        body = {**body, "content": hashed(body["content"].encode("utf-8", "surrogatepass"), salt)}
    return dict(_without_passwords(body, salt))


def _value(name: str, value: Json, salt: bytes) -> Json:
    if not isinstance(value, str) or not value or value.startswith("hmac-sha256:"):
        return value
    is_secret = _SAYS_SECRET.search(name) and not name.upper().endswith("_FILE")
    return hashed(value.encode("utf-8", "surrogatepass"), salt) if is_secret else value


def _without_passwords(value: Json, salt: bytes) -> Json:
    if isinstance(value, dict):
        return {key: _without_passwords(item, salt) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_passwords(item, salt) for item in value]
    if not isinstance(value, str) or "://" not in value:
        return value
    return _IN_URL.sub(lambda m: f"{m[1]}:{hashed(m[2].encode('utf-8', 'surrogatepass'), salt)}", value)
