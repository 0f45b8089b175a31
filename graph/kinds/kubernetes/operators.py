"""Names under which programs that run in the cluster write to objects of others (rule N22).

A program that does not choose a field manager is known by the name of its binary; most operators and webhooks run in a
workload or container of the same name. Names are self-declared, so this bounds a claim and proves nothing.
https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graph.kinds.lenient import entries, strings
from graph.version import Document

WORKLOADS = frozenset({"DaemonSet", "Deployment", "StatefulSet"})
_OF_PEOPLE = ("kubectl", "helm", "terraform", "k9s")
"""Beginnings of names that people's clients have, whatever runs in a container of that name."""


def operators(programs: Iterable[str]) -> frozenset[str]:
    """Return those of the programs in observed workloads that may be operators: not what people use."""
    return frozenset(name for name in programs if name and not name.startswith(_OF_PEOPLE))


def programs(document: Document) -> Iterator[str]:
    """Yield the names of the programs that an observed workload runs; none for any other object."""
    if document.resource.kind not in WORKLOADS:
        return
    yield document.resource.name
    spec = document.body.get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    pod = template.get("spec") if isinstance(template, dict) else None
    for _, container in entries(pod if isinstance(pod, dict) else {}, "containers"):
        yield str(container.get("name", ""))
        command = strings(container.get("command"))
        if command:
            yield command[0].rpartition("/")[2]
