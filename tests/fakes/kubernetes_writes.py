"""The writing half of the API server double: versions, preconditions, merge patches, and answers that get lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from graph.document import Object
from tests.fakes.kubernetes_api import FakeKubernetesApi, plural

_KEPT_ON_UPDATE = ("uid", "creationTimestamp", "generation")


@dataclass(slots=True)
class WritableKubernetesApi:
    """Serves and changes the objects of `reading`, as a server does that every client shares."""

    reading: FakeKubernetesApi
    denied_verbs: frozenset[str] = frozenset()
    """HTTP methods that the user may not use."""
    lost: list[str] = field(default_factory=list)
    """What becomes of the next writes: `request` never arrives, `answer` never comes back, a number is the status."""
    writes: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each write that took effect."""
    revision: int = 1000
    minor: str = ""
    """Minor version of the server; it tells none by itself."""
    rehearsals: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each write that was only rehearsed."""
    objection: str = ""
    """What a webhook says to every rehearsal."""

    @property
    def transport(self) -> httpx.MockTransport:
        """A transport that answers without any network."""
        return httpx.MockTransport(self._respond)

    def object(self, kind: str, name: str) -> Object | None:
        """Return an object as it is now, or None."""
        named = (o for o in self.reading.objects if o["kind"] == kind and o["metadata"]["name"] == name)
        return next(named, None)

    @contextmanager
    def changed_by_somebody(self, kind: str, name: str) -> Iterator[Object]:
        """Let somebody else change an object."""
        found = self.object(kind, name)
        assert found is not None
        yield found
        self._bump(found)

    def _respond(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        parts = request.url.path.strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        if path == "/version" and self.minor:
            return httpx.Response(200, json={"major": "1", "minor": self.minor})
        if path == "/version":
            return _status(404, "not found")
        is_object = rest and len(rest) in ((4,) if rest[0] == "namespaces" and len(rest) > 2 else (2,))
        if request.method == "GET" and not is_object:
            answer = self.reading.answer(path, request.headers)
            return httpx.Response(answer.status, json=answer.body, headers=dict(answer.headers))
        if request.headers.get("authorization") != f"Bearer {self.reading.token}":
            return _status(401, "Unauthorized")
        if request.method == "GET":
            found = self._find(rest)
            return httpx.Response(200, json=found) if found else _status(404, "not found")
        if request.method in self.denied_verbs:
            return _status(403, f"forbidden: user cannot {request.method}")
        return self._write(request, rest)

    def _write(self, request: httpx.Request, rest: list[str]) -> httpx.Response:
        if request.url.params.get("dryRun") != "All":
            return self._take(request, rest)
        if self.objection:
            return _status(400, self.objection)
        kept = json.loads(json.dumps([self.reading.objects, self.writes])), self.revision
        answer = self._take(request, rest)
        [self.reading.objects[:], writes], self.revision = kept
        self.writes[:] = [(method, path) for method, path in writes]
        self.rehearsals.append((request.method, request.url.path))
        return answer

    def _take(self, request: httpx.Request, rest: list[str]) -> httpx.Response:
        fate = self.lost.pop(0) if self.lost else ""
        if fate == "request":
            raise httpx.ConnectError("connection refused", request=request)
        if fate.isdigit():
            return _status(int(fate), "the server is currently unable to handle the request")
        body = json.loads(request.content)
        match request.method:
            case "POST":
                answer = self._create(rest, body)
            case "PUT":
                answer = self._replace(rest, body)
            case "PATCH":
                answer = self._merge(rest, body, request.headers["content-type"])
            case _:
                answer = self._delete(rest, body)
        if answer.is_success:
            self.writes.append((request.method, request.url.path))
        if fate == "answer":
            raise httpx.ReadTimeout("timed out", request=request)
        return answer

    def _create(self, rest: list[str], body: Object) -> httpx.Response:
        name = body["metadata"]["name"]
        if self._find([*rest, name]):
            return _status(409, f'"{name}" already exists')
        if body["metadata"].get("resourceVersion"):
            return _status(400, "resourceVersion should not be set on objects to be created")
        made = json.loads(json.dumps(body))
        made["metadata"].setdefault("uid", f"uid-{self.revision}")
        if rest[0] == "namespaces" and len(rest) > 2:
            made["metadata"].setdefault("namespace", rest[1])
        self.reading.objects.append(made)
        self._bump(made)
        return httpx.Response(201, json=made)

    def _replace(self, rest: list[str], body: Object) -> httpx.Response:
        found = self._find(rest)
        if found is None:
            return _status(404, "not found")
        if body["metadata"]["name"] != rest[-1]:
            return _status(400, "the name of the object does not match the name on the URL")
        if problem := _stale(found, body["metadata"]):
            return problem
        kept = {k: found["metadata"][k] for k in _KEPT_ON_UPDATE if k in found["metadata"]}
        fresh = {**body, "metadata": {**body["metadata"], **kept}}
        if "status" in found:  # written by its own subresource only
            fresh["status"] = found["status"]
        return self._put(found, fresh)

    def _merge(self, rest: list[str], patch: Object, content_type: str) -> httpx.Response:
        found = self._find(rest)
        if content_type != "application/merge-patch+json":
            return _status(415, "the body of the request was in an unknown format")
        if found is None:
            return _status(404, "not found")
        if problem := _stale(found, patch.get("metadata", {})):
            return problem
        merged = _merged(found, patch)
        merged["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        return self._put(found, merged)

    def _delete(self, rest: list[str], options: Object) -> httpx.Response:
        found = self._find(rest)
        if found is None:
            return _status(404, "not found")
        if problem := _stale(found, options.get("preconditions") or {}):
            return problem
        self.reading.objects.remove(found)
        return httpx.Response(200, json={"kind": "Status", "status": "Success"})

    def _put(self, found: Object, fresh: Object) -> httpx.Response:
        if fresh != found:
            if fresh.get("spec") != found.get("spec") and "generation" in fresh["metadata"]:
                fresh["metadata"]["generation"] = found["metadata"]["generation"] + 1
            found.clear()
            found.update(fresh)
            self._bump(found)
        return httpx.Response(200, json=found)

    def _bump(self, body: Object) -> None:
        self.revision += 1
        body["metadata"]["resourceVersion"] = str(self.revision)

    def _find(self, rest: list[str]) -> Object | None:
        is_namespaced = rest[0] == "namespaces" and len(rest) > 2
        namespace = rest[1] if is_namespaced else None
        name, resource = rest[-1], rest[-2]
        for body in self.reading.objects:
            metadata = body["metadata"]
            if (plural(body["kind"]), metadata["name"], metadata.get("namespace")) == (resource, name, namespace):
                return body
        return None


def _stale(found: Object, given: Object) -> httpx.Response | None:
    for field_name in ("uid", "resourceVersion"):
        wanted = given.get(field_name)
        if wanted and wanted != found["metadata"][field_name]:
            return _status(409, "the object has been modified; please apply your changes to the latest version")
    return None


def _merged(value: object, patch: object) -> Object:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch  # type: ignore[return-value]
    out = dict(value) if isinstance(value, dict) else {}
    for key, item in patch.items():
        if item is None:
            out.pop(key, None)
        else:
            out[key] = _merged(out.get(key), item)
    return out


def _status(code: int, message: str) -> httpx.Response:
    return httpx.Response(code, json={"kind": "Status", "status": "Failure", "message": message, "code": code})
