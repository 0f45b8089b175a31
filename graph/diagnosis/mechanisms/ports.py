"""Containers of one pod that want the same port: they share its network, so only the first gets it.

Sources: https://kubernetes.io/docs/concepts/workloads/pods/#pod-networking and, for the ports that an injected Istio
proxy takes, https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.probes import restarts
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.stores import line
from graph.document import Object, pointer
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text

PORT_IN_USE = re.compile(
    r"address (is )?already in use|EADDRINUSE|port \d+ (is |was )?already (in use|allocated)|bind: address"
    r"|\[Errno 98\]|BindException|failed to bind|could not bind|bind\(\)[^\n]{0,60} failed|PortInUseException",
    re.IGNORECASE,
)
_ISTIO = frozenset({15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090})
_SIDECAR_KEY = re.compile(r"(istio\.io|linkerd\.io|consul\.hashicorp\.com|dapr\.io)/", re.IGNORECASE)
_PORT_SETTING = re.compile(r"port[\"']?\s*[:=]\s*[\"']?(\d{2,5})", re.IGNORECASE)


def conflicts(scene: Scene) -> Iterator[Mechanism]:
    """Yield pods whose containers take a port from each other."""
    for workload in scene.workloads:
        if scene.works(workload) and not restarts(scene, workload):
            continue
        signs = list(_declared(workload)) or list(_annotated(workload)) or list(_reserved(scene, workload))
        event = line(scene, workload.uid, PORT_IN_USE)
        if event is not None or signs:
            said = [Sign(text="It says that the port is taken.", event=event)] if event is not None else []
            yield Mechanism(
                resource=workload.uid,
                kind="port_in_use",
                summary=f"{workload.document.resource.display} can't listen: another process of its pod has the port.",
                signs=(*said, *signs[:2]),
                strength=1.0 if said and signs else 0.95 if said else 0.7,
            )


def _ports(workload: Workload) -> Iterator[tuple[str, int, object, object]]:
    """Yield (list, position, port, protocol) of what the containers that run side by side declare."""
    for name, index, container in workload.containers():
        if name == "containers" or text(container, "restartPolicy") == "Always":
            for _, port in entries(container, "ports"):
                yield name, index, port.get("containerPort"), port.get("protocol") or "TCP"


def _declared(workload: Workload) -> Iterator[Sign]:
    known = list(_ports(workload))
    owners = Counter((port, protocol) for _, _, port, protocol in dict.fromkeys(known))
    for name, index, port, protocol in known:
        if owners[port, protocol] > 1:
            path = workload.path(name, index, "ports")
            yield Sign(text=f"Two of its containers declare port {port}.", uid=workload.uid, path=path)


def _annotated(workload: Workload) -> Iterator[Sign]:
    """A port that an annotation gives to the sidecar and that the application declares."""
    own = {port for _, _, port, _ in _ports(workload)}
    for key, value in mapping(workload.template, "metadata", "annotations").items():
        if _SIDECAR_KEY.search(key) and isinstance(value, str):
            for found in _PORT_SETTING.finditer(value):
                if int(found[1]) in own:
                    path = pointer(*workload.at, "metadata", "annotations", key)
                    yield Sign(text=f"Its sidecar is set to take port {found[1]}.", uid=workload.uid, path=path)


def _reserved(scene: Scene, workload: Workload) -> Iterator[Sign]:
    if any(_has_istio(p.body) for p in scene.pods(workload.uid)):
        for name, index, port, _ in _ports(workload):
            if port in _ISTIO and "istio-proxy" not in str(workload.spec.get(name)):
                path = workload.path(name, index, "ports")
                yield Sign(text=f"Port {port} is one that the injected proxy takes.", uid=workload.uid, path=path)


def _has_istio(pod: Object) -> bool:
    return any(text(c, "name") == "istio-proxy" for _, c in entries(pod, "spec", "containers"))
