"""What a difference at one place means for whoever uses the resource: its kind of fault, and whether it can hurt.

Rules come from what the platforms document of the fields, not from any estate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from graph.diagnosis.hypothesis import Weight
from graph.diagnosis.permissions import Loss, losses
from graph.document import ABSENT, Absent, Json, Object
from graph.resource import Platform, Resource
from graph.workloads import TEMPLATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place of one resource before and after."""

    resource: Resource
    path: str
    """JSON pointer; empty for the whole resource"""
    before: Json | Absent
    after: Json | Absent
    old: Object | None
    """The whole object before; None when there was none"""
    new: Object | None


class Effect(NamedTuple):
    kind: str
    weight: Weight
    what: str
    """What happened, as the end of a sentence that begins with the name of the resource."""
    loss: Loss | None = None


_CONTAINER = r"/(?:initContainers|containers)/\d+"
_TEMPLATE_RULES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), kind, what)
    for pattern, kind, what in (
        (_CONTAINER + r"/image$", "bad_image", "runs another image"),
        (_CONTAINER + r"/resources", "resource_limits", "has other resource requests or limits"),
        (_CONTAINER + r"/(liveness|readiness|startup)Probe", "probe_changed", "is probed differently"),
        (_CONTAINER + r"/ports", "port_mismatch", "listens on other ports"),
        (_CONTAINER + r"/(env|envFrom|args|command)(/|$)", "config_changed", "has another environment or arguments"),
        (r"/spec/serviceAccount(Name)?$", "service_account_changed", "runs as another ServiceAccount"),
        (r"/spec/(volumes|imagePullSecrets)|/volumeMounts", "config_changed", "mounts something else"),
        (r"/template/metadata/labels", "selector_mismatch", "gives its pods other labels"),
        (r"/template/metadata/annotations", "drift", "annotates its pods differently"),
        (r"/(nodeSelector|affinity|tolerations|topologySpread)", "drift", "is placed by other rules"),
    )
)
_QUANTITY = re.compile(r"([+-]?[0-9.]+)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_POWERS = {"": (10, 0), "m": (10, -3), "k": (10, 3), "M": (10, 6), "G": (10, 9), "T": (10, 12), "P": (10, 15)}
_POWERS |= {"Ki": (2, 10), "Mi": (2, 20), "Gi": (2, 30), "Ti": (2, 40), "Pi": (2, 50)}
_OFF_WORDS = frozenset({"false", "off", "disabled", "no", "0"})
_CAPACITY = re.compile(
    r"replicas|limit|max|min|size|pool|capacity|concurren|worker|timeout|retr|quota|memory|cpu|storage|throughput|iops",
    re.IGNORECASE,
)
_FEATURE = re.compile(r"enable|feature|flag|toggle|mode|allow|strict|recommend|experiment|promo|cache", re.IGNORECASE)
_SECURITY_GROUP = re.compile(r"security_group")


def effect_of(difference: Difference) -> Effect | None:
    """Judge one difference; None when it concerns nothing that runs (labels and annotations of most objects)."""
    resource = difference.resource
    if resource.platform is Platform.TERRAFORM:
        return _cloud(difference)
    if not difference.path:
        return _whole(difference)
    if re.match(r"/metadata/(labels|annotations|finalizers|ownerReferences)", difference.path):
        return _metadata(difference)
    if resource.kind in TEMPLATED:
        return _workload(difference)
    return _KINDS[resource.kind](difference) if resource.kind in _KINDS else Effect("drift", Weight.ALTERS, "differs")


def raises_capacity(difference: Difference) -> bool:
    """Whether the new value is what people set to get through an emergency: more of something, or a feature off."""
    name = difference.path.rpartition("/")[2]
    before, after = quantity(difference.before), quantity(difference.after)
    if before is not None and after is not None:
        return after > before and bool(_CAPACITY.search(difference.path))
    if isinstance(difference.before, dict) and isinstance(difference.after, dict):
        pairs = [(difference.before.get(k), v) for k, v in difference.after.items()]
        known = [(quantity(a), quantity(b)) for a, b in pairs]
        return bool(known) and all(a is not None and b is not None and b >= a for a, b in known)
    if difference.after is ABSENT:
        return "limits" in difference.path
    turned_off = str(difference.after).lower() in _OFF_WORDS and str(difference.before).lower() not in _OFF_WORDS
    return turned_off and bool(_FEATURE.search(name) or isinstance(difference.before, bool))


def quantity(value: Json | Absent) -> Fraction | None:
    """Read a number or a Kubernetes quantity; None for anything else."""
    if isinstance(value, bool) or value is ABSENT or value is None:
        return None
    if isinstance(value, int | float):
        return Fraction(value)
    if isinstance(value, str) and (found := _QUANTITY.fullmatch(value.strip())):
        try:
            base, power = _POWERS[found[2] or ""]
            return Fraction(found[1]) * Fraction(base) ** power
        except ValueError:
            return None
    return None


def _whole(d: Difference) -> Effect | None:
    kind = d.resource.kind
    gone = d.new is None
    if kind in ("NetworkPolicy",):
        return Effect("network_policy", Weight.ALTERS, "was removed" if gone else "was added")
    if not gone:
        return Effect("drift", Weight.HARMLESS, "exists without being declared")
    word = {"Secret": "missing_secret", "ExternalSecret": "missing_secret", "ConfigMap": "missing_config"}
    word |= {"Service": "unavailable_dependency", "ServiceAccount": "service_account_changed"}
    word |= dict.fromkeys(("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"), "permission_removed")
    word |= dict.fromkeys(TEMPLATED, "unavailable_dependency")
    weight = Weight.ALTERS if kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget") else Weight.BREAKS
    return Effect(word.get(kind, "drift"), weight, "no longer exists")


def _metadata(d: Difference) -> Effect | None:
    if d.resource.kind == "ServiceAccount" and "role-arn" in d.path:
        weight = Weight.BREAKS if d.after is ABSENT else Weight.ALTERS
        return Effect("service_account_changed", weight, "is tied to another IAM role")
    if d.resource.kind in ("Ingress", "Service") and "/annotations/" in d.path:
        return Effect("config_changed", Weight.ALTERS, "is configured differently by an annotation")
    return None


def _workload(d: Difference) -> Effect | None:
    if d.path == "/spec/replicas":
        before, after = quantity(d.before), quantity(d.after)
        if before is not None and after is not None and after < before:
            weight = Weight.BREAKS if after == 0 else Weight.ALTERS
            return Effect("scaled_down", weight, f"was scaled from {int(before)} to {int(after)} replicas")
        return Effect("drift", Weight.HARMLESS, "has more replicas")
    if d.path == "/spec/selector" or d.path.startswith("/spec/selector/"):
        return Effect("selector_mismatch", Weight.BREAKS, "selects other pods")
    for pattern, kind, what in _TEMPLATE_RULES:
        if pattern.search(d.path):
            if kind == "resource_limits" and raises_capacity(d):
                return Effect(kind, Weight.HARMLESS, "has higher resource requests or limits")
            return Effect(kind, Weight.HARMLESS if "annotations" in d.path else Weight.ALTERS, what)
    if d.path in ("/spec/paused", "/spec/suspend") and d.after is True:
        return Effect("scaled_down", Weight.ALTERS, "is paused or suspended")
    return Effect("bad_rollout" if "/template/" in d.path else "drift", Weight.ALTERS, "differs in its pod template")


def _service(d: Difference) -> Effect:
    if d.path.startswith("/spec/selector"):
        return Effect("selector_mismatch", Weight.BREAKS, "selects other pods")
    if d.path.startswith("/spec/ports"):
        return Effect("port_mismatch", Weight.BREAKS, "leads to another port")
    return Effect("config_changed", Weight.ALTERS, "is configured differently")


def _config_map(d: Difference) -> Effect:
    if d.after is ABSENT:
        return Effect("missing_config", Weight.BREAKS, "lost a key")
    return Effect("config_changed", Weight.ALTERS, "holds another value")


def _secret(d: Difference) -> Effect:
    if d.after is ABSENT:
        return Effect("missing_secret", Weight.BREAKS, "lost a key")
    return Effect("config_changed", Weight.ALTERS, "holds another secret value")


def _service_account(_: Difference) -> Effect:
    return Effect("service_account_changed", Weight.ALTERS, "differs")


def _role(_: Difference) -> Effect:
    return Effect("permission_removed", Weight.ALTERS, "grants something else")


def _network_policy(_: Difference) -> Effect:
    # Whether it cuts anybody off is computed flow by flow, elsewhere.
    return Effect("network_policy", Weight.ALTERS, "admits other traffic")


def _ingress(_: Difference) -> Effect:
    return Effect("config_changed", Weight.ALTERS, "routes differently")


def _external_secret(_: Difference) -> Effect:
    return Effect("config_changed", Weight.ALTERS, "reads other secret values")


def _quota(d: Difference) -> Effect:
    return Effect("resource_limits", Weight.HARMLESS if raises_capacity(d) else Weight.ALTERS, "sets other limits")


_KINDS: dict[str, Callable[[Difference], Effect]] = {
    "Service": _service,
    "ConfigMap": _config_map,
    "Secret": _secret,
    "ServiceAccount": _service_account,
    "Role": _role,
    "ClusterRole": _role,
    "RoleBinding": _role,
    "ClusterRoleBinding": _role,
    "NetworkPolicy": _network_policy,
    "Ingress": _ingress,
    "HTTPRoute": _ingress,
    "HorizontalPodAutoscaler": _quota,
    "ResourceQuota": _quota,
    "LimitRange": _quota,
    "ExternalSecret": _external_secret,
}


def _cloud(d: Difference) -> Effect | None:
    kind = d.resource.kind
    if re.match(r"/values/tags(_all)?(/|$)", d.path):
        return None
    if kind.startswith(("aws_iam", "aws_kms")):
        return _permission(d)
    if _SECURITY_GROUP.search(kind):
        return _security_group(d)
    if not d.path:
        gone = d.new is None
        kind_of_fault = "unavailable_dependency" if gone else "drift"
        return Effect(
            kind_of_fault, Weight.BREAKS if gone else Weight.HARMLESS, "no longer exists" if gone else "is new"
        )
    if raises_capacity(d):
        return Effect("config_changed", Weight.HARMLESS, "has more capacity")
    if any(loss.actions for loss in losses(d.old, d.new)) and "policy" in d.path:
        return _permission(d)
    return Effect("config_changed", Weight.ALTERS, "is configured differently")


def _permission(d: Difference) -> Effect:
    if d.resource.kind == "aws_kms_key" and d.path in ("/values/is_enabled", "/values/enabled") and d.after is False:
        return Effect("permission_removed", Weight.BREAKS, "is disabled")
    if d.resource.kind == "aws_kms_key" and "deletion" in d.path:
        return Effect("permission_removed", Weight.BREAKS, "is scheduled for deletion")
    if not d.path and d.new is None:
        lost = losses(d.old, None)
        what = f"no longer grants {_actions(lost[0])}" if lost else "no longer exists"
        return Effect("permission_removed", Weight.BREAKS, what, lost[0] if lost else None)
    lost = list(_at(losses(d.old, d.new), d.path)) or losses(d.old, d.new)
    if lost:
        verb = "now denies" if lost[0].is_denied else "no longer allows"
        return Effect("permission_removed", Weight.BREAKS, f"{verb} {_actions(lost[0])}", lost[0])
    if "policy" in d.path:
        return Effect("drift", Weight.HARMLESS, "grants more than was declared")
    if "boundary" in d.path and d.after is not ABSENT:
        return Effect("permission_removed", Weight.ALTERS, "is limited by another permissions boundary")
    if "arns" in d.path:
        return Effect("permission_removed", Weight.ALTERS, "has other policies attached")
    return Effect("config_changed", Weight.ALTERS, "is configured differently")


def _at(found: list[Loss], path: str) -> Iterator[Loss]:
    """Losses in the statement that a path points into."""
    yield from (loss for loss in found if path == loss.path or path.startswith(loss.path + "/"))


def _actions(loss: Loss) -> str:
    shown = [re.sub(r"[^\w:*.-]", "", a)[:60] for a in loss.actions]
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


def _security_group(d: Difference) -> Effect:
    if not d.path:
        gone = d.new is None
        if gone:
            return Effect("security_group_rule_removed", Weight.BREAKS, "no longer exists")
        return Effect("drift", Weight.HARMLESS, "is new")
    if "/ingress" in d.path or "/egress" in d.path:
        if isinstance(d.before, list) and isinstance(d.after, list) and all(item in d.after for item in d.before):
            return Effect("drift", Weight.HARMLESS, "admits more")
        if d.before is ABSENT:
            return Effect("drift", Weight.HARMLESS, "admits more")
        return Effect("security_group_rule_removed", Weight.BREAKS, "no longer admits traffic that was declared")
    if re.search(r"(from_port|to_port|protocol|cidr|source_security_group|referenced_security)", d.path):
        return Effect("security_group_rule_removed", Weight.BREAKS, "admits other traffic than was declared")
    return Effect("config_changed", Weight.ALTERS, "is configured differently")
