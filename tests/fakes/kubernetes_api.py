"""A Kubernetes API server in memory: discovery old and new, paged lists, and the ways in which it refuses."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx

from graph.document import Object
from graph.kinds.kubernetes.parse import expand
from graph.kinds.kubernetes.scope import is_cluster_scoped, split_api_version
from tools.adapters.documents import Located, read_documents

_PLURALS = {"Endpoints": "endpoints", "Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers of one response."""

    status: int
    body: Object
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class FakeKubernetesApi:
    """Serves objects; the fields say how it behaves."""

    objects: list[Object]
    token: str = "right-token"
    is_aggregated: bool = True
    denied: frozenset[str] = frozenset()
    """Plurals that the user may not list, but for `open_namespaces`."""
    open_namespaces: frozenset[str] = frozenset()
    """Namespaces in which the user may list everything."""
    broken_groups: frozenset[str] = frozenset()
    """API groups that discovery lists but whose server does not answer."""
    expired_pages: int = 0
    """How many requests for a further page are answered with 410."""
    failures: list[Answer] = field(default_factory=list)
    """Answers given to the next requests, whatever they ask."""
    told: dict[str, Object] = field(default_factory=dict)
    """By path: what the server says of itself, its version and its types."""
    requests: list[str] = field(default_factory=list)
    """Path and query of each request, in order."""

    @classmethod
    def from_dump(cls, path: Path) -> FakeKubernetesApi:
        """Serve the objects of a dump: a file, or a folder of files."""
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        parts = [part for file in files for part in read_documents(file.read_bytes(), name=file.name)]
        return cls(objects=[body for part in parts if isinstance(part, Located) for body in expand(part.value)])

    def answer(self, target: str, headers: Mapping[str, str]) -> Answer:
        """Answer a GET request for `target` (path and query); header names are in lower case."""
        self.requests.append(target)
        if self.failures:
            return self.failures.pop(0)
        if headers.get("authorization") != f"Bearer {self.token}":
            return _status(401, "Unauthorized")
        split = urlsplit(target)
        query, accept = dict(parse_qsl(split.query)), headers.get("accept", "")
        if split.path in {"/api", "/apis"}:
            return self._discovery(split.path, accept)
        if split.path == "/version" or split.path.startswith("/openapi"):
            told = self.told.get(split.path)
            return Answer(200, told) if told is not None else _status(404, "not found")
        parts = split.path.strip("/").split("/")
        group, version, rest = ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
        if group in self.broken_groups:
            return _status(503, "the server is currently unable to handle the request")
        api_version = f"{group}/{version}" if group else version
        if not rest:
            return Answer(200, {"kind": "APIResourceList", "resources": list(self._resources(api_version))})
        namespace, rest = (rest[1], rest[2:]) if rest[0] == "namespaces" and len(rest) == 3 else (None, rest)
        return self._list(api_version, rest[0], namespace, query, accept)

    @property
    def transport(self) -> httpx.MockTransport:
        """A transport that answers without any network."""

        def respond(request: httpx.Request) -> httpx.Response:
            answer = self.answer(request.url.raw_path.decode(), request.headers)
            return httpx.Response(answer.status, json=answer.body, headers=dict(answer.headers))

        return httpx.MockTransport(respond)

    @contextmanager
    def serve(self, tls: ssl.SSLContext | None = None) -> Iterator[str]:
        """Listen on a free port of the loopback interface and give the URL."""
        fake = self

        class Responder(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = fake.answer(self.path, {name.lower(): value for name, value in self.headers.items()})
                content = json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Responder)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _api_versions(self) -> Sequence[str]:
        return list(dict.fromkeys(str(body["apiVersion"]) for body in self.objects))

    def _resources(self, api_version: str) -> Iterator[Object]:
        group = split_api_version(api_version)[0]
        kinds = dict.fromkeys(str(b["kind"]) for b in self.objects if b["apiVersion"] == api_version)
        for kind in kinds:
            is_namespaced = not is_cluster_scoped(group, kind)
            name = plural(kind)
            yield {"name": name, "kind": kind, "namespaced": is_namespaced, "verbs": ["get", "list", "watch"]}
            yield {"name": f"{name}/status", "kind": kind, "namespaced": is_namespaced, "verbs": ["get"]}

    def _discovery(self, path: str, accept: str) -> Answer:
        versions = [v for v in self._api_versions() if ("/" in v) == (path == "/apis")]
        if self.is_aggregated and "apidiscovery.k8s.io" in accept:
            return Answer(200, {"kind": "APIGroupDiscoveryList", "items": [self._group(v) for v in versions]})
        if path == "/api":
            return Answer(200, {"kind": "APIVersions", "versions": versions})
        groups = [
            {
                "name": group,
                "versions": [{"groupVersion": v, "version": v.rpartition("/")[2]}],
                "preferredVersion": {"groupVersion": v, "version": v.rpartition("/")[2]},
            }
            for v in versions
            for group in [v.partition("/")[0]]
        ]
        return Answer(200, {"kind": "APIGroupList", "groups": groups})

    def _group(self, api_version: str) -> Object:
        group, version = split_api_version(api_version)
        resources = [
            {
                "resource": r["name"],
                "responseKind": {"group": "", "version": "", "kind": r["kind"]},
                "scope": "Namespaced" if r["namespaced"] else "Cluster",
                "verbs": r["verbs"],
            }
            for r in self._resources(api_version)
            if "/" not in r["name"]
        ]
        freshness = "Stale" if group in self.broken_groups else "Current"
        entry = {"version": version, "resources": resources, "freshness": freshness}
        return {"metadata": {"name": group} if group else {}, "versions": [entry]}

    def _list(
        self, api_version: str, name: str, namespace: str | None, query: Mapping[str, str], accept: str
    ) -> Answer:
        if name in self.denied and namespace not in self.open_namespaces:
            return _status(403, f'{name} is forbidden: User "reader" cannot list resource "{name}"')
        found = [b for b in self.objects if b["apiVersion"] == api_version and plural(str(b["kind"])) == name]
        if not found:
            return _status(404, "the server could not find the requested resource")
        found = [b for b in found if namespace is None or b["metadata"].get("namespace") == namespace]
        start = int(query.get("continue", "0"))
        if start and self.expired_pages:
            self.expired_pages -= 1
            return _status(410, "The provided continue parameter is too old")
        limit = int(query.get("limit", "0")) or len(found)
        page = found[start : start + limit]
        metadata: Object = {"resourceVersion": "1000"}
        if start + limit < len(found):
            metadata["continue"] = str(start + limit)
        # Servers leave apiVersion and kind out of the items of a list.
        items = [{k: v for k, v in body.items() if k not in {"apiVersion", "kind"}} for body in page]
        if "as=PartialObjectMetadataList" in accept:
            items = [{"metadata": item["metadata"]} for item in items]
        return Answer(200, {"kind": "List", "apiVersion": api_version, "metadata": metadata, "items": items})


def plural(kind: str) -> str:
    """Name of a kind in API paths."""
    return _PLURALS.get(kind, kind.lower() + "s")


def _status(code: int, message: str) -> Answer:
    return Answer(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code})
