"""JSON documents of a file to Kubernetes documents of the graph. Decides what is a manifest; does no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from graph.document import Json, Object
from graph.errors import Invalid
from graph.kinds.kubernetes.parse import expand, parse
from graph.resource import Resource
from graph.version import Document, Origin, Unreadable
from tools.adapters.declared_names import declared_objects
from tools.adapters.documents import Broken, Located

_TOOL_GROUPS: Final = frozenset(
    {
        "apiserver.config.k8s.io",
        "audit.k8s.io",
        "backstage.io",
        "cli.kyverno.io",
        "client.authentication.k8s.io",
        "eksctl.io",
        "kind.x-k8s.io",
        "kubeadm.k8s.io",
        "kubelet.config.k8s.io",
        "kubeproxy.config.k8s.io",
        "kubescheduler.config.k8s.io",
        "kustomize.config.k8s.io",
        "skaffold",
    }
)
"""API groups of files that configure programs; no API server holds such objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesReader:
    """How the objects of one source are read."""

    cluster: str
    default_namespace: str | None
    salt: bytes

    def read(self, located: Located, origin: Origin) -> Iterator[Document | Unreadable]:
        """Yield the objects of one document; `List` kinds give one for each entry."""
        try:
            bodies = expand(located.value)
        except Invalid as error:
            yield Unreadable(where=origin.file, reason=error.reason, line=located.line)
            return
        lines = located.item_lines if len(located.item_lines) == len(bodies) else ()
        for index, body in enumerate(bodies):
            line = lines[index] if lines else located.line
            yield self._one(body, replace(origin, line=line))

    def broken(self, part: Broken, origin: Origin) -> Iterator[Unreadable]:
        """Yield what to say of a part that can't be read: once for each resource it seems to declare, or once."""
        reason = part.reason
        if "{{" in part.text:
            reason = f"a template that was not rendered ({reason})"
        named: list[Resource | None] = [r for body in declared_objects(part.text) if (r := self.resource(body))]
        for resource in named or [None]:
            yield Unreadable(where=origin.file, reason=reason, line=part.line, resource=resource)

    def resource(self, body: Object) -> Resource | None:
        """Return the identity of an object of which no more than its names need to be right, or None."""
        metadata = body.get("metadata")
        if not isinstance(metadata, dict):
            return None
        names = {k: v for k, v in metadata.items() if k in {"name", "namespace"}}
        skeleton = {"apiVersion": body.get("apiVersion"), "kind": body.get("kind"), "metadata": names}
        try:
            return parse(
                skeleton, cluster=self.cluster, default_namespace=self.default_namespace, salt=self.salt
            ).resource
        except Invalid:
            return None

    def _one(self, body: Object, origin: Origin) -> Document | Unreadable:
        try:
            return parse(
                body,
                cluster=self.cluster,
                default_namespace=self.default_namespace,
                salt=self.salt,
                origin=origin,
            )
        except Invalid as error:
            return Unreadable(where=origin.file, reason=error.reason, line=origin.line, resource=self.resource(body))


def as_list(value: Json) -> Object | None:
    """Return a bare array of manifests, such as `jq .items` cuts out of a dump, as the `List` it stands for."""
    if isinstance(value, list) and value and all(is_manifest(one) for one in value):
        return {"apiVersion": "v1", "kind": "List", "items": value}
    return None


def what_is_missing(value: Json) -> str | None:
    """Say what a document lacks that is a manifest but for its apiVersion or kind; None for everything else."""
    if not isinstance(value, dict) or is_manifest(value):
        return None
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return None
    given = [isinstance(value.get(key), str) for key in ("apiVersion", "kind")]
    if given == [True, False]:
        return "kind is missing"
    return "apiVersion is missing" if given == [False, True] else None


def is_manifest(value: Json) -> bool:
    """Whether a document is meant for a Kubernetes API server, as opposed to values, workflows and tool settings."""
    if not isinstance(value, dict):
        return False
    api_version, kind = value.get("apiVersion"), value.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str):
        return False
    is_kubeconfig = (api_version, kind) == ("v1", "Config")
    return not is_kubeconfig and api_version.partition("/")[0] not in _TOOL_GROUPS
