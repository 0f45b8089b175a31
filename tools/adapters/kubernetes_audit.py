"""Kubernetes audit log files to changes: who wrote which object, and which fields where the log has bodies.

Format: `audit.k8s.io/v1` Event, one a line (https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from graph.change import Actor, Change
from graph.document import ABSENT, Absent, Json, Object, digest
from graph.errors import Invalid
from graph.evidence import Gap
from graph.kinds.kubernetes.parse import is_cluster_scoped, parse
from graph.kinds.kubernetes.scope import identity_group
from graph.resource import kubernetes_uid
from tools.adapters.actors import is_control_plane, kubernetes_actor
from tools.adapters.audit_fields import patch_leaves, written_fields
from tools.adapters.followed_lines import FollowedLines
from tools.adapters.json_lines import Line, read_lines
from tools.adapters.kubernetes_plurals import KINDS
from tools.adapters.stream_holes import StreamTimes
from tools.adapters.timestamps import read_time
from tools.ports import ChangeBatch

NO_KINDS: Final[Mapping[tuple[str, str], str]] = {}
_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_STREAMS: Final = frozenset({"exec", "attach", "portforward"})
"""Subresources through which a person acts inside a pod; they stay at ResponseStarted until the stream ends."""
_EVICTION: Final = "eviction"
"""Made like an object, it deletes the pod as far as its disruption budget lets it; `kubectl drain` does so."""
_FIELD_SUBRESOURCES: Final = frozenset({"", "scale", "ephemeralcontainers", "resize"})
_NO_STATE: Final = frozenset(
    {
        "bindings",
        "events",
        "leases",
        "localsubjectaccessreviews",
        "selfsubjectaccessreviews",
        "selfsubjectreviews",
        "selfsubjectrulesreviews",
        "subjectaccessreviews",
        "tokenreviews",
    }
)
"""Resources that are questions, beats or messages, not state."""
_DERIVED: Final = frozenset(
    {"controllerrevisions", "endpoints", "endpointslices", "ipaddresses", "pods", "replicasets"}
)
"""Resources that the control plane makes out of others; its own writes to them are consequences, not changes."""
_KIND_OF_CHANGE: Final = {
    "ConfigMap": "config",
    "Secret": "secret",
    "NetworkPolicy": "network",
    "Ingress": "network",
    "Service": "network",
    "ServiceAccount": "iam",
    "Role": "iam",
    "RoleBinding": "iam",
    "ClusterRole": "iam",
    "ClusterRoleBinding": "iam",
    "HorizontalPodAutoscaler": "scaling",
}


class KubernetesAudit:
    """A `FollowedSource` over audit log files of one cluster."""

    def __init__(self, name: str, path: Path, *, cluster: str, deployers: Collection[str], salt: bytes) -> None:
        """Describe where to read.

        Args:
            name: name of the source within its environment.
            path: a file or a folder of files, JSON lines, gzipped or not.
            cluster: name of the cluster in uids.
            deployers: user names that are declared deployers.
            salt: key under which values of Secrets are hashed.
        """
        self.name = name
        self._path = path
        self._cluster = cluster
        self._deployers = frozenset(deployers)
        self._salt = salt
        self._followed = FollowedLines(path)
        self._follower = self._reader()
        self._times = StreamTimes(name)

    def news(self) -> ChangeBatch:
        """Return the writes that were logged since the last call; see `FollowedSource`.

        Raises:
            NotFound: there is no such file.
            OutsideError: it can't be read.
        """
        return self._batch(self._followed.news(), self._follower, self._times)

    def changes(self, since: datetime | None) -> ChangeBatch:
        """Return the writes after `since`, oldest first. Earlier records are read too: they tell what was before.

        Raises:
            NotFound: there is no such file.
            OutsideError: it can't be read.
        """
        batch = self._batch(read_lines(self._path), self._reader(), StreamTimes(self.name))
        kept = tuple(c for c in batch.changes if since is None or c.latest > since)
        return replace(batch, changes=kept)

    def _batch(self, lines: Iterable[Line | Gap], reader: _Reader, seen: StreamTimes) -> ChangeBatch:
        gaps: list[Gap] = []
        records: dict[str, tuple[datetime, int, Object]] = {}
        times: list[datetime] = []
        for position, line in enumerate(lines):
            if isinstance(line, Gap):
                gaps.append(line)
                continue
            at = read_time(line.value.get("stageTimestamp")) or read_time(line.value.get("requestReceivedTimestamp"))
            times += [at] if at is not None else []
            if self._is_write(line.value):
                key = line.value.get("auditID")
                if at is None or not isinstance(key, str):
                    gaps.append(_without(line))
                else:
                    records.setdefault(key, (at, position, line.value))
        ordered = sorted(records.values(), key=lambda r: r[:2])
        changes = tuple(c for at, _, record in ordered for c in reader.read(record, at))
        gaps += seen.take(times)
        return ChangeBatch(changes=changes, gaps=tuple(gaps), told_until=seen.told_until)

    def _reader(self) -> _Reader:
        return _Reader(self.name, self._cluster, self._deployers, self._salt)

    @staticmethod
    def _is_write(record: Object) -> bool:
        reference, status = record.get("objectRef"), record.get("responseStatus")
        if not isinstance(reference, dict) or not isinstance(status, dict):
            return False
        code, subresource = status.get("code"), str(reference.get("subresource") or "")
        if subresource in _STREAMS:
            return record.get("stage") in ("ResponseStarted", "ResponseComplete") and code in (101, 200)
        return (
            record.get("stage") == "ResponseComplete"
            and str(record.get("verb")) in _WRITES
            and isinstance(code, int)
            and 200 <= code < 300
            and str(reference.get("resource")) not in _NO_STATE
            and (subresource in _FIELD_SUBRESOURCES or subresource == _EVICTION)
            and "dryRun=All" not in str(record.get("requestURI", ""))
        )


def written_object(reference: Object, *, cluster: str, kinds: Mapping[tuple[str, str], str] = NO_KINDS) -> str:
    """Return the uid of the object that an `objectRef` names; empty when its kind or name is not known.

    Args:
        reference: names a resource by its plural, not by its kind.
        cluster: name of the cluster in the uid.
        kinds: (group, plural) to kind, for custom resources.
    """
    plural, name = str(reference.get("resource", "")), reference.get("name")
    api_group = str(reference.get("apiGroup") or "")
    kind = KINDS.get(plural) or kinds.get((api_group, plural))
    if kind is None or not isinstance(name, str) or not name:
        return ""
    group = identity_group(api_group, kind)
    namespace = None if is_cluster_scoped(group, kind) else reference.get("namespace")
    return kubernetes_uid(cluster=cluster, group=group, kind=kind, namespace=namespace or None, name=name)


def _without(line: Line) -> Gap:
    return Gap(what=f"audit record on line {line.number}", why="it has no time or no auditID, so it can't be placed")


class _Reader:
    """Turns records into changes in the order of time, keeping the last known body of each object."""

    def __init__(self, source: str, cluster: str, deployers: frozenset[str], salt: bytes) -> None:
        self._source = source
        self._cluster = cluster
        self._deployers = deployers
        self._salt = salt
        self._bodies: dict[str, Object] = {}
        self._kinds: dict[tuple[str, str], str] = {}
        """Group and plural to the kind, of custom resources whose bodies the log has shown."""

    def read(self, record: Object, at: datetime) -> Iterator[Change]:
        reference = record["objectRef"]
        user = record.get("user")
        username = str(user.get("username", "")) if isinstance(user, dict) else ""
        verb, plural = record.get("verb"), str(reference.get("resource", ""))
        actor = kubernetes_actor(username, deployers=self._deployers, session=_session(record))
        if (reference.get("subresource") or "") in _STREAMS:
            yield self._change(
                record, at, actor, self._uid(reference), summary=f"{reference['subresource']} into a pod"
            )
            return
        is_consequence = plural in _DERIVED and is_control_plane(username)
        if reference.get("subresource") == _EVICTION:
            uid = self._uid(reference)
            known = self._bodies.pop(uid, None)
            if not is_consequence:
                yield self._change(record, at, actor, uid, before=known or ABSENT, summary="evict", removes=True)
            return
        for uid, body in self._objects(record, reference):
            known = self._bodies.get(uid)
            if verb in {"delete", "deletecollection"}:
                self._bodies.pop(uid, None)
            elif body is not None:
                self._bodies[uid] = body
            if not is_consequence:
                yield from self._written(record, at, actor, uid, known, body)

    def _written(
        self, record: Object, at: datetime, actor: Actor, uid: str, known: Object | None, body: Object | None
    ) -> Iterator[Change]:
        verb = record["verb"]
        if verb in {"delete", "deletecollection"}:
            yield self._change(record, at, actor, uid, before=known or body or ABSENT, summary=verb, removes=True)
        elif verb == "create":
            yield self._change(record, at, actor, uid, after=body or ABSENT, summary=verb)
        elif known is not None and body is not None:
            for field in written_fields(known, body):
                yield self._change(record, at, actor, uid, path=field.path, before=field.before, after=field.after)
        elif verb == "patch" and record.get("requestObject") is not None and not _may_hold_secret(uid):
            for field in patch_leaves(record["requestObject"], body):
                yield self._change(record, at, actor, uid, path=field.path, after=field.after, summary="patch")
        else:
            yield self._change(record, at, actor, uid, after=body or ABSENT, summary=verb)

    def _objects(self, record: Object, reference: Object) -> Iterator[tuple[str, Object | None]]:
        """Yield each object that the request wrote, with its new body where the log has one."""
        response, request = record.get("responseObject"), record.get("requestObject")
        if record.get("verb") == "deletecollection" and isinstance(response, dict):
            items = response.get("items")
            for item in items if isinstance(items, list) else ():
                if found := self._parse(item, reference):
                    yield found
            return
        candidates = [response] if record.get("verb") == "patch" else [response, request]
        for candidate in candidates:
            if reference.get("subresource") == "scale":
                break
            if found := self._parse(candidate, reference):
                yield found
                return
        uid = self._uid(reference)
        if reference.get("subresource") == "scale" and isinstance(response, dict) and uid in self._bodies:
            spec = response.get("spec")
            known = self._bodies[uid]
            if isinstance(spec, dict) and isinstance(known.get("spec"), dict):
                # Servers leave the number out of a Scale where it is zero.
                yield uid, {**known, "spec": {**known["spec"], "replicas": spec.get("replicas", 0)}}
                return
        yield uid, None

    def _parse(self, body: Json, reference: Object) -> tuple[str, Object] | None:
        if not isinstance(body, dict) or body.get("kind") in (None, "Status", "DeleteOptions"):
            return None
        found = body.get("metadata")
        metadata = found if isinstance(found, dict) else {}
        names = {k: v for k in ("name", "namespace") if (v := reference.get(k))}
        try:
            document = parse(
                {**body, "metadata": {**names, **metadata}},
                cluster=self._cluster,
                default_namespace=None,
                salt=self._salt,
            )
        except Invalid:
            return None
        plural = str(reference.get("resource", ""))
        if plural not in KINDS and not reference.get("subresource"):
            self._kinds[str(reference.get("apiGroup") or ""), plural] = document.resource.kind
        return document.resource.uid, document.body

    def _uid(self, reference: Object) -> str:
        return written_object(reference, cluster=self._cluster, kinds=self._kinds)

    def _change(
        self,
        record: Object,
        at: datetime,
        actor: Actor,
        uid: str,
        *,
        path: str = "",
        before: Json | Absent = ABSENT,
        after: Json | Absent = ABSENT,
        summary: str = "",
        removes: bool = False,
    ) -> Change:
        reference = record["objectRef"]
        kind = KINDS.get(str(reference.get("resource", "")), "")
        is_scaling = path == "/spec/replicas" or reference.get("subresource") == "scale"
        name = "/".join(str(reference[k]) for k in ("namespace", "resource", "name") if reference.get(k))
        return Change(
            id=f"audit-{digest([record['auditID'], uid, path])[:16]}",
            uid=uid,
            kind="scaling" if is_scaling else _KIND_OF_CHANGE.get(kind, "other"),
            path=path,
            before=before,
            after=after,
            earliest=at,
            latest=at,
            actor=actor,
            summary=f"{summary or record.get('verb')} {name}",
            source=self._source,
            reference=record["auditID"],
            removes=removes,
        )


def _may_hold_secret(uid: str) -> bool:
    """Whether a uid names a Secret, whose patches must not be looked into: they carry values."""
    return "/core/Secret/" in uid or not uid


def _session(record: Object) -> str:
    impersonated = record.get("impersonatedUser")
    if isinstance(impersonated, dict) and isinstance(impersonated.get("username"), str):
        return f"as {impersonated['username']}"
    addresses = record.get("sourceIPs")
    return str(addresses[0]) if isinstance(addresses, list) and addresses else ""
