"""Ties an alert to the resources it may be about, by the names it carries. Never guesses: no name, no candidate.

A name that a label states beats a name that a sentence contains; a whole name beats one that is equal only after words
such as "service" or "api" are left aside. Pods stand for their workload, a Service and the workload behind it are both
candidates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from graph.environment import EnvironmentGraph
from graph.incident import Alert, Candidate
from graph.names import WORD, Names, joined
from graph.relation import RelationType
from graph.resource import Facet, Platform, Resource
from graph.workloads import WORKLOADS, services_of, workload_of, workloads_behind

_KIND_LABELS: dict[str, tuple[str, ...]] = {
    "deployment": ("Deployment",),
    "deployment_name": ("Deployment",),
    "statefulset": ("StatefulSet",),
    "daemonset": ("DaemonSet",),
    "replicaset": ("ReplicaSet",),
    "pod": ("Pod",),
    "pod_name": ("Pod",),
    "cronjob": ("CronJob",),
    "job_name": ("Job",),
    "persistentvolumeclaim": ("PersistentVolumeClaim",),
    "node": ("Node",),
    "horizontalpodautoscaler": ("HorizontalPodAutoscaler",),
    "hpa": ("HorizontalPodAutoscaler",),
    "ingress": ("Ingress",),
    "configmap": ("ConfigMap",),
    "secret": ("Secret",),
    "networkpolicy": ("NetworkPolicy",),
}
"""Labels that state the kind of what they name, after `_plain_label`."""

_NAME_LABELS: dict[str, float] = {
    "workload": 0.93,
    "owner_name": 0.93,
    "service": 0.9,
    "service_name": 0.9,
    "destination_service_name": 0.9,
    "app": 0.9,
    "app_name": 0.9,
    "name": 0.7,
    "application": 0.88,
    "component": 0.8,
    "target": 0.75,
    "resource": 0.85,
    "host": 0.7,
    "hostname": 0.7,
    "container": 0.6,
    "job": 0.55,
    "instance": 0.55,
    "dbinstanceidentifier": 0.93,
    "queuename": 0.93,
    "queue": 0.8,
    "bucketname": 0.93,
    "bucket": 0.85,
    "functionname": 0.93,
    "keyid": 0.93,
    "database": 0.75,
}
"""Labels that name something without telling its kind, and how much such a name is worth. `container`, `job` and
`instance` often name the exporter that measured, so they are worth less."""

_PREFIXES = ("kube_", "kubernetes_", "k8s_", "exported_", "app_kubernetes_io_", "label_", "aws_", "resource_")
# fmt: off
_COMMON_WORDS = frozenset({
    "api", "app", "web", "service", "services", "server", "pod", "pods", "node", "nodes", "cluster", "error",
    "errors", "rate", "high", "low", "latency", "alert", "default", "main", "test", "prod", "production", "system",
    "host", "job", "database", "db", "queue", "cache", "data", "in", "on", "for", "of", "the", "is", "and", "to",
    "down", "up", "not", "are", "from", "with", "has", "was", "running", "all", "get", "set",
})
# fmt: on
"""Words that alone in a sentence name nothing, even where a resource is called so."""
_THINGS = WORKLOADS | {"Service", "Ingress", "CronJob", "Job", "PersistentVolumeClaim", "HTTPRoute", "Node"}
_QUIET_CLOUD = (
    "_policy",
    "_attachment",
    "_rule",
    "_grant",
    "_alias",
    "_subnet_group",
    "_parameter_group",
    "_association",
)
_KIND_ORDER = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Service", "Ingress")
_KEEP_ABOVE = 0.6
"""Share of the best score under which a candidate is dropped as noise."""
_ARN = re.compile(r"arn:[\w-]*:[\w-]+:[^\s\"',;]+")


_T = TypeVar("_T")


class _Hit(NamedTuple):
    uid: str
    score: float
    reason: str


def candidates(graph: EnvironmentGraph, alert: Alert) -> tuple[Candidate, ...]:
    """Return the resources that an alert may be about.

    Returns:
        Best first; equal scores are kept side by side, workloads before Services. Empty when the alert names nothing
        that the graph knows.
    """
    names = Names(graph, namespace_of(graph, alert))
    hits = [*_by_label(graph, alert, names), *_by_text(alert, names), *_by_identity(graph, alert)]
    best = _folded(graph, hits)
    best = _with_neighbours(graph, best)
    top = max((h.score for h in best.values()), default=0.0)
    kept = [h for h in best.values() if h.score >= _KEEP_ABOVE * top]
    kept.sort(key=lambda h: (-h.score, _kind_rank(graph.resource(h.uid)), h.uid))
    return tuple(Candidate(uid=h.uid, score=h.score, reason=h.reason) for h in kept)


def _by_label(graph: EnvironmentGraph, alert: Alert, names: Names) -> Iterator[_Hit]:
    for label, value in sorted(alert.labels.items()):
        key = _plain_label(label)
        reason = f'label {label}="{value}"'
        if key in _KIND_LABELS:
            found = [r for r, factor in names.find(value) if r.kind in _KIND_LABELS[key] and factor == 1.0]
            yield from (_Hit(r.uid, 0.98, reason) for r in found)
            if not found and key in ("pod", "pod_name"):
                yield from _of_gone_pod(names, value, reason)
        elif key in _NAME_LABELS:
            for resource, factor in names.find(_host(value)):
                if _is_thing(resource):
                    yield _Hit(resource.uid, _NAME_LABELS[key] * factor, reason)
            yield from _by_address(graph, value, _NAME_LABELS[key], reason)


def _of_gone_pod(names: Names, pod: str, reason: str) -> Iterator[_Hit]:
    """A pod that is gone: its name still tells the workload, as generated names begin with it."""
    parts = pod.split("-")
    for cut in (2, 1):
        for resource in names.exact.get(joined("-".join(parts[:-cut])), ()) if len(parts) > cut else ():
            if resource.kind in WORKLOADS:
                yield _Hit(resource.uid, 0.9, f"{reason}, a pod of {resource.display}")


def _by_text(alert: Alert, names: Names) -> Iterator[_Hit]:
    """Names in the sender's service name, the title and the description."""
    if alert.service:
        for resource, factor in names.find(alert.service):
            if _is_thing(resource):
                yield _Hit(resource.uid, 0.88 * factor, f'service "{alert.service}"')
        yield from _in_sentence(alert.service, names, 0.7, f'service "{alert.service}"')
    yield from _in_sentence(alert.title, names, 0.75, "title")
    yield from _in_sentence(alert.description, names, 0.62, "description")


