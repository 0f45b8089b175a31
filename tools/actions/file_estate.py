"""Writes to a file-backed estate through its simulated API server and cloud API; used by the executor only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from graph.action import Action, FieldEdit
from graph.document import Object, put
from graph.errors import Conflict, Invalid, NotFound, Unexpected, Unreachable
from graph.fault import Fault
from graph.kinds.kubernetes.health import faults
from graph.kinds.kubernetes.parse import parse
from graph.kinds.terraform.embedded import get_through, put_through
from tools.actions.holding import holds
from tools.actions.simulated_cluster.api_server import ApiServer, key_of
from tools.actions.simulated_cluster.cloud_api import CloudApi
from tools.actions.simulated_cluster.controllers import FORCE_SYNC
from tools.actions.simulated_cluster.identity import Caller, CloudCaller
from tools.actions.simulated_cluster.settle import settle
from tools.actions.simulated_cluster.store import EstateStore, copied, locked, stamp
from tools.actions.target import LiveObject
from tools.adapters.estate_files import EstateFiles, Key, cloud_file, object_file
from tools.failpoints import failpoint

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""Annotation of a pod template by which `kubectl rollout restart` makes a new revision of the same pods."""

_ADDRESS = "10.40.2.61"
_AGENT = "plumbline-executor/1"
_NO_SALT = b"only compared within one reading"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a uid stands in the estate; exactly one of the two is set."""

    key: Key | None = None
    address: str = ""


class FileEstateTarget:
    """A `Target` over an estate directory. The version check and the write happen under one lock, across processes."""

    def __init__(
        self,
        path: Path,
        *,
        cluster: str,
        stack: str,
        actor: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Describe where to write.

        Args:
            path: directory of the estate.
            cluster: name of its cluster in uids.
            stack: name of its cloud stack in uids.
            actor: name under which writes stand in the audit logs.
            clock: gives the present, UTC.
        """
        self._files = EstateFiles(path)
        self._root = path
        self._cluster = cluster
        self._stack = stack
        self._actor = actor
        self._clock = clock

    def covers(self, uid: str) -> bool:
        """Whether this estate holds the resource."""
        return uid.startswith((f"k8s://{self._cluster}/", f"tf://{self._stack}/"))

    def read(self, uid: str) -> LiveObject | None:
        """Return the live object, or None when it does not exist.

        Raises:
            Unreachable: there is no estate.
            Unexpected: its file can't be parsed.
        """
        self._check()
        place = self._place(uid)
        file = object_file(self._root, place.key) if place.key else cloud_file(self._root, place.address)
        try:
            body = self._files.one(file)
        except ValueError as error:
            raise Unexpected(f"{file.name} can't be read: {error}") from error
        return LiveObject(body=copied(body), version=_version(body)) if body is not None else None

    def is_healthy(self, uid: str) -> bool:
        """Whether neither the resource nor a pod of it has a fault, and no rollout of it is under way.

        Raises:
            Unreachable: there is no estate.
            Unexpected: a file can't be parsed.
        """
        with self._open(writes=False) as store:
            if store.runtime["unsettled"]:
                # A writer was killed before the controllers ran. A real cluster would have caught up by itself.
                settle(store, self._now())
                store.flush(self._root, durable=False)
            place = self._place(uid)
            if place.key is None:
                return place.address in store.cloud
            body = store.objects.get(place.key)
            if body is None:
                return False
            concerned = {uid} | {self._uid(b) for b in _belonging(store, body)}
            return not _is_rolling(body) and not any(f.uid in concerned for f in self._faults(store))

    def rehearse(self, action: Action, *, version: str) -> Object | None:
        """Say nothing: files make of an action what it says."""
        del action, version
        return None

    def set_fields(self, uid: str, edits: Sequence[FieldEdit], *, version: str) -> None:
        """Write fields of an existing object; pointers may go on into JSON texts such as policies.

        Raises:
            NotFound: the object does not exist.
            Conflict: it has another version by now, or a field does not hold what the edit was decided on.
            Invalid: a pointer leads nowhere.
        """
        with self._open() as store:
            place = self._place(uid)
            body = copied(self._current(store, place, version))
            for edit in edits:
                if get_through(body, edit.path) != edit.before and not holds(body, edit.path, edit.before):
                    raise Conflict(f"{uid}{edit.path} does not hold what it held when this was decided")
                body = put_through(body, edit.path, edit.after)
            self._store(store, place, body)

    def create(self, uid: str, body: Object) -> None:
        """Create an object.

        Raises:
            Conflict: it exists.
            Invalid: the body is that of another resource.
        """
        with self._open() as store:
            place = self._place(uid)
            if place.key is None:
                if place.address in store.cloud:
                    raise Conflict(f"{uid} exists")
                self._cloud(store).put(
                    place.address, copied(body["values"]), by=self._cloud_caller(store), at=self._now()
                )
                return
            if key_of(body) != place.key:
                raise Invalid(f"the body is not that of {uid}")
            clean = copied(body)
            for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"):
                clean["metadata"].pop(field, None)
            clean.pop("status", None)
            ApiServer(store).create(place.key, clean, by=self._caller(), at=self._now())

    def delete(self, uid: str, *, version: str) -> None:
        """Delete an object.

        Raises:
            NotFound: it does not exist.
            Conflict: it has another version by now.
        """
        with self._open() as store:
            place = self._place(uid)
            self._current(store, place, version)
            if place.key:
                ApiServer(store).delete(place.key, by=self._caller(), at=self._now())
            else:
                self._cloud(store).delete(place.address, by=self._cloud_caller(store), at=self._now())

    def restart(self, uid: str, *, version: str) -> None:
        """Roll the pods of a workload, as `kubectl rollout restart` does.

        Raises:
            NotFound: it does not exist.
            Conflict: it has another version by now.
            Invalid: it has no pod template.
        """
        with self._open() as store:
            place = self._place(uid)
            body = self._current(store, place, version)
            if "template" not in (body.get("spec") or {}):
                raise Invalid(f"{uid} has no pods to restart")
            mark = self._now().isoformat(timespec="seconds")
            path = "/spec/template/metadata/annotations/" + RESTARTED_AT.replace("/", "~1")
            self._store(store, place, put(body, path, mark))

    def resync_secret(self, uid: str, *, version: str) -> None:
        """Ask the operator of an ExternalSecret to write its Secret again; no value passes through here.

        Raises:
            NotFound: it does not exist.
            Conflict: it has another version by now.
            Invalid: it is no ExternalSecret.
        """
        with self._open() as store:
            place = self._place(uid)
            body = self._current(store, place, version)
            if place.key is None or place.key.kind != "ExternalSecret":
                raise Invalid(f"{uid} is no ExternalSecret")
            self._store(store, place, put(body, f"/metadata/annotations/{FORCE_SYNC}", stamp(self._now())))

    def _now(self) -> datetime:
        return self._clock()

    def _check(self) -> None:
        if not (self._root / "kubernetes").is_dir():
            raise Unreachable(f"no estate at {self._root}; build it with `plumbline up --demo`")

    @contextmanager
    def _open(self, *, writes: bool = True) -> Iterator[EstateStore]:
        """Give the estate to one writer; what it wrote is on disk before the controllers run."""
        self._check()
        with locked(self._root):
            try:
                store = EstateStore.load(self._files)
            except ValueError as error:
                raise Unexpected(f"the estate at {self._root} can't be read: {error}") from error
            yield store
            if writes:
                store.runtime["unsettled"] = True
                store.flush(self._root, durable=True)
                failpoint("effect.written")
                settle(store, self._now())
                store.flush(self._root, durable=False)

    def _place(self, uid: str) -> _Place:
        if uid.startswith(f"tf://{self._stack}/"):
            return _Place(address=uid.removeprefix(f"tf://{self._stack}/"))
        parts = uid.removeprefix(f"k8s://{self._cluster}/").split("/")
        if not uid.startswith(f"k8s://{self._cluster}/") or len(parts) != 4:
            raise NotFound(f"{uid} is not part of this estate")
        _, kind, namespace, name = parts
        return _Place(key=Key("" if namespace == "-" else namespace, kind, name))

    def _uid(self, body: Object) -> str:
        return parse(body, cluster=self._cluster, salt=_NO_SALT).resource.uid

    def _current(self, store: EstateStore, place: _Place, version: str) -> Object:
        body = store.objects.get(place.key) if place.key else store.cloud.get(place.address)
        label = f"{place.key.kind} {place.key.namespace}/{place.key.name}" if place.key else place.address
        if body is None:
            raise NotFound(f"{label} does not exist")
        if _version(body) != version:
            raise Conflict(f"{label} is at version {_version(body)}, not {version}: it changed since it was read")
        return body

    def _store(self, store: EstateStore, place: _Place, body: Object) -> None:
        if place.key:
            ApiServer(store).update(place.key, body, by=self._caller(), at=self._now())
        else:
            self._cloud(store).put(place.address, body["values"], by=self._cloud_caller(store), at=self._now())

    def _faults(self, store: EstateStore) -> list[Fault]:
        bodies = (body for key, body in store.objects.items() if key.kind != "Event")
        return faults([parse(body, cluster=self._cluster, salt=_NO_SALT) for body in bodies])

    def _cloud(self, store: EstateStore) -> CloudApi:
        return CloudApi(store, region=store.behaviour["cloud"]["region"])

    def _caller(self) -> Caller:
        groups = ("system:serviceaccounts", "system:serviceaccounts:plumbline", "system:authenticated")
        username = f"system:serviceaccount:plumbline:{self._actor}"
        return Caller(username=username, groups=groups, address=_ADDRESS, user_agent=_AGENT, manager=self._actor)

    def _cloud_caller(self, store: EstateStore) -> CloudCaller:
        return CloudCaller(
            account=store.behaviour["cloud"]["account"],
            role=self._actor,
            session=self._actor,
            address=_ADDRESS,
            user_agent=_AGENT,
        )


def _version(body: Object) -> str:
    meta = body.get("metadata")
    return f"{meta['uid']}/{meta['resourceVersion']}" if meta else str(body["version"])


def _belonging(store: EstateStore, body: Object) -> Iterator[Object]:
    """Yield what a controller made for this object, down to its pods."""
    uid = body["metadata"]["uid"]
    for child in list(store.objects.values()):
        if any(owner["uid"] == uid for owner in child["metadata"].get("ownerReferences", [])):
            yield child
            yield from _belonging(store, child)


def _is_rolling(body: Object) -> bool:
    status, wanted = body.get("status", {}), body.get("spec", {}).get("replicas")
    if body["kind"] not in ("Deployment", "StatefulSet") or wanted is None:
        return False
    return bool(status.get("updatedReplicas", 0) != wanted or status.get("readyReplicas", 0) != wanted)
