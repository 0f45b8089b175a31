"""An API server over the estate, run as a process of its own: paged lists and watches, from files, of any size.

What is POSTed to it is an object as somebody changed it: whoever watches its kind is told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from evals.scale.estate import Estate
from graph.document import Object
from graph.kinds.kubernetes.scope import split_api_version

_PAGE: Final = 500
_BOOKMARK_EVERY_S: Final = 20.0
_BEGIN: Final = 1_000_000
"""Version of the cluster when it is listed."""
_KINDS: Final = {
    ("v1", "Namespace"): "namespaces",
    ("v1", "ServiceAccount"): "serviceaccounts",
    ("v1", "ConfigMap"): "configmaps",
    ("v1", "Secret"): "secrets",
    ("v1", "Service"): "services",
    ("v1", "Pod"): "pods",
    ("apps/v1", "Deployment"): "deployments",
    ("apps/v1", "ReplicaSet"): "replicasets",
    ("autoscaling/v2", "HorizontalPodAutoscaler"): "horizontalpodautoscalers",
    ("policy/v1", "PodDisruptionBudget"): "poddisruptionbudgets",
    ("networking.k8s.io/v1", "NetworkPolicy"): "networkpolicies",
    ("networking.k8s.io/v1", "Ingress"): "ingresses",
    ("discovery.k8s.io/v1", "EndpointSlice"): "endpointslices",
}


@dataclass(slots=True)
class _Kind:
    """The objects of one kind: a file of one line each, and what changed since it was written."""

    path: Path
    starts: list[int] = field(default_factory=list)
    """Where each page begins."""
    lines: int = 0
    events: list[tuple[int, bytes]] = field(default_factory=list)
    """Version and line of each change."""


class Server:
    """The objects and who waits for changes of them."""

    def __init__(self, folder: Path, estate: Estate) -> None:
        """Write the estate."""
        self.changed = threading.Condition()
        self._versions = count(_BEGIN + 1)
        self._kinds = {_root(v) + "/" + p: _Kind(path=folder / f"{p}.jsonl") for (v, _), p in _KINDS.items()}
        files = {path: kind.path.open("wb") for path, kind in self._kinds.items()}
        for body in estate.live():
            path = _path(body)
            kind, file = self._kinds[path], files[path]
            if kind.lines % _PAGE == 0:
                kind.starts.append(file.tell())
            file.write(json.dumps(body, separators=(",", ":")).encode() + b"\n")
            kind.lines += 1
        for file in files.values():
            file.close()

    def change(self, body: Object) -> None:
        """Let an object be as it is given, and tell whoever watches."""
        with self.changed:
            version = next(self._versions)
            body["metadata"]["resourceVersion"] = str(version)
            line = json.dumps({"type": "MODIFIED", "object": body}, separators=(",", ":")).encode() + b"\n"
            self._kinds[_path(body)].events.append((version, line))
            self.changed.notify_all()

    def page(self, path: str, token: str, limit: str) -> bytes | None:
        """Return a page of a list; None where nothing is."""
        kind = self._kinds.get(path)
        if kind is None:
            return None
        number = int(token or 0)
        last = len(kind.starts) if not limit else number + 1
        with kind.path.open("rb") as file:
            file.seek(kind.starts[number] if number < len(kind.starts) else 0)
            held = file.read((kind.starts[last] if last < len(kind.starts) else kind.path.stat().st_size) - file.tell())
        metadata = {"resourceVersion": str(_BEGIN)} | ({"continue": str(last)} if last < len(kind.starts) else {})
        head = json.dumps({"kind": "List", "apiVersion": "v1", "metadata": metadata})[:-1]
        return head.encode() + b',"items":[' + held.rstrip(b"\n").replace(b"\n", b",") + b"]}"

    def watch(self, path: str, since: int) -> Iterator[bytes]:
        """Yield what changes, and now and then that nothing did."""
        kind = self._kinds[path]
        told = 0
        while True:
            with self.changed:
                if len(kind.events) == told:
                    self.changed.wait(_BOOKMARK_EVERY_S)
                new, told = kind.events[told:], len(kind.events)
                newest = kind.events[-1][0] if kind.events else since
            yield from (line for version, line in new if version > since)
            yield (
                json.dumps(
                    {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(max(newest, since))}}}
                ).encode()
                + b"\n"
            )


def discovery(path: str) -> Object:
    """Return the kinds of the core group, or of the others."""
    groups: dict[str, dict[str, list[Object]]] = {}
    for (api_version, kind), plural in _KINDS.items():
        group, version = split_api_version(api_version)
        if (group == "") == (path == "/api"):
            scope = "Cluster" if kind == "Namespace" else "Namespaced"
            resource = {"resource": plural, "responseKind": {"kind": kind}, "verbs": ["get", "list", "watch"]}
            groups.setdefault(group, {}).setdefault(version, []).append({**resource, "scope": scope})
    items = [
        {"metadata": {"name": group}, "versions": [{"version": v, "resources": r} for v, r in versions.items()]}
        for group, versions in groups.items()
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items}


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _path(body: Object) -> str:
    return f"{_root(body['apiVersion'])}/{_KINDS[body['apiVersion'], body['kind']]}"


def serve(folder: str, objects: int) -> None:
    """Write the estate into a folder, print the address as one line, and serve until the process is ended."""
    serving = listener(Server(Path(folder), Estate(objects=objects)))
    print(f"http://127.0.0.1:{serving.server_port}", flush=True)
    serving.serve_forever(60)


def listener(server: Server) -> ThreadingHTTPServer:
    """Listen on a free port of the loopback interface; the caller lets it serve."""
    made = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    made.daemon_threads = True
    return made


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            split = urlsplit(self.path)
            query = dict(parse_qsl(split.query))
            if split.path in ("/api", "/apis"):
                self._answer(json.dumps(discovery(split.path)).encode())
            elif query.get("watch"):
                self._stream(server.watch(split.path, int(query["resourceVersion"])))
            elif (page := server.page(split.path, query.get("continue", ""), query.get("limit", ""))) is not None:
                self._answer(page)
            else:
                self._answer(b'{"kind":"Status","code":404}', 404)

        def do_POST(self) -> None:
            server.change(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(b"{}")

        def _answer(self, body: bytes, code: int = 200) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, lines: Iterator[bytes]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                for line in lines:
                    self.wfile.write(line)
            except OSError:
                pass  # whoever listened has gone

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
