"""Working copy of an estate: what is in it, what changed, and how that gets to disk safely."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import yaml

from graph.document import Json, Object
from tools.adapters.estate_files import CLUSTER_FOLDER, EstateFiles, Key, cloud_file, log_file, object_file

_DUMPER: type[yaml.CSafeDumper] | type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the estate alone, across processes. The lock stands beside the directory, so that a reset keeps it."""
    root.parent.mkdir(parents=True, exist_ok=True)
    with (root.parent / f".{root.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class EstateStore:
    """All objects of an estate in memory. Nothing is on disk before `flush`; the caller holds the lock meanwhile."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.cloud: dict[str, Object] = {}
        self.behaviour: Object = {}
        """What each workload needs to work: `behaviour.yaml`."""
        self.registry: Object = {}
        """Which images exist: `registry.yaml`."""
        self.secrets: dict[str, dict[str, str]] = {}
        """Contents of the secret store by path: `secret-store.yaml`."""
        self.runtime: Object = {"revision": 1000, "pods": {}, "synced": {}, "outside": {}, "unsettled": False}
        """What a real cluster keeps out of its API: what running processes read at start, load, the outside world."""
        self._ordered: dict[str, list[Key]] = {}
        """Keys of a kind in order; absent after one came or went."""
        self._dirty: dict[Key, None] = {}
        self._dirty_cloud: dict[str, None] = {}
        self._lines: dict[str, list[Object]] = {}
        self._logs: dict[tuple[str, str], list[Object]] = {}

    @classmethod
    def load(cls, files: EstateFiles) -> EstateStore:
        """Read an estate directory.

        Raises:
            ValueError: a file can't be parsed; a simulation can't go on without it.
        """
        store = cls()
        for file, body in files.objects():
            if isinstance(body, ValueError):
                raise body
            namespace = file.parent.parent.name
            store.objects[Key("" if namespace == CLUSTER_FOLDER else namespace, file.parent.name, file.stem)] = body
        for _, body in files.cloud():
            if isinstance(body, ValueError):
                raise body
            store.cloud[body["address"]] = body
        store.behaviour = files.one(files.root / "behaviour.yaml") or {}
        store.registry = files.one(files.root / "registry.yaml") or {}
        store.secrets = files.one(files.root / "secret-store.yaml") or {}
        store.runtime = json.loads((files.root / "runtime.json").read_text())
        return store

    def next_revision(self) -> str:
        """Return the next resource version; it grows over the whole cluster as in etcd."""
        self.runtime["revision"] += 1
        return str(self.runtime["revision"])

    def put(self, key: Key, body: Object) -> None:
        """Keep an object; one that equals what is there is no write."""
        known = self.objects.get(key)
        if known is None:
            self._ordered.pop(key.kind, None)
        if known != body:
            self.objects[key] = body
            self._dirty[key] = None

    def remove(self, key: Key) -> None:
        """Forget an object; nothing happens when it does not exist."""
        if self.objects.pop(key, None) is not None:
            self._ordered.pop(key.kind, None)
            self._dirty[key] = None

    def put_cloud(self, address: str, body: Object) -> None:
        """Keep a cloud resource."""
        if self.cloud.get(address) != body:
            self.cloud[address] = body
            self._dirty_cloud[address] = None

    def remove_cloud(self, address: str) -> None:
        """Forget a cloud resource."""
        if self.cloud.pop(address, None) is not None:
            self._dirty_cloud[address] = None

    def of_kind(self, kind: str, namespace: str | None = None) -> list[tuple[Key, Object]]:
        """Return the objects of a kind, ordered by key."""
        if kind not in self._ordered:
            self._ordered[kind] = sorted(key for key in self.objects if key.kind == kind)
        return [(k, self.objects[k]) for k in self._ordered[kind] if namespace in (None, k.namespace)]

    def append(self, file: str, record: Object) -> None:
        """Add a record to one of the JSONL files, e.g. `audit/kubernetes.jsonl`."""
        self._lines.setdefault(file, []).append(record)

    def log(self, namespace: str, workload: str, *, at: datetime, pod: str, text: str) -> None:
        """Add a line to the log of a workload."""
        self._logs.setdefault((namespace, workload), []).append({"time": stamp(at), "pod": pod, "text": text})

    def flush(self, root: Path, *, durable: bool) -> None:
        """Write what changed. Each file is replaced in one step.

        Args:
            root: directory of the estate.
            durable: wait for the disk, so that the write survives a crash of the machine.
        """
        _write(root / "runtime.json", json.dumps(self.runtime, sort_keys=True), durable=durable)
        for key in self._dirty:
            body = self.objects.get(key)
            file = object_file(root, key)
            if body is None:
                file.unlink(missing_ok=True)
            else:
                _write(file, yaml.dump(body, Dumper=_DUMPER, sort_keys=False, width=1000), durable=durable)
        for address in self._dirty_cloud:
            resource = self.cloud.get(address)
            if resource is None:
                cloud_file(root, address).unlink(missing_ok=True)
            else:
                _write(cloud_file(root, address), json.dumps(resource, indent=2) + "\n", durable=durable)
        for name, records in self._lines.items():
            _append(root / name, records, durable=durable)
        for (namespace, workload), records in self._logs.items():
            _append(log_file(root, namespace, workload), records, durable=False)
        self._dirty.clear()
        self._dirty_cloud.clear()
        self._lines.clear()
        self._logs.clear()


def stamp(at: datetime) -> str:
    """Format a time as Kubernetes does: `2026-11-20T12:00:00Z`."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(at: datetime) -> str:
    """Format a time with microseconds, as in audit records."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _write(file: Path, text: str, *, durable: bool) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(text)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    part.replace(file)
    if durable:
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _append(file: Path, records: list[Object], *, durable: bool) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        stream.write("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records))
        if durable:
            stream.flush()
            os.fsync(stream.fileno())


def copied(value: Json) -> Json:
    """Copy a JSON value deeply; several times faster than `copy.deepcopy` on trees of plain values."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value
