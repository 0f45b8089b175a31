"""Which kinds an API server has and how to list them. Understands aggregated discovery and the older two-step one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from graph.document import Json, Object
from graph.errors import NotFound, OutsideError, Refused, Unexpected
from graph.kinds.kubernetes.scope import identity_group
from graph.resource import kubernetes_scope
from graph.version import Unreadable
from tools.adapters.kubernetes_connection import Connection, Denied

_AGGREGATED: Final = ",".join(
    [
        *(f"application/json;g=apidiscovery.k8s.io;v={v};as=APIGroupDiscoveryList" for v in ("v2", "v2beta1")),
        "application/json",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listable:
    """One kind that can be listed, in the version that the server prefers."""

    group: str
    version: str
    kind: str
    plural: str
    is_namespaced: bool
    is_watchable: bool = False
    """Whether the server sends changes of its objects by itself."""

    @property
    def api_version(self) -> str:
        """`apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        """Path that lists its objects in all namespaces."""
        return f"{self.root}/{self.plural}"

    def path_in(self, namespace: str) -> str:
        """Path that lists its objects in one namespace."""
        return f"{self.root}/namespaces/{namespace}/{self.plural}"

    @property
    def title(self) -> str:
        """Name of the kind as RBAC rules and `kubectl` spell it, e.g. `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def scope(self, cluster: str, namespace: str | None = None) -> str:
        """What the uids of its objects begin with: of all, or of those in one namespace."""
        group = identity_group(self.group, self.kind)
        return kubernetes_scope(cluster=cluster, group=group, kind=self.kind, namespace=namespace)

    @property
    def root(self) -> str:
        """Path of its API version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


def discover(connection: Connection, *, cluster: str) -> tuple[list[Listable], list[Unreadable]]:
    """Return the kinds of a server, each in one version, and the API groups that could not be asked.

    Args:
        connection: to the server.
        cluster: name of the cluster in uids.

    Raises:
        OutsideError: the server can't be asked at all.
    """
    found: list[Listable] = []
    faults: list[Unreadable] = []
    for root in ("/api", "/apis"):
        try:
            answer = connection.get(root, accept=_AGGREGATED)
        except NotFound as error:
            if root == "/apis":
                raise Unexpected(f"{error}: is this a Kubernetes API server?") from error
            # A control plane of custom kinds only has no core group; a proxy that hides it looks the same.
            scopes = (kubernetes_scope(cluster=cluster, group=""),)
            faults.append(Unreadable(where=root, reason=str(error), scopes=scopes))
            continue
        if answer.get("kind") == "APIGroupDiscoveryList":
            found += _aggregated(answer, cluster, faults)
        elif answer.get("kind") == "APIVersions":
            found += _stepwise(connection, cluster, "", _texts(answer.get("versions")), faults)
        elif answer.get("kind") == "APIGroupList":
            for group in _objects(answer.get("groups")):
                name = str(group.get("name", ""))
                found += _stepwise(connection, cluster, name, _preferred(group), faults)
        else:
            raise Unexpected(f"GET {root} gave {answer.get('kind')!r}, no discovery: is this a Kubernetes API server?")
    unique: dict[tuple[str, str], Listable] = {}
    for one in found:
        unique.setdefault((one.group, one.plural), one)
    return list(unique.values()), faults


def _aggregated(answer: Object, cluster: str, faults: list[Unreadable]) -> Iterator[Listable]:
    for group in _objects(answer.get("items")):
        metadata = group.get("metadata")
        name = str(metadata.get("name") or "") if isinstance(metadata, dict) else ""
        for version in _objects(group.get("versions")):
            label = str(version.get("version", ""))
            if version.get("freshness") == "Stale":
                reason = "the server behind this API group does not answer; its kinds may be out of date"
                scopes = (kubernetes_scope(cluster=cluster, group=name),)
                faults.append(Unreadable(where=f"/apis/{name}/{label}", reason=reason, scopes=scopes))
            for resource in _objects(version.get("resources")):
                kind, verbs = resource.get("responseKind"), _texts(resource.get("verbs"))
                if "list" in verbs and isinstance(kind, dict) and kind.get("kind"):
                    yield Listable(
                        group=name,
                        version=label,
                        kind=str(kind["kind"]),
                        plural=str(resource.get("resource")),
                        is_namespaced=resource.get("scope") == "Namespaced",
                        is_watchable="watch" in verbs,
                    )


def _stepwise(
    connection: Connection, cluster: str, group: str, versions: list[str], faults: list[Unreadable]
) -> Iterator[Listable]:
    for version in versions:
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        try:
            answer = connection.get(path)
        except (NotFound, OutsideError) as error:
            if isinstance(error, Refused) and not isinstance(error, Denied):
                raise
            scopes = (kubernetes_scope(cluster=cluster, group=group),)
            faults.append(Unreadable(where=path, reason=str(error), scopes=scopes))
            continue
        for resource in _objects(answer.get("resources")):
            name, kind, verbs = resource.get("name"), resource.get("kind"), _texts(resource.get("verbs"))
            if isinstance(name, str) and "/" not in name and kind and "list" in verbs:
                yield Listable(
                    group=group,
                    version=version,
                    kind=str(kind),
                    plural=name,
                    is_namespaced=resource.get("namespaced") is True,
                    is_watchable="watch" in verbs,
                )


def _preferred(group: Object) -> list[str]:
    versions = [str(v.get("version")) for v in _objects(group.get("versions"))]
    preferred = group.get("preferredVersion")
    first = [str(preferred.get("version"))] if isinstance(preferred, dict) else []
    return list(dict.fromkeys([*first, *versions]))


def _objects(value: Json) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Json) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
