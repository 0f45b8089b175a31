"""The addresses that workloads are set to ask: from their environment, their ConfigMaps and their arguments.

What stands in Secrets is hashed and can't be read as an address.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from graph.diagnosis.mechanisms.scene import Scene
from graph.document import Object
from graph.kinds.kubernetes.inventory import uid_near
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, strings, text
from graph.version import Document

_ADDRESS = re.compile(
    r"(?:^|[/@,\s=\"'])(?P<host>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?P<rest>(?:\.[a-z0-9-]+)*):(?P<port>\d{2,5})(?![\d.:])"
)
_HOST_NAME = re.compile(r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*$")
_HOST_KEY = re.compile(r"(^|[_.-])(host|hostname|server|addr|address|service_name)$", re.IGNORECASE)
_SELF = frozenset({"localhost", "0", "127"})


class Address(NamedTuple):
    """A host and a port that a workload is set to ask."""

    path: str
    """JSON pointer into the workload, where the setting is one of its own; empty otherwise."""
    name: str
    """Name of the setting."""
    value: str
    host: str
    """First label of the host."""
    rest: str
    """What follows the first label, with its leading dot; empty for a bare name."""
    port: int


class Setting(NamedTuple):
    path: str
    name: str
    value: str


def settings(scene: Scene, workload: Workload) -> Iterator[Setting]:
    """Yield every setting of a workload whose value can be read."""
    for kind, index, container in workload.containers():
        for position, variable in entries(container, "env"):
            name = text(variable, "name")
            if value := text(variable, "value"):
                yield Setting(workload.path(kind, index, "env", position, "value"), name, value)
            reference = mapping(variable, "valueFrom", "configMapKeyRef")
            data = _config(scene, workload, text(reference, "name"))
            held = data.get(text(reference, "key"))
            if isinstance(held, str):
                yield Setting("", name, held)
        for _, source in entries(container, "envFrom"):
            for name, value in _config(scene, workload, text(source, "configMapRef", "name")).items():
                if isinstance(value, str):
                    yield Setting("", text(source, "prefix") + name, value)
        for field in ("command", "args"):
            for position, word in enumerate(strings(container.get(field))):
                yield Setting(workload.path(kind, index, field, position), word.partition("=")[0], word)


def _config(scene: Scene, workload: Workload, name: str) -> Object:
    uid = uid_near(workload.document, kind="ConfigMap", name=name) if name else ""
    found = scene.live.get(uid) or scene.declared.get(uid)
    return mapping(found.body, "data") if found else {}


def addresses(scene: Scene, workload: Workload) -> Iterator[Address]:
    """Yield the addresses of a workload: `host:port` in one setting, or two settings `X_HOST` and `X_PORT`."""
    known = list(settings(scene, workload))
    for setting in known:
        for found in _ADDRESS.finditer(setting.value):
            if found["host"] not in _SELF and not found["host"].isdigit() and int(found["port"]) < 65536:
                yield Address(
                    setting.path, setting.name, setting.value, found["host"], found["rest"], int(found["port"])
                )
    by_name = {s.name: s for s in known}
    for setting in known:
        key = _HOST_KEY.search(setting.name)
        port = by_name.get(setting.name[: key.start(2)] + _like("port", key[2])) if key else None
        if port is not None and port.value.isdigit() and _HOST_NAME.match(setting.value):
            host, dot, rest = setting.value.partition(".")
            value = f"{setting.value}:{port.value}"
            yield Address(port.path or setting.path, setting.name, value, host, dot + rest, int(port.value))


def _like(word: str, pattern: str) -> str:
    return word.upper() if pattern.isupper() else word


def meant_service(scene: Scene, workload: Workload, address: Address) -> Document | None:
    """The Service that an address names; None when there is none, or when the name is none of this cluster."""
    return scene.live.get(uid_near(workload.document, kind="Service", name=address.host, namespace=place(address)))


def place(address: Address) -> str | None:
    """The namespace that an address names; None when it is that of the workload."""
    parts = address.rest.strip(".").split(".")
    return parts[0] if parts[0] and parts[0] != "svc" else None


def is_cluster_name(address: Address) -> bool:
    """Whether a name is one that the cluster's DNS answers for: a bare one, or one below `svc`."""
    parts = address.rest.strip(".").split(".")
    return parts == [""] or "svc" in parts[:2]


def wanted_ports(scene: Scene, service: Document) -> dict[int, set[str]]:
    """Map each port at which workloads ask a Service to their uids."""
    return scene.once(("wanted", ""), lambda: _wanted(scene)).get(service.resource.uid, {})


def _wanted(scene: Scene) -> dict[str, dict[int, set[str]]]:
    found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for workload in scene.everything:
        for address in scene_addresses(scene, workload):
            target = meant_service(scene, workload, address)
            if target is not None:
                found[target.resource.uid][address.port].add(workload.uid)
    return found


def scene_addresses(scene: Scene, workload: Workload) -> tuple[Address, ...]:
    """The addresses of a workload, read once for each scene."""
    return scene.once(("addresses", workload.uid), lambda: tuple(addresses(scene, workload)))
