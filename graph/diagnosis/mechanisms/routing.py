"""Why a Service sends its traffic nowhere: its selector, its ports and protocols against what runs behind it.

Source: https://kubernetes.io/docs/concepts/services-networking/service/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.wanted import wanted_ports
from graph.document import Json, Object
from graph.kinds.kubernetes.inventory import labels_of
from graph.kinds.kubernetes.reference_health import desired_replicas
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text
from graph.version import Document

_PROXIES = frozenset({"istio-proxy", "linkerd-proxy", "envoy", "envoy-sidecar", "consul-dataplane", "kuma-sidecar"})
"""Names of containers that accept connections to any port in place of the application."""


def routing(scene: Scene) -> Iterator[Mechanism]:
    """Yield Services that send their traffic nowhere."""
    for service in scene.live.of("Service"):
        selector = mapping(service.body, "spec").get("selector")
        if not isinstance(selector, dict) or not selector:
            continue
        if serving := scene.selected(service.resource.namespace, selector):
            yield from _ports(scene, service, serving)
            continue
        beside = [w for w in scene.everything if w.namespace == service.resource.namespace]
        if near := _meant(service, beside):
            yield _nobody(service, near)


def behind(scene: Scene, service: Document) -> list[Workload]:
    """The workloads whose pods a Service selects."""
    selector = mapping(service.body, "spec").get("selector")
    return scene.selected(service.resource.namespace, selector) if isinstance(selector, dict) else []


def _nobody(service: Document, near: Workload) -> Mechanism:
    return Mechanism(
        resource=service.resource.uid,
        kind="selector_mismatch",
        summary=f"The selector of Service {service.resource.name} matches no pods; those of "
        f"{near.document.resource.display} have other labels.",
        signs=(Sign(text="No pod has the labels that it selects.", uid=service.resource.uid, path="/spec/selector"),),
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
        path = f"/spec/ports/{index}"
        target = _number(port.get("targetPort", port.get("port")))
        protocol = str(port.get("protocol") or "TCP")
        served = [p for p in listens if target in (p.get("containerPort"), p.get("name"))]
        if served and all(str(p.get("protocol") or "TCP") != protocol for p in served):
            what = f"forwards {protocol}, which nobody behind it speaks"
            yield _wrong(service, behind[0], "protocol_mismatch", f"{path}/protocol", what)
        elif not served and _names_are_known(target, listens):
            what = f"sends to port {target}, which no container behind it declares"
            strength = _strength(scene, service, port, behind)
            yield _wrong(service, behind[0], "port_mapping_mismatch", f"{path}/targetPort", what, strength)
    yield from _asked_for(scene, service, behind, listens)


def _number(target: Json) -> Json:
    return int(target) if isinstance(target, str) and target.isdigit() else target


def _names_are_known(target: Json, listens: Sequence[Object]) -> bool:
    """A port that is meant by name can be missed only where containers name their ports."""
    return not isinstance(target, str) or any(p.get("name") for p in listens)


def _strength(scene: Scene, service: Document, port: Object, behind: Sequence[Workload]) -> float:
    """A container may listen on a port that it does not declare; a refused connection settles it."""
    checks = [c for c in scene.telemetry.checks if c.target == service.resource.uid and c.port == port.get("port")]
    if checks and not any(c.is_open for c in checks):
        return 1.0
    if isinstance(_number(port.get("targetPort")), str):
        return 1.0
    is_proxied = any(_has_proxy(p) for w in behind for p in scene.pods(w.uid))
    return 0.2 if checks and not is_proxied else 0.75


def _has_proxy(pod: Document) -> bool:
    lists = ("containers", "initContainers")
    return any(text(c, "name") in _PROXIES for name in lists for _, c in entries(pod.body, "spec", name))


def _asked_for(
    scene: Scene, service: Document, behind: Sequence[Workload], listens: Sequence[Object]
) -> Iterator[Mechanism]:
    """A port that callers ask for and containers serve, and that the Service between them does not have."""
    has = {p.get("port") for _, p in entries(service.body, "spec", "ports")}
    serves = {p.get("containerPort") for p in listens}
    for port, callers in sorted(wanted_ports(scene, service).items()):
        if port not in has and (port in serves or len(callers) > 1):
            what = f"has no port {port}, which {len(callers)} of its callers ask for"
            yield _wrong(service, behind[0], "port_mapping_mismatch", "/spec/ports", what)


def _wrong(service: Document, behind: Workload, kind: str, path: str, what: str, strength: float = 1.0) -> Mechanism:
    sign = Sign(text=f"Service {service.resource.name} {what}.", uid=service.resource.uid, path=path)
    summary = f"Service {service.resource.display} {what}."
    return Mechanism(
        resource=service.resource.uid, kind=kind, summary=summary, signs=(sign,), strength=strength, stops=(behind.uid,)
    )
