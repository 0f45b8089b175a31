"""The watch against a real API server: after every disturbance, what was told must be what the server has.

    python -m evals.detection.real --apiserver PATH --etcd PATH [--rounds 20]

Each round writes objects with kubectl; in every third a custom kind is defined, and in every third all connections are
cut first. At the end the server is asked to go on from its first version, which it must call too old. Exit code 1 when
something was missed or invented.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from evals.drift.cluster import Kubectl, started
from graph.errors import OutsideError
from graph.version import Delta, Snapshot
from tools.adapters.kubernetes_api import KubernetesApi
from tools.adapters.kubernetes_connection import Gone
from tools.adapters.kubernetes_watch_stream import WatchRequest

_PATIENCE_S = 60.0
_YOUNG = "/apis/example.com/v7/widget1s"
"""A kind that the first round but one defines: the server knows no version of it from before."""


class Heard:
    """What a watch told, folded into what should be there now: versions by uid."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.versions: dict[str, str] = {}
        self.snapshots = 0

    def hear(self, said: Snapshot | Delta) -> None:
        """Take what is new."""
        with self.lock:
            if isinstance(said, Snapshot):
                self.snapshots += 1
                self.versions = {}
            for document in said.documents:
                self.versions[document.resource.uid] = str(document.body["metadata"].get("resourceVersion"))
            for uid in said.gone if isinstance(said, Delta) else ():
                self.versions.pop(uid, None)

    def now(self) -> dict[str, str]:
        """What is there, as told."""
        with self.lock:
            return dict(self.versions)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--apiserver", type=Path, required=True)
    parser.add_argument("--etcd", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args(arguments)
    with started(given.apiserver, given.etcd, None) as server:
        return run(server, given.rounds)


def run(server: Kubectl, rounds: int) -> int:
    """Disturb and write, and compare after each round; return the exit code."""
    proxy = Proxy(server.kubeconfig)
    source = KubernetesApi("cluster:real", kubeconfig=proxy.kubeconfig, cluster="real", salt=b"salt")
    heard, stop = Heard(), threading.Event()
    thread = threading.Thread(target=_listen, args=(source, heard, stop), daemon=True)
    thread.start()
    _await(lambda: heard.snapshots > 0)
    took, bad = [], 0
    for number in range(rounds):
        begun = time.monotonic()
        if number % 3 == 2:
            proxy.cut()
        _write(server, number)
        wrong = _difference(source, heard)
        took.append(time.monotonic() - begun)
        bad += bool(wrong)
        print(f"round {number:3}: {took[-1]:5.2f} s  {len(heard.now())} objects  {wrong or 'as the server has it'}")
    print(f"watch: {dict(source.counts)}, told everything {heard.snapshots} times")
    stop.set()
    thread.join(10)
    is_too_old = asyncio.run(_is_too_old(source))
    print(f"going on from version 1: {'too old' if is_too_old else 'NOT REFUSED'}")
    proxy.close()
    return 1 if bad or not is_too_old else 0


class Proxy:
    """A way to the server that can be cut."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        server = urlsplit(config["clusters"][0]["cluster"]["server"])
        self._target = (server.hostname or "127.0.0.1", server.port or 443)
        self._listener = socket.create_server(("127.0.0.1", 0))
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.kubeconfig = kubeconfig.with_name("through-proxy")
        self.kubeconfig.write_text(json.dumps(config))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections that are open."""
        ended, self._open = self._open, []
        for end in ended:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(self._target)
                self._open += [here, there]
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := one.recv(65536):
            other.sendall(piece)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


async def _is_too_old(source: KubernetesApi) -> bool:
    """Ask a real server to go on from where it can't, and return whether its answer is understood."""
    watches = source.watches()
    wanted = WatchRequest(path=_YOUNG, resource_version="1", timeout_s=10, quiet_s=20, accept="application/json")
    try:
        async for _ in watches.events(wanted):
            pass
    except Gone:
        return True
    finally:
        await watches.close()
    return False


def _write(server: Kubectl, number: int) -> None:
    """Make, change and delete objects with kubectl; every third round a new kind."""
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"settings-{number}"}}
    settings["metadata"]["namespace"] = "default"  # type: ignore[index]
    objects: list[dict[str, Any]] = [settings | {"data": {"n": str(number)}}]
    if number % 3 == 1:
        objects.append(_definition(f"widget{number}"))
    server.run("apply", "-f", "-", objects=objects)
    server.run("patch", "configmap", "settings-0", "-n", "default", "-p", json.dumps({"data": {"n": f"x{number}"}}))
    if number % 3 == 1:
        plural = f"widget{number}s"
        server.run("wait", "--for=condition=established", f"crd/{plural}.example.com", "--timeout=30s")
        widget = {"apiVersion": "example.com/v7", "kind": plural[:-1].title(), "spec": {"size": number}}
        server.run("apply", "-f", "-", objects=[widget | {"metadata": {"name": "one", "namespace": "default"}}])
    if number > 1:
        server.run("delete", "configmap", f"settings-{number - 1}", "-n", "default")


def _definition(singular: str) -> dict[str, Any]:
    names = {"kind": singular.title(), "plural": f"{singular}s", "singular": singular}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v7", "served": True, "storage": True, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{singular}s.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _difference(source: KubernetesApi, heard: Heard) -> list[str]:
    """Wait until what was told is what a fresh list has; return what differs when that never happens."""
    deadline = time.monotonic() + _PATIENCE_S
    wrong: list[str] = []
    while time.monotonic() < deadline:
        listed = {d.resource.uid: str(d.body["metadata"].get("resourceVersion")) for d in source.read().documents}
        told = heard.now()
        wrong = sorted(uid for uid in listed.keys() | told.keys() if listed.get(uid) != told.get(uid))
        if not wrong:
            return []
        time.sleep(0.2)
    return wrong[:5]


def _listen(source: KubernetesApi, heard: Heard, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            source.watch(heard.hear, stop)
        except OutsideError as error:
            print(f"the watch ended: {error}")
            stop.wait(1)


def _await(condition: Any) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
