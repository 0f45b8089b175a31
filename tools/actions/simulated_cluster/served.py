"""A simulated cluster behind a real HTTP API: discovery, paged lists, watches with bookmarks, and ways to fail.

Serves what https://kubernetes.io/docs/reference/using-api/api-concepts/ promises to readers. Objects are written from
inside the process, as by somebody with credentials of their own; the fields say how the server behaves meanwhile.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from graph.document import Object
from graph.kinds.kubernetes.scope import split_api_version
from tools.actions.simulated_cluster.api_server import ApiServer, key_of, plural
from tools.actions.simulated_cluster.recorded import RecordedStore, Write

TOKEN: Final = "right-token"  # noqa: S105  (of a server that lives as long as a test)
_LOOK_EVERY_S: Final = 0.05


@dataclass(slots=True)
class Faults:
    """How the server misbehaves."""

    denied: frozenset[str] = frozenset()
    """Plurals that the user may not read."""
    unwatchable: frozenset[str] = frozenset()
    """Plurals that can only be listed."""
    refusal: int | None = None
    """Status of every answer, whatever is asked."""
    is_mute: bool = False
    """Watches stay open and send bookmarks, but no change."""
    has_bookmarks: bool = True
    lines: list[bytes] = field(default_factory=list)
    """Bytes to send on each watch that is open when they are put here, ahead of what follows."""


class ServedCluster:
    """One cluster and its API."""

    def __init__(
        self,
        objects: Iterable[Object] = (),
        *,
        audit: Path | None = None,
        bookmark_every_s: float = 1.0,
        kept: int = 1000,
        tell: Callable[[Write], None] | None = None,
    ) -> None:
        """Begin with `objects` as they are; the other arguments as for `RecordedStore`, and seconds of bookmarks."""
        self.store = RecordedStore(audit=audit, kept=kept, tell=tell)
        self.api = ApiServer(self.store)
        self.faults = Faults()
        self.requests: list[str] = []
        """Path and query of each request, in order."""
        self.open_watches = 0
        self._kinds: dict[tuple[str, str], bool] = {}
        self._pages: dict[str, list[Object]] = {}
        self._bookmark_every_s = bookmark_every_s
        self._generation = 0
        self._is_half = False
        for body in objects:
            meta = {**body["metadata"], "resourceVersion": self.store.next_revision()}
            self.store.put(key_of(body), {**body, "metadata": meta})

    def cut(self, *, in_the_middle_of_a_line: bool = False) -> None:
        """End all watches that are open, as a load balancer does."""
        with self.store.changed:
            self._generation += 1
            self._is_half = in_the_middle_of_a_line
            self.store.changed.notify_all()

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Listen on the loopback interface and give the URL."""
        server = _Server(("127.0.0.1", port), _handler(self))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            self.cut()
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, target: str, headers: Mapping[str, str]) -> tuple[int, Object | Generator[bytes]]:
        """Return status and body of the answer to a GET; a watch answers bytes as they come."""
        self.requests.append(target)
        if self.faults.refusal:
            return self.faults.refusal, _status(self.faults.refusal, "not now")
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, _status(401, "Unauthorized")
        split = urlsplit(target)
        query, accept = dict(parse_qsl(split.query)), headers.get("accept", "")
        if split.path in ("/api", "/apis"):
            return 200, self._discovery(split.path)
        parts = split.path.strip("/").split("/")
        api_version, rest = (parts[1], parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
        namespace, rest = (rest[1], rest[2:]) if len(rest) == 3 and rest[0] == "namespaces" else (None, rest)
        with self.store.changed:
            kind = next((k for (v, k) in self._known() if v == api_version and plural(k) == rest[0]), None)
        if kind is None:
            return 404, _status(404, "the server could not find the requested resource")
        if rest[0] in self.faults.denied:
            return 403, _status(403, f"{rest[0]} is forbidden")
        selection = _Selection(api_version, kind, namespace, is_metadata_only="as=PartialObjectMetadata" in accept)
        if query.get("watch") in ("1", "true"):
            return self._watch(selection, query)
        return self._list(selection, query)

    def _known(self) -> Mapping[tuple[str, str], bool]:
        """All kinds that ever had an object, and whether those stand in namespaces."""
        for body in self.store.objects.values():
            self._kinds.setdefault((body["apiVersion"], body["kind"]), "namespace" in body["metadata"])
        return self._kinds

    def _discovery(self, path: str) -> Object:
        groups: dict[str, dict[str, list[Object]]] = {}
        with self.store.changed:
            known = dict(self._known())
        for (api_version, kind), is_namespaced in known.items():
            group, version = split_api_version(api_version)
            if (group == "") == (path == "/api"):
                verbs = ["get", "list"] + ([] if plural(kind) in self.faults.unwatchable else ["watch"])
                resource = {"resource": plural(kind), "responseKind": {"kind": kind}, "verbs": verbs}
                scope = "Namespaced" if is_namespaced else "Cluster"
                groups.setdefault(group, {}).setdefault(version, []).append(resource | {"scope": scope})
        items = [
            {"metadata": {"name": group}, "versions": [{"version": v, "resources": r} for v, r in versions.items()]}
            for group, versions in groups.items()
        ]
        return {"kind": "APIGroupDiscoveryList", "items": items}

    def _list(self, selection: _Selection, query: Mapping[str, str]) -> tuple[int, Object]:
        limit = int(query.get("limit", "0"))
        if "continue" in query:
            revision, _, start = query["continue"].partition(".")
            found = self._pages.get(revision + selection.path)
            if found is None:
                return 410, _status(410, "The provided continue parameter is too old")
        else:
            with self.store.changed:
                found = [selection.shown(b) for b in self.store.objects.values() if selection.has(b)]
                revision, start = str(self.store.revision), "0"
        first = int(start)
        page = found[first : first + limit] if limit else found
        metadata: Object = {"resourceVersion": revision}
        if limit and first + limit < len(found):
            self._pages[revision + selection.path] = found
            metadata["continue"] = f"{revision}.{first + limit}"
        items = [{k: v for k, v in body.items() if k not in ("apiVersion", "kind")} for body in page]
        return 200, {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}

    def _watch(self, selection: _Selection, query: Mapping[str, str]) -> tuple[int, Object | Generator[bytes]]:
        if plural(selection.kind) in self.faults.unwatchable:
            return 405, _status(405, "watch is not supported on resources of this kind")
        since = int(query.get("resourceVersion") or 0)
        ends_at = time.monotonic() + float(query.get("timeoutSeconds") or 1800)
        bookmarks = query.get("allowWatchBookmarks") == "true"
        return 200, self._stream(selection, since, ends_at, self._generation, has_bookmarks=bookmarks)

    def _stream(
        self, selection: _Selection, since: int, ends_at: float, generation: int, *, has_bookmarks: bool
    ) -> Generator[bytes]:
        with self.store.changed:
            self.open_watches += 1
            sent_lines = len(self.faults.lines)
        try:
            yield from self._said(selection, since, ends_at, generation, sent_lines, has_bookmarks=has_bookmarks)
        finally:
            with self.store.changed:
                self.open_watches -= 1

    def _said(
        self,
        selection: _Selection,
        since: int,
        ends_at: float,
        generation: int,
        sent_lines: int,
        *,
        has_bookmarks: bool,
    ) -> Generator[bytes]:
        bookmark_at = time.monotonic() + self._bookmark_every_s
        while time.monotonic() < ends_at and self._generation == generation:
            with self.store.changed:
                writes = self.store.since(since)
                if writes is not None:
                    since = max([since, *(w.revision for w in writes)])
                    lines = [selection.event(w) for w in writes if selection.has(w.body) and not self.faults.is_mute]
                    extra = self.faults.lines[sent_lines:]
                    sent_lines += len(extra)
                    lines += extra
                    if time.monotonic() >= bookmark_at and has_bookmarks and self.faults.has_bookmarks:
                        bookmark_at = time.monotonic() + self._bookmark_every_s
                        since = max(since, self.store.revision)
                        lines.append(selection.bookmark(since))
                    if not lines:
                        self.store.changed.wait(_LOOK_EVERY_S)
            if writes is None:
                message = f"too old resource version: {since} ({self.store.forgotten})"
                yield _line("ERROR", _status(410, message))
                return
            yield from lines
        if self._generation != generation and self._is_half:
            yield b'{"type":"MODIFIED","object":{"kind":"' + selection.kind.encode()


class _Selection:
    """The objects of one kind, in one namespace or in all."""

    def __init__(self, api_version: str, kind: str, namespace: str | None, *, is_metadata_only: bool) -> None:
        self.api_version, self.kind, self.namespace = api_version, kind, namespace
        self.is_metadata_only = is_metadata_only

    @property
    def path(self) -> str:
        return f"{self.api_version}/{self.kind}/{self.namespace}/{self.is_metadata_only}"

    def has(self, body: Object) -> bool:
        is_kind = (body["apiVersion"], body["kind"]) == (self.api_version, self.kind)
        return is_kind and self.namespace in (None, body["metadata"].get("namespace"))

    def shown(self, body: Object) -> Object:
        return {k: v for k, v in body.items() if k in ("metadata",)} if self.is_metadata_only else body

    def event(self, write: Write) -> bytes:
        return _line(write.type, {"apiVersion": self.api_version, "kind": self.kind} | self.shown(write.body))

    def bookmark(self, revision: int) -> bytes:
        metadata = {"resourceVersion": str(revision), "creationTimestamp": None}
        return _line("BOOKMARK", {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata})


def _line(type: str, body: Object) -> bytes:
    return json.dumps({"type": type, "object": body}, separators=(",", ":")).encode() + b"\n"


def _status(code: int, message: str) -> Object:
    reason = {410: "Expired", 403: "Forbidden", 401: "Unauthorized", 404: "NotFound"}.get(code, "InternalError")
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _handler(cluster: ServedCluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = cluster.answer(self.path, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if isinstance(body, dict):
                content = json.dumps(body).encode()
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                self._stream(body)
            except OSError:
                self.close_connection = True
            finally:
                body.close()

        def _stream(self, lines: Iterator[bytes]) -> None:
            last = b"\n"
            for last in lines:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(last), last))
                self.wfile.flush()
            if last.endswith(b"\n"):
                self.wfile.write(b"0\r\n\r\n")
            else:
                # No last chunk: the connection breaks in the middle of a line.
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


__all__: Sequence[str] = ["TOKEN", "Faults", "ServedCluster"]
