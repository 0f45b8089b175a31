"""What the objects of one namespace say to those of others, in little room: Services, workloads, owners, labels.

Relations of an object follow from what stands in its own namespace, but for a few things that reach further: settings
that name a Service elsewhere, policies that admit callers from elsewhere, and owners that stand in no namespace. These
are kept as documents that hold nothing but what is looked at there.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from graph.codec import decode, encode
from graph.document import Json, Object
from graph.kinds.kubernetes.calls import namespaces_named
from graph.kinds.kubernetes.inventory import Inventory, labels_of
from graph.kinds.kubernetes.network import NAME_LABEL
from graph.kinds.kubernetes.selectors import matches
from graph.kinds.kubernetes.workloads import Workload, template_of, workloads
from graph.kinds.lenient import entries, mapping
from graph.resource import Resource
from graph.version import Document


class Outline(NamedTuple):
    """What the objects of one namespace, or those that stand in none, say to others and want from them."""

    services: bytes
    """Documents of Services with their ports."""
    workloads: bytes
    """Documents of workloads at the top of their owner chains, with the labels of their pods."""
    owners: bytes
    """Documents of objects through which an owner chain may go on; only of those that stand in no namespace."""
    labels: Mapping[str, str]
    """Of the namespace."""
    named: frozenset[str]
    """Namespaces that settings name, whether they exist or not."""
    admitted: tuple[Json, ...]
    """Selectors of namespaces from which policies admit callers."""

    def admits(self, labels: Mapping[str, str]) -> bool:
        """Whether a policy here may admit callers from a namespace with these labels."""
        return any(matches(selector, labels) for selector in self.admitted)


def outline(documents: Sequence[Document], namespace: str, *, owners: Iterable[Document] = ()) -> Outline:
    """Return the outline of the objects of one namespace.

    Args:
        documents: all of one namespace.
        namespace: its name; empty for what is in none.
        owners: the `owners` of what is in none.
    """
    inventory = Inventory(documents)
    chains = Inventory([*documents, *owners]) if namespace else inventory
    tops = [w for w in workloads(chains) if w.uid in inventory]
    spaces = [d for d in inventory.of("Namespace") if d.resource.namespace is None and d.resource.name == namespace]
    return Outline(
        services=_packed(_service(d) for d in inventory.of("Service")),
        workloads=_packed([_workload(w) for w in tops] + [_labels(d) for d in spaces]),
        owners=_packed(() if namespace else (_owner(d) for d in inventory.documents if _may_lead_on(d))),
        labels={NAME_LABEL: namespace, **(labels_of(spaces[0].body) if spaces else {})},
        named=frozenset(name for workload in tops for name in namespaces_named(workload, inventory)) - {namespace},
        admitted=tuple(_admitted(inventory)),
    )


def unpacked(data: bytes) -> Iterator[Document]:
    """Yield the documents of an outline."""
    for resource, body in json.loads(zlib.decompress(data)) if data else ():
        yield Document(resource=decode(Resource, resource), body=body)


def _packed(documents: Iterable[Document]) -> bytes:
    found = sorted(([encode(d.resource), d.body] for d in documents), key=lambda pair: json.dumps(pair, sort_keys=True))
    return zlib.compress(json.dumps(found, sort_keys=True).encode(), 1) if found else b""


def _service(document: Document) -> Document:
    ports = [{"port": port.get("port")} for _, port in entries(document.body, "spec", "ports")]
    address = mapping(document.body, "spec").get("clusterIP")
    return Document(resource=document.resource, body={"spec": {"clusterIP": address, "ports": ports}})


def _workload(workload: Workload) -> Document:
    resource = workload.document.resource
    template = _template(workload.labels)
    return Document(resource=resource, body=template if resource.kind == "Pod" else {"spec": {"template": template}})


def _template(labels: Mapping[str, str]) -> Object:
    return {"metadata": {"labels": dict(labels)}, "spec": {"containers": [{}]}}


def _labels(namespace: Document) -> Document:
    return Document(resource=namespace.resource, body={"metadata": {"labels": labels_of(namespace.body)}})


def _may_lead_on(document: Document) -> bool:
    return template_of(document) is not None or bool(entries(document.body, "metadata", "ownerReferences"))


def _owner(document: Document) -> Document:
    references = [reference for _, reference in entries(document.body, "metadata", "ownerReferences")]
    body: Object = {"metadata": {"ownerReferences": references}}
    if workload := template_of(document):
        template = _template(workload.labels)
        body |= {"spec": template["spec"]} if document.resource.kind == "Pod" else {"spec": {"template": template}}
    return Document(resource=document.resource, body=body)


def _admitted(inventory: Inventory) -> Iterator[Json]:
    for policy in inventory.of("NetworkPolicy"):
        for _, rule in entries(policy.body, "spec", "ingress"):
            for _, peer in entries(rule, "from"):
                if "namespaceSelector" in peer:
                    yield peer["namespaceSelector"]
