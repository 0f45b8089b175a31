"""Reads what running systems say of themselves: which complaint it is, and which resources and actions it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from graph.environment import EnvironmentGraph
from graph.evidence import ObservationKind, SymptomEvent
from graph.phrases import Phrases
from graph.resource import Facet, Platform
from graph.workloads import workload_of


class Complaint(StrEnum):
    """What a line or reading complains of, in the words of our sentences."""

    ACCESS_DENIED = "a denied permission"
    AUTHENTICATION = "refused credentials"
    REFUSED = "a refused connection"
    TIMED_OUT = "a connection that timed out"
    NO_SUCH_HOST = "a name that does not resolve"
    TLS = "a certificate problem"
    IMAGE = "an image that can't be pulled"
    MISSING_REFERENCE = "a missing Secret, ConfigMap or key"
    BAD_CONFIG = "a configuration that it can't use"
    OUT_OF_MEMORY = "memory running out"
    PROBE = "a failing probe"
    SCHEDULING = "pods that can't be placed"
    CRASH = "a crash"
    SERVER_ERROR = "failing requests"
    READING = "a reading that is out of its usual range"


_PATTERNS: tuple[tuple[Complaint, Phrases], ...] = tuple(
    (complaint, Phrases(pattern))
    for complaint, pattern in (
        (
            Complaint.ACCESS_DENIED,
            r"access ?denied|not authorized to perform|unauthorizedoperation|is forbidden: user|permission ?denied"
            r"|\bforbidden\b|explicit deny",
        ),
        (
            Complaint.IMAGE,
            r"errimagepull|imagepullbackoff|failed to pull image|pull access denied|manifest unknown"
            r"|back-off pulling image|invalidimagename",
        ),
        (
            Complaint.MISSING_REFERENCE,
            r"(secret|configmap)s? \"?[\w./-]+\"? not found|couldn'?t find key|createcontainerconfigerror"
            r"|references non-existent (secret|config)",
        ),
        (Complaint.OUT_OF_MEMORY, r"oomkill|out of memory|outofmemoryerror|cannot allocate memory|exit code 137"),
        (
            Complaint.AUTHENTICATION,
            r"authentication failed|invalid (username|password|credentials|api key|token)|\b401\b|unauthenticated"
            r"|password authentication|signature (does ?n.t|does not) match|invalidclienttokenid",
        ),
        (
            Complaint.TLS,
            r"x509|certificate (has expired|signed by unknown|verify failed|is not valid)|tls handshake|ssl error"
            r"|sslhandshake",
        ),
        (
            Complaint.NO_SUCH_HOST,
            r"no such host|name or service not known|enotfound|eai_again|could not resolve|nxdomain|unknownhost"
            r"|temporary failure in name resolution",
        ),
        (Complaint.REFUSED, r"connection refused|econnrefused|connect refused|connection reset|no endpoints available"),
        (Complaint.PROBE, r"(readiness|liveness|startup) probe (failed|errored)|\bunhealthy\b"),
        (
            Complaint.TIMED_OUT,
            r"i/o timeout|etimedout|timed out|timeout (while|when|after|connecting|waiting|expired)|deadline exceeded"
            r"|connection timeout|connect timeout|context deadline|no route to host|network is unreachable",
        ),
        (Complaint.SCHEDULING, r"failedscheduling|unschedulable|insufficient (cpu|memory)|exceeded quota|failedcreate"),
        (
            Complaint.BAD_CONFIG,
            r"invalid (value|config|configuration|argument|setting|option)|missing (required )?(env|environment|config)"
            r"|(config|configuration|environment variable|setting)\b.{0,60}\b(invalid|missing|not set|required|unknown"
            r"|unsupported|must be)|must be (set|configured|one of)|unknown (mode|option|provider|currency|region)"
            r"|failed to (parse|load|read) config|is not set\b|not configured|can ?not parse|unrecognized",
        ),
        (Complaint.CRASH, r"crashloopbackoff|back-off restarting|panic:|fatal error|segmentation fault|traceback \("),
        (
            Complaint.SERVER_ERROR,
            r"\b50[0-4]\b|internal server error|bad gateway|service unavailable|upstream (error|connect)|\berror\b"
            r"|\bfailed\b|exception|\bunavailable\b",
        ),
    )
)
"""The first that matches decides; particular complaints stand before general ones."""

_TOKEN = re.compile(r"[A-Za-z0-9](?:[\w.:/@-]*[\w])?")
_ACTION = re.compile(r"\b([a-z][a-z0-9-]{1,30}:[A-Z][A-Za-z]{2,60})\b")
_ROLE = re.compile(r"(?:assumed-role|role)/([\w+=,.@-]+)")
_QUIET_REASONS = frozenset(
    {
        "Scheduled",
        "Pulled",
        "Pulling",
        "Created",
        "Started",
        "ScalingReplicaSet",
        "SuccessfulCreate",
        "SuccessfulDelete",
    }
    | {"Killing", "SuccessfulRescale", "Completed", "LeaderElection", "Sync", "Normal"}
)
_MOST_EVENTS = 300
"""Of one resource, from each end of what it said."""
_INFO = re.compile(r"(?:\b(?:level|severity)[\"']?\s*[=:]\s*[\"']?|^\[?|\s\[?)(?:debug|info|trace)\b", re.IGNORECASE)
_BAD_WHEN_HIGH = re.compile(
    r"err|fail|5xx|4xx|latency|duration|restart|lag|backlog|depth|age|timeout|denied|drop|throttl"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One complaint of one resource."""

    event: SymptomEvent
    speaker: str
    """uid of the workload or cloud resource that complains"""
    complaint: Complaint
    names: frozenset[str] = frozenset()
    """uids of resources that the text names, the speaker not included"""
    actions: frozenset[str] = frozenset()
    """Permissions that the text names, e.g. `kms:Decrypt`"""

    @property
    def at(self) -> datetime | None:
        return self.event.at


