"""Where a failure begins: the resource, the field that is wrong, and in which way the resource suffers from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graph.diagnosis.result import Cause, CauseState, Diagnosis, DiagnosisVerdict
from graph.document import get, tokens
from graph.environment import EnvironmentGraph
from graph.reach.configuration import changed_key
from graph.reach.effect import Band, Mode, Seed, weaker
from graph.reach.folding import WORKLOADS, Folded, fold, kind_of
from graph.reach.redundancy import redundancy
from graph.relation import RelationType
from graph.resource import Facet, display_uid

CONFIGURATION = frozenset({"ConfigMap", "Secret"})
IDENTITIES = frozenset({"ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})
_PERMISSIONS = ("aws_iam_", "aws_kms_grant", "aws_kms_key_policy")
_JOINED = ("_attachment", "_association", "_rule", "_role_policy", "_queue_policy", "_bucket_policy", "_key_policy")
"""Terraform types that have no effect of their own, only on the resource that they name first."""

_LIKELY_SHARE = 0.5
"""A subject with less than this share of the best score is another reading of the alert, not a second failure."""


def fault_seeds(graph: EnvironmentGraph, diagnosis: Diagnosis) -> tuple[Seed, ...]:
    """Return where the failure begins: at the leading cause, else at what the alert is about.

    A healthy verdict has no seeds. An emergency change keeps something up rather than breaking it, so it is no seed.
    """
    if diagnosis.verdict is DiagnosisVerdict.HEALTHY:
        return ()
    cause = leading(diagnosis)
    if cause is not None and cause.kind != "emergency_change":
        seeds = failing_seeds(graph, cause.resource, _path(cause))
        if seeds:
            return tuple(_as_seen(graph, seed, diagnosis) for seed in seeds)
    best = max((c.score for c in diagnosis.subjects), default=0.0)
    named = [c.uid for c in diagnosis.subjects if c.score >= best * _LIKELY_SHARE][:3]
    reason = "The alert is about it; its cause is not known."
    return tuple(
        Seed(uid=fold(graph, uid), mode=Mode.DEGRADED, reason=reason, band=Band.LIKELY) for uid in dict.fromkeys(named)
    )


def _as_seen(graph: EnvironmentGraph, seed: Seed, diagnosis: Diagnosis) -> Seed:
    """Claim no more than was seen: what has ready pods is not down, and what may not be the cause is not certain."""
    if diagnosis.verdict is DiagnosisVerdict.INCONCLUSIVE:
        seed = replace(seed, band=weaker(seed.band, Band.LIKELY))
    runs = not seed.path and kind_of(graph, seed.uid) in WORKLOADS and redundancy(Folded(graph), seed.uid).serves
    if runs and seed.mode is Mode.DOWN:
        return replace(seed, mode=Mode.DEGRADED, reason=f"{display_uid(seed.uid)} has ready pods, and is unwell.")
    return seed


def leading(diagnosis: Diagnosis) -> Cause | None:
    """Return the leading cause, or None when no hypothesis leads."""
    return next((c for c in diagnosis.causes if c.state is CauseState.LEADING), None)


def failing_seeds(graph: EnvironmentGraph, uid: str, path: str = "") -> tuple[Seed, ...]:
    """Return where it begins when this resource fails, or this field of it is wrong.

    Args:
        graph: the environment.
        uid: the resource; an alias will do.
        path: JSON pointer of the wrong field; empty for the whole resource. Labels and annotations that select nothing
            and grant nothing give no seeds.
    """
    if uid not in graph and (known := graph.by_alias(uid)):
        uid = known.uid
    home = fold(graph, uid)
    kind = kind_of(graph, home)
    if _is_cosmetic(kind, path):
        return ()
    return tuple(_seeds(graph, home, kind, path if home == uid else ""))


def _seeds(graph: EnvironmentGraph, uid: str, kind: str, path: str) -> Iterator[Seed]:
    name = display_uid(uid)
    is_there = graph.body(uid, Facet.ACTUAL) is not None
    if not uid.startswith("k8s://"):
        yield from _cloud_seeds(graph, uid, kind, path, is_there=is_there)
    elif kind in WORKLOADS:
        yield _workload_seed(graph, uid, path)
    elif kind == "Service":
        yield _service_seed(graph, uid, path, is_there=is_there)
    elif kind in CONFIGURATION or kind == "PersistentVolumeClaim":
        if path and is_there:
            yield Seed(uid=uid, mode=Mode.DEGRADED, reason=f"{_field(path)} of {name} is wrong.", path=path)
        else:
            yield Seed(uid=uid, mode=Mode.DOWN, reason=f"{name} is missing.")
    elif kind in IDENTITIES:
        mode = Mode.DENIED if is_there else Mode.DOWN
        yield Seed(uid=uid, mode=mode, reason=f"{name} grants less than it should.", path=path)
    elif kind == "NetworkPolicy":
        if is_there:
            yield Seed(uid=uid, mode=Mode.DENIED, reason=f"{name} cuts off connections.", path=path)
        else:
            yield Seed(uid=uid, mode=Mode.DOWN, reason=f"{name} is missing.")
    else:
        mode = Mode.DEGRADED if is_there else Mode.DOWN
        yield Seed(uid=uid, mode=mode, reason=f"{name} does not work as it should.", path=path)


def _workload_seed(graph: EnvironmentGraph, uid: str, path: str) -> Seed:
    name = display_uid(uid)
    serves = redundancy(Folded(graph), uid).serves
    if not path or (path == "/spec/replicas" and get(graph.body(uid, Facet.ACTUAL) or {}, path) == 0):
        return Seed(uid=uid, mode=Mode.DOWN, reason=f"{name} does not run.", path=path)
    if path.startswith("/spec/template") and serves is False:
        return Seed(
            uid=uid, mode=Mode.DOWN, reason=f"No pod of {name} is ready since {_field(path)} changed.", path=path
        )
    if "image" in tokens(path)[-1:] and serves:
        reason = f"New pods of {name} do not become ready; those from before still serve."
        return Seed(uid=uid, mode=Mode.CANNOT_SCHEDULE, reason=reason, path=path)
    return Seed(uid=uid, mode=Mode.DEGRADED, reason=f"{name} runs with a wrong {_field(path)}.", path=path)


def _service_seed(graph: EnvironmentGraph, uid: str, path: str, *, is_there: bool) -> Seed:
    name = display_uid(uid)
    if not path or not is_there:
        return Seed(uid=uid, mode=Mode.DOWN, reason=f"{name} does not answer.", path=path)
    folded = Folded(graph)
    behind = folded.targets(uid, RelationType.SELECTS)
    if _has_endpoint(folded, uid) is False or not any(redundancy(folded, w).serves is not False for w in behind):
        return Seed(uid=uid, mode=Mode.DOWN, reason=f"No ready pod stands behind {name}.", path=path)
    return Seed(uid=uid, mode=Mode.MISROUTED, reason=f"{_field(path)} of {name} sends requests elsewhere.", path=path)


def _has_endpoint(folded: Folded, service: str) -> bool | None:
    """Whether the platform lists a ready endpoint of a Service; None when it lists none of its slices."""
    slices = [b for m in folded.members(service) if "endpoints" in (b := folded.graph.body(m, Facet.ACTUAL) or {})]
    if not slices:
        return None
    ready = (get(e, "/conditions/ready") for b in slices for e in b["endpoints"] or ())
    return any(is_ready is not False for is_ready in ready)


def _cloud_seeds(graph: EnvironmentGraph, uid: str, kind: str, path: str, *, is_there: bool) -> Iterator[Seed]:
    name = display_uid(uid)
    is_permission = kind.startswith(_PERMISSIONS) or path.startswith("/values/policy") or kind.endswith("_policy")
    if is_permission:
        yield Seed(uid=uid, mode=Mode.DENIED, reason=f"{name} grants less than it should.", path=path)
    elif "security_group" in kind:
        yield Seed(uid=uid, mode=Mode.DENIED, reason=f"{name} admits less than it should.", path=path)
    else:
        mode = Mode.DEGRADED if path and is_there and not _is_switched_off(graph, uid, path) else Mode.DOWN
        yield Seed(uid=uid, mode=mode, reason=f"{name} does not work as it should.", path=path)
    if kind.endswith(_JOINED):
        yield from _joined_seeds(graph, uid, is_permission=is_permission)


def _joined_seeds(graph: EnvironmentGraph, uid: str, *, is_permission: bool) -> Iterator[Seed]:
    """A rule or attachment acts through the resource that it is attached to."""
    wanted = ("aws_iam_role", "aws_iam_user", "aws_iam_group", "aws_kms_key", "aws_sqs_queue", "aws_s3_bucket")
    followed = {other for other, _ in graph.impacts(uid)}
    for relation in graph.outgoing(uid):
        kind = kind_of(graph, relation.target)
        is_holder = kind in wanted if is_permission else kind == "aws_security_group"
        is_new = relation.target in graph and relation.target not in followed
        if relation.type is RelationType.REFERENCES and is_holder and is_new:
            reason = f"{display_uid(uid)} acts through {display_uid(relation.target)}."
            yield Seed(uid=relation.target, mode=Mode.DENIED, reason=reason)


def _is_switched_off(graph: EnvironmentGraph, uid: str, path: str) -> bool:
    value = get(graph.body(uid, Facet.ACTUAL) or {}, path)
    return value is False or (isinstance(value, str) and value.lower() in {"disabled", "stopped", "pendingdeletion"})


def _is_cosmetic(kind: str, path: str) -> bool:
    parts = tokens(path)
    if len(parts) < 2 or parts[0] != "metadata" or parts[1] not in {"labels", "annotations"}:
        return kind not in CONFIGURATION and parts[:1] == ("status",)
    if kind == "ServiceAccount" or kind in {"Namespace", "Pod", "Node"}:
        return False
    return not (kind in {"Ingress", "Service"} and parts[1] == "annotations")


def _path(cause: Cause) -> str:
    if cause.drift is not None:
        return cause.drift.actual_path or cause.drift.path
    return cause.change.path if cause.change is not None else ""


def _field(path: str) -> str:
    return changed_key(path) or next((t for t in reversed(tokens(path)) if not t.isdigit()), "field")