def _in_sentence(text: str, names: Names, score: float, place: str) -> Iterator[_Hit]:
    """Whole names first, longest first; a word that one name used does not count again for another."""
    words = WORD.findall(text.lower())[:400]
    used: set[int] = set()
    for is_whole in (True, False):
        for size in range(min(6, len(words)), 0, -1):
            for start in range(len(words) - size + 1):
                span = range(start, start + size)
                if used.intersection(span) or (size == 1 and _is_common(words[start])):
                    continue
                phrase = " ".join(words[start : start + size])
                found = [(r, f) for r, f in names.find(phrase) if _is_thing(r) and (f == 1.0) is is_whole]
                if found:
                    used.update(span)
                yield from (_Hit(r.uid, score * f, f'"{phrase}" in {place}') for r, f in found)


def _by_identity(graph: EnvironmentGraph, alert: Alert) -> Iterator[_Hit]:
    """ARNs, uids, Terraform addresses and `NAMESPACE/KIND/NAME` anywhere in the alert."""
    text = " ".join([alert.title, alert.description, alert.service, *alert.labels.values()])
    for arn in _ARN.findall(text):
        if found := graph.by_alias(arn.rstrip(".:)]")):
            yield _Hit(found.uid, 0.97, f"names {arn}")
    for resource in graph:
        shown = resource.display
        if ("." in shown or "/" in shown) and len(shown) > 5 and _has_whole(text, shown):
            yield _Hit(resource.uid, 0.97, f"names {shown}")


def _by_address(graph: EnvironmentGraph, value: str, score: float, reason: str) -> Iterator[_Hit]:
    """A label such as `instance="10.1.2.3:8080"` names whoever has that address."""
    host = value.rpartition(":")[0] or value
    if not re.fullmatch(r"[0-9]+(\.[0-9]+){3}|[0-9a-f:]+:[0-9a-f:]+|[\w-]+(\.[\w-]+){2,}", host):
        return
    for uid, body in graph.bodies(Facet.ACTUAL).items():
        if host in _addresses(body):
            yield _Hit(uid, min(0.95, score + 0.2), f"{reason}, its address")