def readings(graph: EnvironmentGraph, uids: Iterable[str]) -> list[Reading]:
    """Return the complaints of these resources, oldest first; those without a time come first."""
    index = NameIndex(graph)
    found: list[Reading] = []
    for uid in dict.fromkeys(uids):
        speaker = workload_of(graph, uid)
        events = _bounded(graph.symptoms(uid))
        for event in events:
            if event.kind is not ObservationKind.METRIC and (complaint := complaint_of(event)):
                names = index.named(event.text, near=speaker) - {speaker, uid}
                actions = frozenset(_ACTION.findall(event.text))
                found.append(Reading(event=event, speaker=speaker, complaint=complaint, names=names, actions=actions))
        for event in unusual([e for e in events if e.kind is ObservationKind.METRIC]):
            found.append(Reading(event=event, speaker=speaker, complaint=Complaint.READING))
    found.sort(key=lambda r: (r.at.timestamp() if r.at else 0.0, r.speaker, r.event.text))
    return found


def _bounded(events: Sequence[SymptomEvent]) -> Sequence[SymptomEvent]:
    """The beginning and the end of a long stream: enough for onset and for the present."""
    if len(events) <= 2 * _MOST_EVENTS:
        return events
    ordered = sorted(events, key=lambda e: e.at.timestamp() if e.at else 0.0)
    return [*ordered[:_MOST_EVENTS], *ordered[-_MOST_EVENTS:]]


def complaint_of(event: SymptomEvent) -> Complaint | None:
    """Return what a log line or event complains of; None when it complains of nothing."""
    if event.reason in _QUIET_REASONS:
        return None
    text = f"{event.reason} {event.text}" if event.kind is ObservationKind.EVENT else event.text
    if event.kind is ObservationKind.LOG and (_INFO.search(text[:80]) or event.reason.lower() in ("info", "debug")):
        return None
    return next((complaint for complaint, pattern in _PATTERNS if pattern.search(text)), None)


