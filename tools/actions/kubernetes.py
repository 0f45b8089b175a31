"""Write access to a live cluster. Every write carries the version it was decided on, and the API server compares it.

Writes are sent once: whether a write without an answer took effect is for the caller to find out by reading. Before
that, the server may be asked what it would make of one:
https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx

from graph.action import Action, ActionKind, FieldEdit
from graph.document import Object, get, put
from graph.errors import Conflict, Invalid, NotAllowed, NotFound, Refused, Unexpected, Unreachable
from graph.kinds.kubernetes.schema import UNKNOWN, type_of
from graph.kinds.kubernetes.scope import identity_group
from tools.actions.holding import holds
from tools.actions.target import LiveObject
from tools.adapters.kubeconfig import ClusterAccess, load_kubeconfig
from tools.adapters.kubernetes_connection import Connection
from tools.adapters.kubernetes_discovery import Listable, discover

_TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
_RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
_FORCE_SYNC: Final = "force-sync"
"""Any new value of this annotation makes the External Secrets operator write its Secret again."""

_REHEARSES_SINCE: Final = 18
"""The first minor version in which every server of Kubernetes itself knows dry runs; one that doesn't would act."""
_NO_REHEARSAL: Final = "does not support dry run"
"""What the server says when it would have to ask a webhook that may have effects of its own."""
_MERGE_PATCH: Final = "application/merge-patch+json"

_WORKLOADS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


