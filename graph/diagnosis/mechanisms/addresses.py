"""Callers that ask at a wrong address: a port that the Service does not have, a name that is none, another's name.

Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.resolution import NOT_RESOLVED
from graph.diagnosis.mechanisms.routing import behind
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.storehouse import is_store
from graph.diagnosis.mechanisms.wanted import (
    Address,
    is_cluster_name,
    meant_service,
    place,
    scene_addresses,
    wanted_ports,
)
from graph.document import get
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.inventory import uid_near
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, text
from graph.version import Document

_GENERIC = re.compile(
    r"^(service|svc|addr|address|host|hostname|url|uri|port|endpoint|server|name|base|api|https?|grpc|tcp)$"
)
_LIKE = 0.88
"""Similarity of two names from which one is taken for the other misspelt."""
_ASKS = re.compile(r"(addr|address|host|hostname|url|uri|endpoint|server)s?$", re.IGNORECASE)
_WRONG_PEER = re.compile(
    r"unimplemented|unknown (service|method)|404|405|not found|unexpected|protocol|malformed|wrongtype", re.IGNORECASE
)


def addressing(scene: Scene) -> Iterator[Mechanism]:
    """Yield callers whose settings name an address that can't answer them."""
    for workload in scene.workloads:
        for address in dict.fromkeys(scene_addresses(scene, workload)):
            service = meant_service(scene, workload, address)
            if service is not None:
                yield from _port(scene, workload, address, service)
                yield from _other(scene, workload, address)
            else:
                yield from _nobody(scene, workload, address)


def _port(scene: Scene, workload: Workload, address: Address, service: Document) -> Iterator[Mechanism]:
    """A port that the named Service does not have, unless it is the Service that lacks what it should have."""
    ports = {p.get("port") for _, p in entries(service.body, "spec", "ports")}
    is_headless = text(service.body, "spec", "clusterIP") == "None"
    served = {
        p.get("containerPort")
        for w in behind(scene, service)
        for _, _, c in w.containers()
        for _, p in entries(c, "ports")
    }
    agree = wanted_ports(scene, service).get(address.port, set())
    if not ports or address.port in ports or (address.port in served) or len(agree) > 1:
        return
    if is_headless and not served:
        return
    heard = _heard(scene, workload, f":{address.port}")
    # The port of a store that is set by itself is a setting of the connection to it, not the address of a service.
    is_pair = str(address.port) == _value_of(workload, address.path)
    stores = is_pair and any(is_store(scene, w) for w in behind(scene, service))
    yield _mechanism(
        workload,
        address,
        f"asks {address.host} at port {address.port}, which that Service does not have",
        heard,
        kind="store_unreachable" if stores else "address_mismatch",
        strength=1.0 if heard else 0.9,
    )


def _other(scene: Scene, workload: Workload, address: Address) -> Iterator[Mechanism]:
    """A setting that is named after one Service and holds the address of another."""
    words = [w for w in re.split(r"[^a-z0-9]+", address.name.lower()) if w and not _GENERIC.match(w)]
    stem = "".join(words)
    named = [s.resource.name for s in scene.live.beside(workload.document, "Service")]
    own = [n for n in named if stem and _plain(n) in (stem, f"{stem}service", f"{stem}svc")]
    if len(stem) > 2 and own and address.host not in own and stem not in _plain(address.host):
        lines = [e for e in scene.said(workload.uid, kind=ObservationKind.LOG) if _WRONG_PEER.search(e.text)]
        heard = tuple(Sign(text="What it asks does not know the request.", event=e) for e in lines[-1:])
        what = f"asks {address.host} where its setting {address.name} is named after {own[0]}"
        yield _mechanism(workload, address, what, heard, strength=0.9 if heard else 0.7)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def _nobody(scene: Scene, workload: Workload, address: Address) -> Iterator[Mechanism]:
    """A name that no Service has."""
    if not is_cluster_name(address) or place(address) not in (None, workload.namespace):
        return
    if uid_near(workload.document, kind="Service", name=address.host) in scene.declared:
        return  # The address is right: what it names was declared and could not be made.
    if not scene.live.beside(workload.document, "Service"):
        return
    lines = [e for e in scene.said(workload.uid, kind=ObservationKind.LOG) if is_unresolved(e, address.host)]
    heard = tuple(Sign(text="It says that the name does not resolve.", event=e) for e in lines[-1:])
    if heard or (_ASKS.search(address.name) and address.path):
        named = [s.resource.name for s in scene.live.beside(workload.document, "Service")]
        is_misspelt = any(_is_close(address.host, name) for name in named)
        what = f"asks for {address.host}, and there is no such Service"
        # Settings for parts that are not installed are common and harmless, as long as nobody asks for them.
        strength = 1.0 if heard else 0.6 if is_misspelt else 0.2
        yield _mechanism(workload, address, what, heard, strength=strength)


def _is_close(one: str, other: str) -> bool:
    """Whether one name looks like another misspelt, shortened or lengthened."""
    return other in one or SequenceMatcher(None, one, other).ratio() >= _LIKE


def _value_of(workload: Workload, path: str) -> str:
    found = get(workload.document.body, path) if path else ""
    return found if isinstance(found, str) else ""


def is_unresolved(event: SymptomEvent, host: str) -> bool:
    """Whether a line says that just this name does not resolve."""
    return host in event.text and NOT_RESOLVED.search(event.text) is not None


def _heard(scene: Scene, workload: Workload, needle: str) -> tuple[Sign, ...]:
    lines = [e for e in scene.said(workload.uid, kind=ObservationKind.LOG) if needle in e.text]
    return tuple(Sign(text="It says that this address does not answer.", event=e) for e in lines[-1:])


def _mechanism(
    workload: Workload,
    address: Address,
    what: str,
    heard: tuple[Sign, ...],
    *,
    kind: str = "address_mismatch",
    strength: float,
) -> Mechanism:
    sign = Sign(text=f"Its setting {address.name} says {address.value[:120]}.", uid=workload.uid, path=address.path)
    summary = f"{workload.document.resource.display} {what}."
    return Mechanism(resource=workload.uid, kind=kind, summary=summary, signs=(sign, *heard), strength=strength)
