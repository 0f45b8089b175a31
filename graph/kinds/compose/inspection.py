"""What `docker inspect` prints of containers, as services in the long form: the actual state of a Compose project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from graph.document import Json, Object, canonical
from graph.kinds.compose.project import redacted, resource
from graph.kinds.lenient import entries, mapping, strings, text
from graph.version import Document

OBSERVED: Final = "observed"
"""Member of a body that was read from containers: it shows only some fields, and what the image brought along too."""
_LABEL: Final = "com.docker.compose."
_NANO: Final = 1e9
"""Docker gives durations in nanoseconds and processors in billionths."""


def is_inspection(value: Json) -> bool:
    """Whether a document is a list of containers as `docker inspect` prints it."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(c, dict) and {"Config", "HostConfig", "State"} <= c.keys() for c in value)
    )


def observed(containers: Sequence[Object], *, salt: bytes) -> Iterator[Document]:
    """Yield the services of which containers exist; containers that Compose did not make, or made for one run, are not.

    Where the containers of a service disagree in a field, its value maps the name of each container to its value.
    """
    services: dict[tuple[str, str], list[Object]] = {}
    for container in containers:
        labels = mapping(container, "Config", "Labels")
        place = (text(labels, f"{_LABEL}project"), text(labels, f"{_LABEL}service"))
        if all(place) and text(labels, f"{_LABEL}oneoff").lower() != "true":
            services.setdefault(place, []).append(container)
    for (project, name), many in services.items():
        bodies = {text(c, "Name").lstrip("/") or text(c, "Id")[:12]: _service(c) for c in many}
        body = _joined(bodies)
        running = sum(mapping(c, "State").get("Running") is not False for c in many)
        body["deploy"] = {"replicas": running}
        yield Document(resource=resource(project, "service", name), body=redacted(body, salt))


def _joined(bodies: Mapping[str, Object]) -> Object:
    first, *others = bodies.values()
    joined: Object = {}
    for field in dict.fromkeys(key for body in bodies.values() for key in body):
        values = [body.get(field) for body in bodies.values()]
        same = all(canonical(v) == canonical(values[0]) for v in values)
        joined[field] = (
            first.get(field) if same or field == "container_name" else dict(zip(bodies, values, strict=True))
        )
    if others:
        joined.pop("container_name", None)
    return joined


def _service(container: Object) -> Object:
    config, host = mapping(container, "Config"), mapping(container, "HostConfig")
    labels = mapping(config, "Labels")
    body: Object = {
        OBSERVED: "containers",
        "container_name": text(container, "Name").lstrip("/"),
        "image": text(config, "Image"),
        "environment": dict(_pairs(strings(config.get("Env")))),
        "labels": {k: v for k, v in labels.items() if not k.startswith(_LABEL)},
        "command": strings(config.get("Cmd")) or None,
        "entrypoint": strings(config.get("Entrypoint")) or None,
        "ports": list(_ports(host)),
        "volumes": list(_volumes(container, text(labels, f"{_LABEL}project"))),
        "networks": {n: {} for n in _networks(container, text(labels, f"{_LABEL}project"))},
        "restart": text(host, "RestartPolicy", "Name") or "no",
        "user": text(config, "User"),
        "working_dir": text(config, "WorkingDir"),
        "hostname": text(config, "Hostname"),
        "privileged": host.get("Privileged") is True,
        "read_only": host.get("ReadonlyRootfs") is True,
        "cap_add": sorted(c.removeprefix("CAP_") for c in strings(host.get("CapAdd"))),
        "cap_drop": sorted(c.removeprefix("CAP_") for c in strings(host.get("CapDrop"))),
        "security_opt": strings(host.get("SecurityOpt")),
        "extra_hosts": sorted(h.replace(":", "=", 1) for h in strings(host.get("ExtraHosts"))),
        "mem_limit": host.get("Memory") or 0,
        "cpus": float(host.get("NanoCpus") or 0) / _NANO,
    }
    mode = text(host, "NetworkMode")
    if mode in {"host", "none"} or mode.startswith("container:"):
        body["network_mode"] = mode
        body["networks"] = {}
    if check := mapping(config, "Healthcheck"):
        body["healthcheck"] = _healthcheck(check)
    return body


def _pairs(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for item in texts:
        name, _, value = item.partition("=")
        yield name, value


def _ports(host: Object) -> Iterator[Object]:
    for key, bindings in mapping(host, "PortBindings").items():
        target, _, protocol = key.partition("/")
        for _, binding in entries(bindings or []):
            address = text(binding, "HostIp")
            yield {
                "target": int(target) if target.isdigit() else target,
                "published": text(binding, "HostPort"),
                "protocol": protocol or "tcp",
                **({"host_ip": address} if address not in {"", "0.0.0.0", "::"} else {}),  # noqa: S104
            }


def _volumes(container: Object, project: str) -> Iterator[Object]:
    for _, mount in entries(container, "Mounts"):
        kind = text(mount, "Type")
        source = text(mount, "Source") if kind == "bind" else text(mount, "Name").removeprefix(f"{project}_")
        yield {
            "type": kind,
            **({"source": source} if source else {}),
            "target": text(mount, "Destination"),
            **({"read_only": True} if mount.get("RW") is False else {}),
        }


def _networks(container: Object, project: str) -> Iterator[str]:
    for name in mapping(container, "NetworkSettings", "Networks"):
        yield name.removeprefix(f"{project}_")


def _healthcheck(check: Object) -> Object:
    names = {"Interval": "interval", "Timeout": "timeout", "StartPeriod": "start_period"}
    times = {ours: value / _NANO for theirs, ours in names.items() if isinstance(value := check.get(theirs), int)}
    retries = {"retries": check["Retries"]} if check.get("Retries") else {}
    return {"test": strings(check.get("Test")), **times, **retries}
