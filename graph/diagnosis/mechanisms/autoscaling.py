"""Autoscalers that can't do what load asks of them: at their limit, or without anything to go by.

Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ and the conditions that the
controller sets (kubernetes/kubernetes `pkg/controller/podautoscaler`).
"""

from __future__ import annotations

from collections.abc import Iterator

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.kinds.kubernetes.inventory import uid_near
from graph.kinds.lenient import entries, mapping, text
from graph.version import Document

_BLIND = frozenset(
    {
        "FailedGetResourceMetric",
        "FailedGetPodsMetric",
        "FailedGetObjectMetric",
        "FailedGetExternalMetric",
        "FailedComputeMetricsReplicas",
        "InvalidMetricSourceType",
        "InvalidSelector",
    }
)


def autoscaling(scene: Scene) -> Iterator[Mechanism]:
    """Yield autoscalers that are stuck."""
    for scaler in scene.live.of("HorizontalPodAutoscaler"):
        target = _target(scaler)
        for index, condition in entries(scaler.body, "status", "conditions"):
            kind, what, strength = _stuck(condition.get("type"), condition.get("status"), text(condition, "reason"))
            if kind:
                yield Mechanism(
                    resource=scaler.resource.uid,
                    kind=kind,
                    summary=f"The autoscaler {scaler.resource.name} {what}.",
                    signs=(
                        Sign(
                            text=f"It says {text(condition, 'reason')}.",
                            uid=scaler.resource.uid,
                            path=f"/status/conditions/{index}",
                        ),
                    ),
                    strength=strength,
                    stops=(target,) if target else (),
                )


def _stuck(kind: object, status: object, reason: str) -> tuple[str, str, float]:
    if kind == "ScalingLimited" and status == "True" and reason == "TooManyReplicas":
        return "autoscaling_at_limit", "wants more replicas than its maximum allows", 0.5
    if kind == "ScalingActive" and status == "False" and reason in _BLIND:
        return "autoscaling_blind", "can't read the metrics that it scales by", 0.6
    if kind == "AbleToScale" and status == "False":
        return "autoscaling_blocked", "can't scale its target", 0.6
    return "", "", 0.0


def _target(scaler: Document) -> str:
    reference = mapping(scaler.body, "spec", "scaleTargetRef")
    kind, name = text(reference, "kind"), text(reference, "name")
    version = text(reference, "apiVersion") or "apps/v1"
    return uid_near(scaler, api_version=version, kind=kind, name=name) if kind and name else ""
