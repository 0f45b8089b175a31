"""The containers of a described pod: their declaration and their state."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from evals.kubectl.outline import Line

_PROBE = re.compile(
    r"^(?P<what>.+?)\s+delay=(?P<delay>\w+) timeout=(?P<timeout>\w+) period=(?P<period>\w+)"
    r" #success=(?P<success>\d+) #failure=(?P<failure>\d+)"
)
_PROBES = {"Liveness": "livenessProbe", "Readiness": "readinessProbe", "Startup": "startupProbe"}


class Containers(NamedTuple):
    specs: list[dict[str, Any]]
    statuses: list[dict[str, Any]]


def containers(block: Line | None) -> Containers:
    """Read `Containers:` or `Init Containers:` of a described pod."""
    found = [(_spec(line), _status(line)) for line in (block.below if block else ())]
    return Containers([spec for spec, _ in found], [status for _, status in found])


def _spec(line: Line) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": line.label, "image": line.text_of("Image")}
    ports = line.text_of("Ports") or line.text_of("Port")
    parted = (p.strip().partition("/") for p in ports.split(",") if p.strip())
    spec["ports"] = [{"containerPort": int(n), "protocol": proto} for n, _, proto in parted if n.isdigit()]
    resources = {k.lower(): line.get(k) for k in ("Limits", "Requests")}
    spec["resources"] = {k: {r.label: r.value for r in block.below} for k, block in resources.items() if block}
    for label, field in _PROBES.items():
        if probe := _probe(line.text_of(label)):
            spec[field] = probe
    spec["env"] = list(_environment(line.get("Environment")))
    spec["envFrom"] = list(_sources(line.get("Environment Variables from")))
    mounts = line.get("Mounts")
    spec["volumeMounts"] = [_mount(m.text) for m in (mounts.below if mounts else ())]
    spec["command"], spec["args"] = (_words(line.get(label)) for label in ("Command", "Args"))
    return {k: v for k, v in spec.items() if v}


def _probe(text: str) -> dict[str, Any] | None:
    """Read a probe as describe prints it: `http-get http://:8080/ready delay=0s timeout=1s period=10s ...`."""
    found = _PROBE.match(text)
    if found is None:
        return None
    seconds = {"initialDelaySeconds": "delay", "timeoutSeconds": "timeout", "periodSeconds": "period"}
    probe: dict[str, Any] = {name: int(found[group].rstrip("s")) for name, group in seconds.items()}
    probe |= {"successThreshold": int(found["success"]), "failureThreshold": int(found["failure"])}
    kind, _, where = found["what"].partition(" ")
    port = re.search(r":([\w-]+)(?:/|$|\s)", where)
    target: dict[str, Any] = {"port": int(port[1]) if port[1].isdigit() else port[1]} if port else {}
    if kind == "http-get":
        probe["httpGet"] = {**target, "path": "/" + where.partition("://")[2].partition("/")[2]}
    elif kind == "tcp-socket":
        probe["tcpSocket"] = target
    elif kind == "grpc":
        probe["grpc"] = target
    elif kind == "exec":
        probe["exec"] = {"command": where.strip("[]").split()}
    return probe


def _environment(block: Line | None) -> Any:
    for line in block.below if block else ():
        reference = re.match(r"^<set to the key '(.+?)' in (secret|config map) '(.+?)'>", line.value)
        if reference:
            kind = "secretKeyRef" if reference[2] == "secret" else "configMapKeyRef"
            yield {"name": line.label, "valueFrom": {kind: {"name": reference[3], "key": reference[1]}}}
        elif not line.value.startswith("("):
            yield {"name": line.label, "value": line.value}


def _sources(block: Line | None) -> Any:
    for line in block.below if block else ():
        name, kind, *rest = re.split(r"\s{2,}", line.text)
        reference = {"name": name, "optional": "true" in " ".join(rest)}
        yield {"secretRef" if kind == "Secret" else "configMapRef": reference}


def _mount(text: str) -> dict[str, Any]:
    path, _, rest = text.partition(" from ")
    return {"mountPath": path, "name": rest.partition(" ")[0], "readOnly": "(ro" in rest}


def _words(block: Line | None) -> list[str]:
    return [line.text for line in block.below] if block else []


def _status(line: Line) -> dict[str, Any]:
    status: dict[str, Any] = {"name": line.label, "ready": line.text_of("Ready") == "True"}
    status["restartCount"] = int(line.text_of("Restart Count") or 0)
    status["imageID"] = line.text_of("Image ID")
    for label, field in (("State", "state"), ("Last State", "lastState")):
        if found := line.get(label):
            status[field] = _state(found)
    return status


def _state(line: Line) -> dict[str, Any]:
    detail: dict[str, Any] = {"reason": line.text_of("Reason"), "message": line.text_of("Message")}
    if line.text_of("Exit Code"):
        detail["exitCode"] = int(line.text_of("Exit Code"))
    for label, field in (("Started", "startedAt"), ("Finished", "finishedAt")):
        if found := time_of(line.text_of(label)):
            detail[field] = found
    return {line.value.lower(): {k: v for k, v in detail.items() if v not in ("", None)}}


def time_of(text: str) -> str:
    """Read a time such as `Tue, 11 Nov 2025 17:19:24 +0800` into RFC 3339, UTC; empty when it is none."""
    try:
        return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S %z").astimezone(UTC).isoformat()
    except ValueError:
        return ""
