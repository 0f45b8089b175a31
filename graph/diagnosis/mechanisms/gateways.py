"""Gateways that send requests to the wrong backend: routes against the Services that there are.

Routes are read from Ingress, Gateway API and Istio objects, and from the settings of gateways that carry their own:
Spring Cloud Gateway (`spring.cloud.gateway.routes`, also as `SPRING_CLOUD_GATEWAY_ROUTES_0_URI`), nginx (`location` and
`proxy_pass`), Zuul. Which backend a path is meant for is told by its name, as all other routes of the gateway do it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.wanted import settings
from graph.document import Object
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.inventory import uid_near
from graph.kinds.kubernetes.routes import ROUTE_KINDS, backend
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, strings, text
from graph.version import Document

_URI = re.compile(r"(?:lb|https?|grpc|ws)://(?P<host>[a-zA-Z0-9][\w.-]*)(?::(?P<port>\d+))?")
_UPSTREAM = re.compile(r"^\s*server\s+(?P<host>[a-z][\w.-]*[a-z]):(?P<port>\d+)\s*;", re.MULTILINE)
_PATH = re.compile(r"(?:Path\s*=\s*|location\s+(?:=|~\*?|\^~)?\s*|path:\s*[\"']?)(?P<path>/[\w./*{}-]*)")
_VARIABLE = re.compile(r"ROUTES?[_\[.]?(?P<index>\d+)[\]_.]+(?P<field>URI|PREDICATES|ID)", re.IGNORECASE)
_NOT_ROUTED = re.compile(
    r"\b(404|405)\b|not found for url|no (matching )?(handler|route|static resource)|Method Not Allowed", re.IGNORECASE
)
_NO_BACKEND = re.compile(
    r"unable to find instance for (?P<a>[\w.-]+)|no servers available for service: (?P<b>[\w.-]+)"
    r"|host not found in upstream \"(?P<c>[\w.-]+)|Load balancer does not (?:have|contain)[^:]*: (?P<d>[\w.-]+)",
    re.IGNORECASE,
)
_NOISE = frozenset({"api", "v1", "v2", "v3", "rest", "service", "svc", "ts", "app"})


class Route(NamedTuple):
    """One rule of a gateway."""

    uid: str
    """Object that holds it."""
    path: str
    """JSON pointer into that object; empty when it stands in a text."""
    asks: str
    """Path prefix of the requests; may be empty."""
    host: str
    """Name of the backend, first label."""
    port: int | None


def gateways(scene: Scene) -> Iterator[Mechanism]:
    """Yield routes that lead nowhere or elsewhere."""
    kinds = ("Ingress", "VirtualService", *ROUTE_KINDS)
    live = scene.live.of(*kinds)
    # Some readings of a cluster leave kinds out that were applied.
    applied = [] if live else scene.declared.of(*kinds)
    for document in (*live, *applied):
        yield from _judged(scene, document, document.resource.uid, list(_of_object(document)))
    for workload in scene.workloads:
        yield from _judged(scene, workload.document, workload.uid, list(_of_settings(scene, workload)))
        yield from _complaining(scene, workload)
    yield from _strayed(scene)


def _of_object(document: Document) -> Iterator[Route]:
    uid = document.resource.uid
    for i, rule in entries(document.body, "spec", "rules"):
        for j, path in entries(rule, "http", "paths"):
            name, port = backend(mapping(path, "backend"))
            where = f"/spec/rules/{i}/http/paths/{j}/backend"
            yield Route(uid, where, text(path, "path"), name, int(port) if port.isdigit() else None)
        asks = next((text(m, "path", "value") for _, m in entries(rule, "matches")), "")
        for j, reference in entries(rule, "backendRefs"):
            yield Route(uid, f"/spec/rules/{i}/backendRefs/{j}", asks, text(reference, "name"), _port(reference))
    for i, rule in entries(document.body, "spec", "http"):
        asks = next((text(m, "uri", "prefix") or text(m, "uri", "exact") for _, m in entries(rule, "match")), "")
        # Without a path the rule is for all requests to the host, which inside a mesh is a Service.
        asks = asks or next(iter(strings(mapping(document.body, "spec").get("hosts"))), "").partition(".")[0]
        for j, way in entries(rule, "route"):
            host = text(way, "destination", "host").partition(".")[0]
            number = mapping(way, "destination", "port").get("number")
            yield Route(uid, f"/spec/http/{i}/route/{j}", asks, host, number if isinstance(number, int) else None)


def _port(reference: Object) -> int | None:
    port = reference.get("port")
    return port if isinstance(port, int) else None


def _of_settings(scene: Scene, workload: Workload) -> Iterator[Route]:
    """Routes in environment variables, arguments and mounted ConfigMaps."""
    by_index: dict[str, dict[str, tuple[str, str]]] = {}
    for setting in settings(scene, workload):
        variable = _VARIABLE.search(setting.name)
        if variable is not None:
            by_index.setdefault(variable["index"], {})[variable["field"].upper()] = (setting.value, setting.path)
        elif "gateway" in setting.value and "routes" in setting.value:
            yield from _of_text(workload.uid, setting.path, setting.value)
    for fields in by_index.values():
        value, path = fields.get("URI", ("", ""))
        asks = _PATH.search(fields.get("PREDICATES", ("", ""))[0])
        leads = _URI.search(value)
        if leads is not None:
            named = asks["path"] if asks else fields.get("ID", ("", ""))[0]
            yield _route(workload.uid, path, named, leads)
    for holder, content in _mounted(scene, workload):
        yield from _of_text(holder, "", content)


def _mounted(scene: Scene, workload: Workload) -> Iterator[tuple[str, str]]:
    for _, volume in entries(workload.spec, "volumes"):
        name = text(volume, "configMap", "name")
        uid = uid_near(workload.document, kind="ConfigMap", name=name) if name else ""
        document = scene.live.get(uid) or scene.declared.get(uid)
        for value in mapping(document.body, "data").values() if document else ():
            if isinstance(value, str):
                yield uid, value


def _of_text(uid: str, path: str, content: str) -> Iterator[Route]:
    """Pair each path of a configuration with the backend next to it; in YAML either may stand first."""
    if not re.search(r"proxy_pass|predicates|routes", content):
        return
    for found in _UPSTREAM.finditer(content):
        yield _route(uid, path, "", found)
    pieces = re.split(r"\n\s*-\s+(?=id\b|uri\b)|(?=\blocation\s)", content)
    for piece in pieces:
        target, asks = _URI.search(piece), _PATH.search(piece)
        if target is not None and asks is not None:
            yield _route(uid, path, asks["path"], target)


def _route(uid: str, path: str, asks: str, target: re.Match[str]) -> Route:
    port = int(target["port"]) if target["port"] else None
    return Route(uid, path, asks, target["host"].partition(".")[0], port)


def _judged(scene: Scene, holder: Document, uid: str, routes: Sequence[Route]) -> Iterator[Mechanism]:
    services = {s.resource.name: s for s in scene.live.beside(holder, "Service")}
    lowered = {name.lower(): name for name in services}
    for route in routes:
        name = lowered.get(route.host.lower(), "")
        if not name:
            if services and route.host:
                yield _wrong(
                    uid, route, f"sends {route.asks or 'requests'} to {route.host}, and there is no such Service", 0.9
                )
            continue
        ports = {p.get("port") for _, p in entries(services[name].body, "spec", "ports")}
        if route.port is not None and route.port not in ports:
            yield _wrong(uid, route, f"sends {route.asks} to port {route.port} of {name}, which it does not have", 0.9)
        elif (meant := _meant(route.asks, name, list(services))) is not None:
            yield _wrong(uid, route, f"sends {route.asks} to {name}, which is a path of {meant}", 0.9)


def _meant(asks: str, host: str, services: Sequence[str]) -> str | None:
    """The Service that a path is named after, where that is not the one it leads to."""
    words = [w for w in re.split(r"[^a-z0-9]+", asks.lower()) if w and w not in _NOISE]
    for word in words:
        stem = word.removesuffix("service")
        named = [s for s in services if stem and stem == _stem(s)]
        if len(named) == 1:
            return named[0] if named[0] != host else None
    return None


def _stem(name: str) -> str:
    return "".join(w for w in re.split(r"[^a-z0-9]+", name.lower()) if w not in _NOISE).removesuffix("service")


def _wrong(uid: str, route: Route, what: str, strength: float) -> Mechanism:
    name = uid.rpartition("/")[2]
    return Mechanism(
        resource=uid,
        kind="route_mismatch",
        summary=f"The gateway {name} {what}.",
        signs=(Sign(text=f"Its route {what}.", uid=route.uid, path=route.path),),
        strength=strength,
    )


def _complaining(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    """A gateway that says that a backend has no instance, where no Service has such a name."""
    named = {s.resource.name.lower() for s in scene.live.beside(workload.document, "Service")}
    known = {w.document.resource.name.lower() for w in scene.everything}
    for event in scene.said(workload.uid, kind=ObservationKind.LOG):
        found = _NO_BACKEND.search(event.text)
        name = next((g for g in found.groups() if g), "").lower() if found else ""
        if name and named and name.partition(".")[0] not in named | known:
            yield Mechanism(
                resource=workload.uid,
                kind="route_mismatch",
                summary=f"{workload.document.resource.display} looks for {name}, and nothing is called like that.",
                signs=(Sign(text="It says that there is no instance of it.", event=event),),
                strength=0.8,
            )
            return


def _strayed(scene: Scene) -> Iterator[Mechanism]:
    """Requests that come back as not found from a path whose service is well: their way there is wrong."""
    calls = scene.telemetry.calls
    for workload in scene.workloads:
        lost = [e for e in scene.said(workload.uid) if e.reason == CLIENT_ERROR and _NOT_ROUTED.search(e.text)]
        if not lost or not scene.works(workload):
            continue
        ways = {c.caller for c in calls if c.callee == workload.uid}
        front = max(ways, key=lambda uid: (_fans_out(scene, uid), uid), default=None)
        if front is not None and _fans_out(scene, front) > 1:
            yield _lost_on_the_way(front, workload, lost)


def _lost_on_the_way(front: str, workload: Workload, lost: Sequence[SymptomEvent]) -> Mechanism:
    name = workload.document.resource.display
    return Mechanism(
        resource=front,
        kind="route_mismatch",
        summary=f"Requests for {name} come back as not found although it is well: "
        f"{front.rpartition('/')[2]} in front of it sends them elsewhere.",
        signs=tuple(Sign(text="A client says what came back.", event=e) for e in lost[:2]),
        strength=0.6,
        stops=(workload.uid,),
    )


def _fans_out(scene: Scene, uid: str) -> int:
    return len({c.callee for c in scene.telemetry.calls if c.caller == uid})


CLIENT_ERROR = "ClientError"
"""Reason of an event that says what a client of a service got back; its text is what the client says."""
