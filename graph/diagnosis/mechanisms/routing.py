"""Why a call does not arrive: selectors, ports, protocols and addresses that do not match.

Source: https://kubernetes.io/docs/concepts/services-networking/service/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.inventory import labels_of
from graph.kinds.kubernetes.reference_health import desired_replicas
from graph.kinds.kubernetes.selectors import equals_all
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text
from graph.version import Document

_NAMED_ADDRESS = re.compile(
    r"^(?:\w+://)?(?P<host>[a-z0-9]([a-z0-9-]*[a-z0-9])?)(?P<rest>(\.[a-z0-9-]+)*):(?P<port>\d{1,5})\b"
)
_NOT_RESOLVED = re.compile(
    r"no such host|UnknownHostException|Name or service not known|ENOTFOUND|EAI_AGAIN|could not resolve|NXDOMAIN"
    r"|Temporary failure in name resolution|Name does not resolve",
    re.IGNORECASE,
)


def routing(scene: Scene) -> Iterator[Mechanism]:
    """Yield Services that send their traffic nowhere, and callers that ask at a wrong address."""
    for service in scene.live.of("Service"):
        yield from _service(scene, service)
    for workload in scene.workloads:
        yield from _addresses(scene, workload)
        yield from _names(scene, workload)


def _service(scene: Scene, service: Document) -> Iterator[Mechanism]:
    selector = mapping(service.body, "spec").get("selector")
    if not isinstance(selector, dict) or not selector:
        return
    beside = [w for w in scene.everything if w.namespace == service.resource.namespace]
    behind = [w for w in beside if equals_all(selector, w.labels)]
    if behind:
        yield from _ports(scene, service, behind)
    elif near := _meant(service, beside):
        yield Mechanism(
            resource=service.resource.uid,
            kind="selector_mismatch",
            summary=f"The selector of Service {service.resource.name} matches no pods; those of "
            f"{near.document.resource.display} have other labels.",
            signs=(
                Sign(text="No pod has the labels that it selects.", uid=service.resource.uid, path="/spec/selector"),
            ),
            stops=(near.uid,),
        )


def _meant(service: Document, beside: Sequence[Workload]) -> Workload | None:
    """The workload that a Service without pods was most likely made for: its name, then the labels they share."""
    selector = mapping(service.body, "spec", "selector")
    names = {service.resource.name, *(str(v) for v in selector.values()), *labels_of(service.body).values()}

    def likeness(workload: Workload) -> tuple[bool, bool, int]:
        shared = sum(workload.labels.get(k) == str(v) for k, v in selector.items())
        name = workload.document.resource.name
        return name == service.resource.name, name in names, shared

    best = max(beside, key=likeness, default=None)
    return best if best is not None and any(likeness(best)) else None


def _ports(scene: Scene, service: Document, behind: Sequence[Workload]) -> Iterator[Mechanism]:
    """Compare what a Service sends to with what the containers behind it declare to listen on."""
    listens = [p for w in behind for _, _, c in w.containers() for _, p in entries(c, "ports")]
    if not listens or all(desired_replicas(w.document) == 0 for w in behind):
        return
    for index, port in entries(service.body, "spec", "ports"):
        target = port.get("targetPort", port.get("port"))
        protocol = str(port.get("protocol") or "TCP")
        served = [p for p in listens if target in (p.get("containerPort"), p.get("name"))]
        path = f"/spec/ports/{index}"
        checks = [c for c in scene.telemetry.checks if c.target == service.resource.uid and c.port == port.get("port")]
        refused = bool(checks) and not any(c.is_open for c in checks)
        if served and all(str(p.get("protocol") or "TCP") != protocol for p in served):
            yield _wrong(
                service,
                behind[0],
                "protocol_mismatch",
                f"{path}/protocol",
                f"forwards {protocol}, which nobody behind it speaks",
            )
        elif not served:
            yield _wrong(
                service,
                behind[0],
                "port_mapping_mismatch",
                f"{path}/targetPort",
                f"sends to port {target}, which no container behind it declares",
                # A container may listen on a port that it does not declare; a refused connection settles it.
                strength=1.0 if refused else 0.6 if not checks else 0.2,
            )


def _wrong(service: Document, behind: Workload, kind: str, path: str, what: str, strength: float = 1.0) -> Mechanism:
    sign = Sign(text=f"Service {service.resource.name} {what}.", uid=service.resource.uid, path=path)
    summary = f"Service {service.resource.display} {what}."
    return Mechanism(
        resource=service.resource.uid, kind=kind, summary=summary, signs=(sign,), strength=strength, stops=(behind.uid,)
    )


class _Address(NamedTuple):
    path: str
    value: str
    host: str
    port: int


def _addresses(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    """Compare the addresses in the environment of a workload with the Services that they name."""
    known = {s.resource.name: s for s in scene.live.beside(workload.document, "Service")}
    for address in _settings(workload):
        service = known.get(address.host)
        if service is None:
            continue
        ports = {p.get("port") for _, p in entries(service.body, "spec", "ports")}
        if ports and address.port not in ports:
            what = f"asks {address.host} at port {address.port}, which that Service does not have"
            sign = Sign(text=f"Its environment says {address.value}.", uid=workload.uid, path=address.path)
            heard = _heard(scene, workload, address)
            yield Mechanism(
                resource=workload.uid,
                kind="address_mismatch",
                summary=f"{workload.document.resource.display} {what}.",
                signs=(sign, *heard),
                strength=1.0 if heard else 0.9,
            )


def _names(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    """Names in the environment that resolve to nothing, where the workload says that they do not."""
    known = {s.resource.name for s in scene.live.beside(workload.document, "Service")}
    for address in _settings(workload):
        lines = [e for e in scene.said(workload.uid, kind=ObservationKind.LOG) if _is_unresolved(e, address.host)]
        if address.host not in known and lines and _is_cluster_name(address.value):
            sign = Sign(text=f"Its environment says {address.value}.", uid=workload.uid, path=address.path)
            yield Mechanism(
                resource=workload.uid,
                kind="address_mismatch",
                summary=f"{workload.document.resource.display} asks for {address.host}, and there is no such Service.",
                signs=(sign, Sign(text="It says that the name does not resolve.", event=lines[-1])),
            )
    if not scene.works(workload):
        yield from _resolver(scene, workload)


def _resolver(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    """A workload that resolves no name at all, because of its own DNS settings."""
    policy, settings = text(workload.spec, "dnsPolicy"), mapping(workload.spec, "dnsConfig")
    lines = [e for e in scene.said(workload.uid, kind=ObservationKind.LOG) if _NOT_RESOLVED.search(e.text)]
    if not lines:
        return
    is_own = policy in ("None", "Default") or bool(settings)
    path = workload.path("dnsConfig" if settings else "dnsPolicy")
    state = (Sign(text="It has DNS settings of its own.", uid=workload.uid, path=path),) if is_own else ()
    yield Mechanism(
        resource=workload.uid,
        kind="dns_failure",
        summary=f"{workload.document.resource.display} can't resolve names.",
        signs=(*state, Sign(text="It says that a name does not resolve.", event=lines[-1])),
        strength=1.0 if is_own else 0.7,
    )


def _settings(workload: Workload) -> Iterator[_Address]:
    for name, index, container in workload.containers():
        for position, variable in entries(container, "env"):
            found = _NAMED_ADDRESS.match(text(variable, "value"))
            if found:
                path = workload.path(name, index, "env", position, "value")
                yield _Address(path, text(variable, "value"), found["host"], int(found["port"]))


def _is_cluster_name(value: str) -> bool:
    host = value.rpartition("//")[2].partition(":")[0]
    return "." not in host or host.endswith((".svc", ".svc.cluster.local"))


def _is_unresolved(event: SymptomEvent, host: str) -> bool:
    return host in event.text and _NOT_RESOLVED.search(event.text) is not None


def _heard(scene: Scene, workload: Workload, address: _Address) -> tuple[Sign, ...]:
    needle = f":{address.port}"
    lines = [e for e in scene.said(workload.uid, kind=ObservationKind.LOG) if needle in e.text]
    return tuple(Sign(text="It says that this address does not answer.", event=e) for e in lines[-1:])
