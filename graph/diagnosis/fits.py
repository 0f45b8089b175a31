"""Which complaints and faults each kind of cause leads to: what such a change does on the platform, as tables."""

from __future__ import annotations

import re

from graph.diagnosis.hypothesis import Hypothesis
from graph.diagnosis.symptoms import Complaint
from graph.fault import Fault

_ROLLOUT = frozenset({"bad_image", "bad_rollout", "config_changed"})
_NETWORK = frozenset({"network_policy", "security_group_rule_removed"})
_BACKEND = frozenset({"selector_mismatch", "port_mismatch", "scaled_down", "unavailable_dependency"})
_CONFIG = frozenset({"config_changed", "missing_config", "missing_secret", "bad_rollout"})

COMPLAINT_KINDS: dict[Complaint, frozenset[str]] = {
    Complaint.ACCESS_DENIED: frozenset({"permission_removed", "service_account_changed"}),
    Complaint.AUTHENTICATION: _CONFIG | {"service_account_changed", "permission_removed"},
    Complaint.REFUSED: _BACKEND | _ROLLOUT | {"security_group_rule_removed", "probe_changed"},
    Complaint.TIMED_OUT: _NETWORK | _BACKEND | _ROLLOUT | {"resource_limits"},
    Complaint.NO_SUCH_HOST: frozenset({"config_changed", "bad_rollout", "unavailable_dependency", "network_policy"}),
    Complaint.TLS: frozenset({"config_changed", "missing_secret", "bad_rollout"}),
    Complaint.IMAGE: frozenset({"bad_image", "bad_rollout", "missing_secret", "service_account_changed"}),
    Complaint.MISSING_REFERENCE: _CONFIG,
    Complaint.BAD_CONFIG: _CONFIG | {"bad_image"},
    Complaint.OUT_OF_MEMORY: frozenset({"resource_limits", "bad_image", "bad_rollout", "config_changed"}),
    Complaint.PROBE: frozenset({"probe_changed", "port_mismatch", "resource_limits", *_ROLLOUT}),
    Complaint.SCHEDULING: frozenset({"resource_limits", "bad_rollout", "drift"}),
    Complaint.CRASH: _CONFIG | {"bad_image", "resource_limits", "probe_changed"},
    Complaint.SERVER_ERROR: _ROLLOUT | _BACKEND | _CONFIG,
}
"""Kinds of cause that lead to a complaint directly."""

VAGUE = frozenset({Complaint.SERVER_ERROR, Complaint.CRASH, Complaint.PROBE, Complaint.READING})
"""Complaints that almost any cause leads to."""

_FAULTS: tuple[tuple[re.Pattern[str], frozenset[str], bool], ...] = tuple(
    (re.compile(pattern), kinds, is_particular)
    for pattern, kinds, is_particular in (
        (r"ImagePull|ErrImage|InvalidImage|ImageInspect", frozenset({"bad_image", "bad_rollout"}), True),
        (r"MissingSecret", frozenset({"missing_secret", "config_changed", "bad_rollout"}), True),
        (r"MissingConfigMap", frozenset({"missing_config", "config_changed", "bad_rollout"}), True),
        (r"MissingServiceAccount", frozenset({"service_account_changed", "bad_rollout"}), True),
        (r"CreateContainerConfigError|FailedMount|RunContainerError", _CONFIG, True),
        (r"SelectorMatchesNothing|NoPods", frozenset({"selector_mismatch", "scaled_down", "bad_rollout"}), True),
        (r"MissingTargetPort", frozenset({"port_mismatch", "bad_rollout", "config_changed"}), True),
        (r"OOMKilled", frozenset({"resource_limits", "bad_image", "bad_rollout", "config_changed"}), True),
        (
            r"Unschedulable|Quota|ReplicaFailure|FailedCreate",
            frozenset({"resource_limits", "bad_rollout", "drift"}),
            True,
        ),
        (r"NoReadyPods", _BACKEND | _ROLLOUT | _CONFIG | {"probe_changed", "resource_limits"}, False),
        (
            r"CrashLoop|Error|NotReady|Unavailable|NotProgressing|Failed|Unhealthy|ContainersNotReady|DeadlineExceeded",
            _ROLLOUT | _CONFIG | {"probe_changed", "port_mismatch", "resource_limits", "service_account_changed"},
            False,
        ),
    )
)
_NAMED = re.compile(r"(?P<kind>secret|configmap)s? \"(?P<name>[^\"]+)\"", re.IGNORECASE)
"""How the kubelet names the object that it misses: `secret "checkout-token" not found`."""
_GENERAL_SHARE = 0.7
"""What a fault that many causes lead to is worth, against one that few do."""


def fault_fits(fault: Fault, hypothesis: Hypothesis, *, is_next: bool) -> float:
    """Return how well a fault fits a cause, 0 when not at all.

    Args:
        fault: of a resource on the path from the subject to the cause.
        hypothesis: the possible cause.
        is_next: whether the resource with the fault is the one that changed or the one that uses it. Faults further
            away are consequences of many things.
    """
    for pattern, kinds, is_particular in _FAULTS:
        if pattern.search(fault.reason):
            if hypothesis.kind not in kinds or not is_next:
                return 0.0
            if is_particular and fault.target and hypothesis.resource not in (fault.target, fault.uid):
                return 0.0
            return 1.0 if is_particular else _GENERAL_SHARE
    return 0.0


def names_another(fault: Fault, hypothesis: Hypothesis) -> bool:
    """Whether the platform says that it misses one Secret or ConfigMap, and the cause is another."""
    parts = hypothesis.resource.split("/")
    if len(parts) < 3 or parts[-3].lower() not in ("secret", "configmap"):
        return False
    said = fault.value.get("message") if isinstance(fault.value, dict) else None
    text = f"{fault.message} {said or ''}"
    named = {(found["kind"].lower(), found["name"].rpartition("/")[2]) for found in _NAMED.finditer(text)}
    return bool(named) and (parts[-3].lower(), parts[-1]) not in named