def unusual(events: Sequence[SymptomEvent]) -> list[SymptomEvent]:
    """Return the latest reading of each metric where it is out of its usual range in the bad direction.

    The usual range is the median of all earlier readings, give or take three times their median absolute deviation
    (Leys et al. 2013, doi:10.1016/j.jesp.2013.03.013), and never less than half of the median itself.
    """
    series: dict[str, list[SymptomEvent]] = {}
    for event in events:
        if event.value is not None and event.at is not None:
            series.setdefault(event.reason, []).append(event)
    found = []
    for name, many in sorted(series.items()):
        many.sort(key=lambda e: e.at.timestamp() if e.at else 0.0)
        last = many[-1]
        earlier = [e.value for e in many[:-1] if e.value is not None]
        if last.value is None or not _BAD_WHEN_HIGH.search(name.lower()):
            continue
        if len(earlier) < 3:
            if last.unit in ("ratio", "1", "%", "percent") and last.value > (5.0 if "%" in last.unit else 0.05):
                found.append(last)
            continue
        usual = median(earlier[: max(3, len(earlier) // 2)])
        spread = 1.4826 * median(abs(v - usual) for v in earlier[: max(3, len(earlier) // 2)])
        if last.value > usual + max(3 * spread, 0.5 * abs(usual), 0.01):
            found.append(last)
    return found


def is_current(reading: Reading, now: datetime, within: timedelta) -> bool:
    """Whether the complaint is as young as `within`, or has no time at all."""
    return reading.at is None or reading.at >= now - within


class NameIndex:
    """Finds the resources that a text names, by exact words."""

    def __init__(self, graph: EnvironmentGraph) -> None:
        self._graph = graph
        self._by_name: dict[str, set[str]] = {}
        for resource in graph:
            for name in (*resource.aliases, *self._names(resource.uid)):
                self._by_name.setdefault(name.lower(), set()).add(resource.uid)

    def named(self, text: str, *, near: str = "") -> frozenset[str]:
        """Return uids whose name, host name, address or ARN is a word of the text; `near` prefers its namespace."""
        found: set[str] = set()
        for token in dict.fromkeys(_TOKEN.findall(text[:2000])):
            for form in self._forms(token):
                if form in self._by_name:
                    found.update(self._closest(self._by_name[form], near))
                    break
        for role in _ROLE.findall(text[:2000]):
            same = self._by_name.get(role.partition("/")[0].lower(), ())
            found.update(u for u in same if self._graph.resource(u).kind == "aws_iam_role")
        return frozenset(found)

    def _closest(self, uids: set[str], near: str) -> set[str]:
        namespace = self._graph.resource(near).namespace if near in self._graph else None
        here = {u for u in uids if self._graph.resource(u).namespace in (namespace, None)}
        return here or uids

    def _names(self, uid: str) -> list[str]:
        resource = self._graph.resource(uid)
        body = self._graph.body(uid, Facet.ACTUAL) or self._graph.body(uid, Facet.INTENDED) or {}
        if resource.platform is Platform.TERRAFORM:
            values = body.get("values") or {}
            keys = (
                "name",
                "identifier",
                "address",
                "endpoint",
                "bucket",
                "url",
                "arn",
                "id",
                "key_id",
                "function_name",
            )
            texts = [values[k] for k in keys if isinstance(values.get(k), str) and len(values[k]) > 2]
            return [t.rpartition("://")[2].partition(":")[0] if not t.startswith("arn:") else t for t in texts]
        if resource.kind == "Service":
            address = (body.get("spec") or {}).get("clusterIP")
            full = f"{resource.name}.{resource.namespace}"
            names = [resource.name, full, f"{full}.svc", f"{full}.svc.cluster.local"]
            return [*names, address] if isinstance(address, str) and address not in ("", "None") else names
        if resource.kind in ("ConfigMap", "Secret", "PersistentVolumeClaim", "ServiceAccount"):
            return [resource.name]
        return []

    @staticmethod
    def _forms(token: str) -> Iterable[str]:
        """The word itself, then without scheme, path and port."""
        low = token.lower()
        yield low
        rest = low.rpartition("://")[2].rpartition("@")[2]
        host = rest.partition("/")[0]
        yield rest
        yield host
        yield host.partition(":")[0]
        yield low.rpartition("/")[2]


def worst(many: Sequence[Reading]) -> Mapping[Complaint, int]:
    """Count complaints, most frequent first."""
    counts: dict[Complaint, int] = {}
    for reading in many:
        counts[reading.complaint] = counts.get(reading.complaint, 0) + max(1, reading.event.count)
    return dict(sorted(counts.items(), key=lambda kv: (-kv[1], kv[0].value)))
