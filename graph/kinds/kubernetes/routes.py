"""Ways into and between Services: Ingress and Gateway API routes, their certificates, and DNS aliases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graph.document import Object, pointer
from graph.kinds.kubernetes.inventory import Inventory, uid_near
from graph.kinds.lenient import entries, mapping, text
from graph.relation import Relation, RelationType
from graph.version import Document

ROUTE_KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")


def routes(inventory: Inventory, aliases: Mapping[str, str]) -> Iterator[Relation]:
    """Yield ROUTES_TO from routes to backends, READS to certificates, REFERENCES from routes to gateways."""
    for document in inventory.of("Ingress"):
        yield from _ingress(document)
    for document in inventory.of(*ROUTE_KINDS):
        yield from _gateway_route(document)
    for document in inventory.of("Gateway"):
        for i, listener in entries(document.body, "spec", "listeners"):
            for j, reference in entries(listener, "tls", "certificateRefs"):
                path = pointer("spec", "listeners", i, "tls", "certificateRefs", j)
                yield _to(document, RelationType.READS, reference, path, kind="Secret")
    for document in inventory.of("Service"):
        uid = aliases.get(text(document.body, "spec", "externalName").rstrip(".").lower())
        if uid:
            via = "/spec/externalName"
            yield Relation(source=document.resource.uid, target=uid, type=RelationType.REALISES, via=via)


def backend(body: Object) -> tuple[str, str]:
    """Return (Service name, port number or name) of an Ingress backend, of the current or the first API version."""
    service = mapping(body, "service")
    port = mapping(service, "port")
    name = text(service, "name") or text(body, "serviceName")
    return name, str(port.get("number") or port.get("name") or body.get("servicePort") or "")


def _ingress(document: Document) -> Iterator[Relation]:
    places = []
    for field in ("defaultBackend", "backend"):
        places.append((pointer("spec", field), mapping(document.body, "spec", field), "*"))
    for i, rule in entries(document.body, "spec", "rules"):
        for j, path in entries(rule, "http", "paths"):
            where = (text(rule, "host") or "*") + text(path, "path")
            places.append((pointer("spec", "rules", i, "http", "paths", j, "backend"), mapping(path, "backend"), where))
    for way, body, where in places:
        name, port = backend(body)
        if name:
            yield Relation(
                source=document.resource.uid,
                target=uid_near(document, kind="Service", name=name),
                type=RelationType.ROUTES_TO,
                via=way,
                detail=f"{where} port {port}" if port else where,
            )
    for i, tls in entries(document.body, "spec", "tls"):
        if text(tls, "secretName"):
            yield Relation(
                source=document.resource.uid,
                target=uid_near(document, kind="Secret", name=text(tls, "secretName")),
                type=RelationType.READS,
                via=pointer("spec", "tls", i, "secretName"),
                # Controllers serve a default certificate when the named one is missing.
                optional=True,
            )


def _gateway_route(document: Document) -> Iterator[Relation]:
    for i, rule in entries(document.body, "spec", "rules"):
        for j, reference in entries(rule, "backendRefs"):
            path = pointer("spec", "rules", i, "backendRefs", j)
            port = str(reference.get("port") or "")
            yield _to(document, RelationType.ROUTES_TO, reference, path, kind="Service", detail=port)
    for i, parent in entries(document.body, "spec", "parentRefs"):
        group = "gateway.networking.k8s.io/v1"
        path = pointer("spec", "parentRefs", i)
        yield _to(document, RelationType.REFERENCES, parent, path, kind="Gateway", api_version=group)


def _to(
    document: Document,
    relation: RelationType,
    reference: Object,
    path: str,
    *,
    kind: str,
    api_version: str = "v1",
    detail: str = "",
) -> Relation:
    group = reference.get("group")
    target = uid_near(
        document,
        api_version=f"{group}/v1" if isinstance(group, str) and group else api_version,
        kind=text(reference, "kind") or kind,
        name=text(reference, "name"),
        namespace=text(reference, "namespace") or None,
    )
    return Relation(source=document.resource.uid, target=target, type=relation, via=path, detail=detail)