def _addresses(body: Mapping[str, object]) -> set[str]:
    status, spec, values = (body.get(part) for part in ("status", "spec", "values"))
    out: set[str] = set()
    for part, keys in ((status, ("podIP",)), (spec, ("clusterIP",)), (values, ("address", "endpoint", "private_ip"))):
        if isinstance(part, Mapping):
            out.update(str(part[k]).partition(":")[0] for k in keys if isinstance(part.get(k), str))
    return out


def _folded(graph: EnvironmentGraph, hits: Iterable[_Hit]) -> dict[str, _Hit]:
    """Let pods count for their workload; the best score of a resource counts, and each other reason a little."""
    by_uid: dict[str, list[_Hit]] = {}
    for hit in hits:
        _append(by_uid, workload_of(graph, hit.uid), hit)
    out = {}
    for uid, many in by_uid.items():
        many.sort(key=lambda h: -h.score)
        reasons = tuple(dict.fromkeys(h.reason for h in many))
        score = min(1.0, many[0].score + 0.01 * (len(reasons) - 1))
        out[uid] = _Hit(uid, round(score, 3), "; ".join(reasons[:3]))
    return out


def _with_neighbours(graph: EnvironmentGraph, best: dict[str, _Hit]) -> dict[str, _Hit]:
    """Add the workload behind a named Service and the Service before a named workload."""
    out = dict(best)
    for hit in best.values():
        resource = graph.resource(hit.uid)
        if resource.kind == "Service":
            for uid in workloads_behind(graph, hit.uid):
                _raise(out, _Hit(uid, hit.score, f"behind {resource.display} ({hit.reason})"))
        elif resource.kind in WORKLOADS:
            for uid in services_of(graph, hit.uid):
                shown = f"leads to {resource.display} ({hit.reason})"
                _raise(out, _Hit(uid, round(hit.score - 0.02, 3), shown))
        elif resource.kind in ("Ingress", "HorizontalPodAutoscaler"):
            for relation in graph.outgoing(hit.uid):
                if relation.type in (RelationType.ROUTES_TO, RelationType.SCALES) and relation.target in graph:
                    shown = f"{relation.type.value} of {resource.display} ({hit.reason})"
                    _raise(out, _Hit(workload_of(graph, relation.target), round(hit.score - 0.05, 3), shown))
    return out


def _raise(out: dict[str, _Hit], hit: _Hit) -> None:
    if hit.uid not in out:
        out[hit.uid] = hit


def namespace_of(graph: EnvironmentGraph, alert: Alert) -> str | None:
    """The namespace that a label states, when the graph knows it."""
    for label, value in sorted(alert.labels.items(), key=lambda kv: kv[0].startswith("exported_"), reverse=True):
        is_namespace = _plain_label(label) in ("namespace", "destination_service_namespace")
        if is_namespace and any(r.namespace == value for r in graph):
            return value
    return None


def _is_thing(resource: Resource) -> bool:
    """Whether people name such a resource when they mean a system, not a part of its configuration."""
    if resource.platform is Platform.SERVICE:
        return True
    if resource.platform is Platform.COMPOSE:
        return resource.kind == "service"
    if resource.platform is Platform.TERRAFORM:
        return not resource.kind.endswith(_QUIET_CLOUD) and not resource.kind.startswith("aws_iam_")
    return resource.kind in _THINGS


def _is_common(word: str) -> bool:
    return len(word) < 3 or word in _COMMON_WORDS


def _plain_label(label: str) -> str:
    key = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix)
    return key if key in _KIND_LABELS or key in _NAME_LABELS else key.removesuffix("_name")


def _host(value: str) -> str:
    """The first label of a cluster DNS name; anything else unchanged."""
    return value.partition(".")[0] if ".svc" in value else value


def _has_whole(text: str, name: str) -> bool:
    at = text.find(name)
    if at < 0:
        return False
    before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 1]
    return not (re.match(r"[\w./-]", before) or re.match(r"[\w-]", after))


def _kind_rank(resource: Resource) -> int:
    return _KIND_ORDER.index(resource.kind) if resource.kind in _KIND_ORDER else len(_KIND_ORDER)


def _append(index: dict[str, list[_T]], key: str, value: _T) -> None:
    index.setdefault(key, []).append(value)