class _Write(NamedTuple):
    """One request that writes."""

    method: str
    path: str
    body: Object
    content_type: str = "application/json"


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
        body = self._get(uid)
        if body is None and not self._is_served(uid):
            # The cluster was upgraded since it was asked for its kinds: that this path is unknown tells nothing.
            self._kinds = {}
            body = self._get(uid)
        if body is None:
            return None
        metadata = body.get("metadata") or {}
        return LiveObject(body=body, version=f"{metadata.get('uid', '')}/{metadata.get('resourceVersion', '')}")

    def is_healthy(self, uid: str) -> bool:
        """Whether a workload has rolled out completely; any other object is healthy when it exists."""
        live = self.read(uid)
        if live is None:
            return False
        return live.body.get("kind") not in _WORKLOADS or _is_rolled_out(live.body)

    def rehearse(self, action: Action, *, version: str) -> Object | None:
        if not self._is_rehearsed(action.target):
            return None
        match action.kind:
            case ActionKind.SET_FIELDS:
                write = self._edit(action.target, action.edits, version)
            case ActionKind.CREATE_OBJECT:
                write = self._creation(action.target, action.body or {})
            case ActionKind.RESTART_WORKLOAD:
                write = self._restart(action.target, version)
            case _:
                return None
        try:
            return self._send(write, is_rehearsal=True) or None
        except Invalid as error:
            if _NO_REHEARSAL in str(error):
                return None
            raise

    def set_fields(self, uid: str, edits: Sequence[FieldEdit], *, version: str) -> None:
        self._send(self._edit(uid, edits, version))

    def create(self, uid: str, body: Object) -> None:
        self._send(self._creation(uid, body))

    def delete(self, uid: str, *, version: str) -> None:
        object_uid, _, resource_version = version.partition("/")
        preconditions = {"uid": object_uid, "resourceVersion": resource_version}
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        self._send(_Write("DELETE", self._path(uid), options))

    def restart(self, uid: str, *, version: str) -> None:
        self._send(self._restart(uid, version))

    def resync_secret(self, uid: str, *, version: str) -> None:
        now = str(int(datetime.now(UTC).timestamp()))
        self._send(self._merge(uid, version, {"metadata": {"annotations": {_FORCE_SYNC: now}}}))

    def _edit(self, uid: str, edits: Sequence[FieldEdit], version: str) -> _Write:
        live = self._still(uid, version)
        body: Object = live.body
        for edit in edits:
            if not holds(body, edit.path, edit.before):
                raise Conflict(f"{edit.path} of {uid} has another value by now")
            try:
                body = put(body, edit.path, edit.after)
            except (KeyError, ValueError) as error:
                raise Invalid(f"{edit.path} of {uid} leads nowhere") from error
        # A PUT with a resourceVersion is refused by the server when the object has another one by then.
        return _Write("PUT", self._path(uid), body)

    def _creation(self, uid: str, body: Object) -> _Write:
        path = self._path(uid).rpartition("/")[0]
        kind = self._kind_of(uid)
        declared = str(body.get("apiVersion", ""))
        if declared != kind.api_version:
            # A body is read as the version that it names; in another one its fields may mean something else.
            own = replace(kind, group=declared.rpartition("/")[0], version=declared.rpartition("/")[2])
            if not self._has(own):
                raise Invalid(
                    f"{uid} is declared as {declared}, which the cluster does not serve: "
                    f"declare it as {kind.api_version}"
                )
            path = own.root + path.removeprefix(kind.root)
        return _Write("POST", path, body)

    def _restart(self, uid: str, version: str) -> _Write:
        annotations = {_RESTARTED_AT: datetime.now(UTC).isoformat(timespec="seconds")}
        return self._merge(uid, version, {"spec": {"template": {"metadata": {"annotations": annotations}}}})

    def _merge(self, uid: str, version: str, patch: Object) -> _Write:
        resource_version = version.partition("/")[2]
        metadata = {**patch.get("metadata", {}), "resourceVersion": resource_version}
        return _Write("PATCH", self._path(uid), {**patch, "metadata": metadata}, _MERGE_PATCH)

    def _is_rehearsed(self, uid: str) -> bool:
        """Whether the server is sure to rehearse a write and not to do it: of a kind of its own, and new enough.

        Another kind may be served by another program, which may not know what a rehearsal is.
        """
        kind = self._kind_of(uid)
        if type_of(kind.group, kind.version, kind.kind) is UNKNOWN:
            return False
        with Connection(self._reach(), transport=self._transport) as connection:
            try:
                told = connection.get("/version")
            except (NotFound, Refused):
                return False
        major, minor = str(told.get("major", "")), str(told.get("minor", "")).rstrip("+")
        return major == "1" and minor.isdigit() and int(minor) >= _REHEARSES_SINCE

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
        kind = self._kind_of(uid)
        _, _, _, namespace, name = uid.partition("://")[2].split("/", 4)
        place = f"/namespaces/{quote(namespace, safe='')}" if kind.is_namespaced else ""
        return f"{kind.root}{place}/{kind.plural}/{quote(name, safe='')}"

    def _get(self, uid: str) -> Object | None:
        path = self._path(uid)
        with Connection(self._reach(), transport=self._transport) as connection:
            try:
                return connection.get(path)
            except NotFound:
                return None

    def _kind_of(self, uid: str) -> Listable:
        _, group, kind, _, _ = uid.partition("://")[2].split("/", 4)
        if kind == "Secret":
            raise NotAllowed("the executor does not read or write Secrets")
        return self._kind("" if group == "core" else group, kind)

    def _kind(self, group: str, kind: str) -> Listable:
        if (group, kind) not in self._kinds:
            with Connection(self._reach(), transport=self._transport) as connection:
                found, _ = discover(connection, cluster=self._cluster)
            self._kinds = {}
            for one in found:
                # Of two groups that serve the same objects the first one counts, as for whoever observes the cluster.
                self._kinds.setdefault((identity_group(one.group, one.kind), one.kind), one)
        if (group, kind) not in self._kinds:
            raise NotFound(f"the cluster {self._cluster!r} has no kind {kind!r} in group {group or 'core'!r}")
        return self._kinds[group, kind]

    def _is_served(self, uid: str) -> bool:
        return self._has(self._kind_of(uid))

    def _has(self, kind: Listable) -> bool:
        """Whether the server has a kind in this very version."""
        with Connection(self._reach(), transport=self._transport) as connection:
            try:
                resources = connection.get(kind.root).get("resources")
            except NotFound:
                return False
        return isinstance(resources, list) and any(
            isinstance(r, dict) and (r.get("name"), r.get("kind")) == (kind.plural, kind.kind) for r in resources
        )

    def _send(self, write: _Write, *, is_rehearsal: bool = False) -> Object:
        """Send a write once; returns what the server made of it, or would make of it."""
        method, path, body, content_type = write
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
                    method,
                    path,
                    params={"dryRun": "All"} if is_rehearsal else {},
                    json=body,
                    headers={"Content-Type": content_type},
                    extensions=extensions,
                )
            except httpx.HTTPError as error:
                raise Unreachable(f"{where} gave no answer to {method} {path}: {type(error).__name__}") from error
        _check(response, f"{'rehearsal of ' if is_rehearsal else ''}{method} {path} at {where}")
        return _object(response)


def _object(response: httpx.Response) -> Object:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


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
    return str(_object(response).get("message", "no reason given"))[:300]


def _available(body: Mapping[str, Any], status: Mapping[str, Any]) -> Any:
    """Pods that are available. Before 1.22, a StatefulSet counts those that are ready only, which is the same there."""
    is_counted = body.get("kind") != "StatefulSet" or "availableReplicas" in status
    waits = (body.get("spec") or {}).get("minReadySeconds")
    return status.get("availableReplicas" if is_counted or waits else "readyReplicas", 0)


def _is_rolled_out(body: Mapping[str, Any]) -> bool:
    """Whether the controller has seen the newest spec and all its pods run it and are available."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    if status.get("observedGeneration", 0) < (body.get("metadata") or {}).get("generation", 0):
        return False
    if body.get("kind") == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    else:
        wanted = spec.get("replicas", 1)
        updated, available = status.get("updatedReplicas", 0), _available(body, status)
    held_back = get(spec, "/updateStrategy/rollingUpdate/partition") or 0
    is_updated = updated == wanted if not held_back else updated >= wanted - held_back
    return bool(is_updated and available == wanted and status.get("replicas", wanted) == wanted)
