"""Write access to a live cluster. Every write carries the version it was decided on, and the API server compares it.

Writes are sent once: whether a write without an answer took effect is for the caller to find out by reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from graph.action import FieldEdit
from graph.document import Object, get, put
from graph.errors import Conflict, Invalid, NotAllowed, NotFound, Refused, Unexpected, Unreachable
from tools.actions.target import LiveObject
from tools.adapters.kubeconfig import ClusterAccess, load_kubeconfig
from tools.adapters.kubernetes_connection import Connection
from tools.adapters.kubernetes_discovery import Listable, discover

_TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
_RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
_FORCE_SYNC: Final = "force-sync"
"""Any new value of this annotation makes the External Secrets operator write its Secret again."""

_WORKLOADS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


class KubernetesTarget:
    """One cluster, as the user of a kubeconfig."""

    def __init__(
        self,
        *,
        kubeconfig: Path,
        context: str | None,
        cluster: str,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            kubeconfig: file with credentials that may write.
            context: context in it; the current one when None.
            cluster: name of the cluster in uids.
            transport: replaces the network, in tests.
        """
        self._kubeconfig = kubeconfig
        self._context = context
        self._cluster = cluster
        self._transport = transport
        self._access: ClusterAccess | None = None
        self._kinds: dict[tuple[str, str], Listable] = {}

    def covers(self, uid: str) -> bool:
        return uid.startswith(f"k8s://{self._cluster}/")

    def read(self, uid: str) -> LiveObject | None:
        path = self._path(uid)
        with Connection(self._reach(), transport=self._transport) as connection:
            try:
                body = connection.get(path)
            except NotFound:
                return None
        metadata = body.get("metadata") or {}
        return LiveObject(body=body, version=f"{metadata.get('uid', '')}/{metadata.get('resourceVersion', '')}")

    def is_healthy(self, uid: str) -> bool:
        """Whether a workload has rolled out completely; any other object is healthy when it exists."""
        live = self.read(uid)
        if live is None:
            return False
        return live.body.get("kind") not in _WORKLOADS or _is_rolled_out(live.body)

    def set_fields(self, uid: str, edits: Sequence[FieldEdit], *, version: str) -> None:
        live = self._still(uid, version)
        body: Object = live.body
        for edit in edits:
            if get(body, edit.path) != edit.before:
                raise Conflict(f"{edit.path} of {uid} has another value by now")
            try:
                body = put(body, edit.path, edit.after)
            except (KeyError, ValueError) as error:
                raise Invalid(f"{edit.path} of {uid} leads nowhere") from error
        # A PUT with a resourceVersion is refused by the server when the object has another one by then.
        self._send("PUT", self._path(uid), body)

    def create(self, uid: str, body: Object) -> None:
        self._send("POST", self._path(uid).rpartition("/")[0], body)

    def delete(self, uid: str, *, version: str) -> None:
        object_uid, _, resource_version = version.partition("/")
        preconditions = {"uid": object_uid, "resourceVersion": resource_version}
        self._send(
            "DELETE",
            self._path(uid),
            {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions},
        )

    def restart(self, uid: str, *, version: str) -> None:
        annotations = {_RESTARTED_AT: datetime.now(UTC).isoformat(timespec="seconds")}
        self._merge(uid, version, {"spec": {"template": {"metadata": {"annotations": annotations}}}})

    def resync_secret(self, uid: str, *, version: str) -> None:
        self._merge(uid, version, {"metadata": {"annotations": {_FORCE_SYNC: str(int(datetime.now(UTC).timestamp()))}}})

    def _merge(self, uid: str, version: str, patch: Object) -> None:
        resource_version = version.partition("/")[2]
        metadata = {**patch.get("metadata", {}), "resourceVersion": resource_version}
        self._send("PATCH", self._path(uid), {**patch, "metadata": metadata}, "application/merge-patch+json")

    def _still(self, uid: str, version: str) -> LiveObject:
        live = self.read(uid)
        if live is None or live.version != version:
            raise Conflict(f"{uid} changed since it was looked at")
        return live

    def _reach(self) -> ClusterAccess:
        if self._access is None:
            self._access = load_kubeconfig(self._kubeconfig, self._context)
        return self._access

    def _path(self, uid: str) -> str:
        """Path of one object. Raises `NotFound` for a kind that the server does not have."""
        _, _, rest = uid.partition("://")
        _, group, kind, namespace, name = rest.split("/", 4)
        if kind == "Secret":
            raise NotAllowed("the executor does not read or write Secrets")
        listable = self._kind("" if group == "core" else group, kind)
        place = f"/namespaces/{quote(namespace, safe='')}" if listable.is_namespaced else ""
        root = listable.path.removesuffix(f"/{listable.plural}")
        return f"{root}{place}/{listable.plural}/{quote(name, safe='')}"

    def _kind(self, group: str, kind: str) -> Listable:
        if (group, kind) not in self._kinds:
            with Connection(self._reach(), transport=self._transport) as connection:
                found, _ = discover(connection, cluster=self._cluster)
            self._kinds = {(one.group, one.kind): one for one in found}
        if (group, kind) not in self._kinds:
            raise NotFound(f"the cluster {self._cluster!r} has no kind {kind!r} in group {group or 'core'!r}")
        return self._kinds[group, kind]

    def _send(self, method: str, path: str, body: Object, content_type: str = "application/json") -> None:
        access = self._reach()
        extensions = {"sni_hostname": access.server_name} if access.server_name else {}
        where = f"the API server {access.server}"
        with httpx.Client(
            base_url=access.server,
            headers={**access.headers, "User-Agent": "plumbline-executor"},
            verify=access.tls,
            timeout=_TIMEOUT,
            transport=self._transport,
            proxy=access.proxy,
            trust_env=access.proxy is None,
        ) as client:
            try:
                response = client.request(
                    method, path, json=body, headers={"Content-Type": content_type}, extensions=extensions
                )
            except httpx.HTTPError as error:
                raise Unreachable(f"{where} gave no answer to {method} {path}: {type(error).__name__}") from error
        _check(response, f"{method} {path} at {where}")


def _check(response: httpx.Response, what: str) -> None:
    if response.is_success:
        return
    reason = _reason(response)
    match response.status_code:
        case 401 | 403:
            raise Refused(f"{what} is not allowed for the executor's user: {reason}")
        case 404:
            raise Conflict(f"{what}: the object is gone")
        case 409:
            raise Conflict(f"{what}: the object changed since it was looked at: {reason}")
        case 400 | 422:
            raise Invalid(f"{what} was not accepted: {reason}")
        case code if code == 429 or code >= 500:
            raise Unreachable(f"{what} was answered with {code}: {reason}")
        case code:
            raise Unexpected(f"{what} was answered with {code}: {reason}")


def _reason(response: httpx.Response) -> str:
    try:
        body: Any = response.json()
    except ValueError:
        return "no reason given"
    return str(body.get("message", ""))[:300] if isinstance(body, dict) else "no reason given"


def _is_rolled_out(body: Mapping[str, Any]) -> bool:
    """Whether the controller has seen the newest spec and all its pods run it and are available."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    if status.get("observedGeneration", 0) < (body.get("metadata") or {}).get("generation", 0):
        return False
    if body.get("kind") == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        counts = (status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0))
    else:
        wanted = spec.get("replicas", 1)
        counts = (status.get("updatedReplicas", 0), status.get("availableReplicas", 0))
    return all(count == wanted for count in counts) and status.get("replicas", wanted) == wanted
