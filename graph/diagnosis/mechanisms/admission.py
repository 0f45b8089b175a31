"""Why the API server refuses objects: quotas, missing accounts, policies, ranges.

Sources: https://kubernetes.io/docs/concepts/policy/resource-quotas/ and the texts of the admission plugins in
kubernetes/kubernetes `plugin/pkg/admission` and `staging/src/k8s.io/pod-security-admission`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import SymptomEvent
from graph.kinds.kubernetes.inventory import uid_near
from graph.kinds.kubernetes.quantity import quantity
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import mapping, text
from graph.version import Document

_QUOTA = re.compile(r"exceeded quota: (?P<name>[^\s,]+), requested: (?P<asked>.+?), used: .+?, limited: ")
_NO_ACCOUNT = re.compile(r"serviceaccount \"(?P<name>[^\"]+)\" not found")
_RANGE = re.compile(r"(maximum|minimum) \w+ usage per (Container|Pod|PersistentVolumeClaim) is")
_REFUSED = re.compile(r"admission webhook \"(?P<name>[^\"]+)\" denied|violates PodSecurity|denied the request")
_WEBHOOK_DOWN = re.compile(r"failed calling webhook \"(?P<name>[^\"]+)\"")
_FAILED_CREATE = ("FailedCreate", "ReplicaSetCreateError", "FailedUpdate", "FailedCreatePod")
_UNSTATED = re.compile(r"failed quota: (?P<name>[^\s:]+): must specify (?P<what>[\w.,/-]+)")


def admission(scene: Scene) -> Iterator[Mechanism]:
    """Yield what keeps pods and other objects from being made."""
    for workload in scene.workloads:
        if scene.lacks_pods(workload):
            # What was refused at first and made later shows as an event, too; only what still lacks pods is looked at.
            yield from _refused(scene, workload)
    yield from _full(scene)


def _refused(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    events = scene.events(workload.uid, *_FAILED_CREATE)
    for event in events:
        found = _read(scene, workload, event)
        if found is not None:
            yield found
            return
    if not scene.pods(workload.uid):
        yield from _without_account(scene, workload)


def _without_account(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    """A workload without any pod whose account does not exist, where the accounts of its namespace are known."""
    name = text(workload.spec, "serviceAccountName") or text(workload.spec, "serviceAccount")
    known = {a.resource.name for a in scene.live.beside(workload.document, "ServiceAccount")}
    if name and known and name not in known:
        summary = f"{workload.document.resource.display} runs as ServiceAccount {name}, which does not exist."
        sign = Sign(text="No such account exists.", uid=workload.uid, path=workload.path("serviceAccountName"))
        kind = "missing_service_account"
        yield Mechanism(resource=workload.uid, kind=kind, summary=summary, signs=(sign,), strength=0.8)


def _read(scene: Scene, workload: Workload, event: SymptomEvent) -> Mechanism | None:
    """Return what one refusal says."""
    name = workload.document.resource.display
    sign = (Sign(text="The controller says why it can't create pods.", event=event),)
    if quota := _QUOTA.search(event.text):
        resources = ", ".join(part.partition("=")[0] for part in quota["asked"].split(","))
        uid = uid_near(workload.document, kind="ResourceQuota", name=quota["name"])
        summary = f"The quota {quota['name']} of {resources} leaves no room for the pods of {name}."
        stops = (workload.uid,)
        return Mechanism(resource=uid, kind="quota_exceeded", summary=summary, signs=sign, stops=stops)
    if unstated := _UNSTATED.search(event.text):
        what = unstated["what"].rstrip(",.")
        summary = f"The quota {unstated['name']} wants {what} stated, and the pods of {name} do not state it."
        return Mechanism(resource=workload.uid, kind="limits_not_stated", summary=summary, signs=sign)
    if account := _NO_ACCOUNT.search(event.text):
        uid = uid_near(workload.document, kind="ServiceAccount", name=account["name"])
        if uid in scene.live:
            return None
        summary = f"{name} runs as ServiceAccount {account['name']}, which does not exist."
        return Mechanism(resource=workload.uid, kind="missing_service_account", summary=summary, signs=sign)
    if webhook := _WEBHOOK_DOWN.search(event.text):
        summary = f"The admission webhook {webhook['name']} can't be reached, so the pods of {name} are refused."
        return Mechanism(resource=workload.uid, kind="webhook_unreachable", summary=summary, signs=sign)
    if _RANGE.search(event.text):
        summary = f"The pods of {name} request what a LimitRange of the namespace forbids."
        return Mechanism(resource=workload.uid, kind="limit_range_violated", summary=summary, signs=sign)
    if _REFUSED.search(event.text):
        summary = f"A policy refuses the pods of {name}."
        return Mechanism(resource=workload.uid, kind="admission_denied", summary=summary, signs=sign)
    return None


def _full(scene: Scene) -> Iterator[Mechanism]:
    """Yield quotas of object counts that are used up while declared objects of that kind do not exist."""
    for quota in scene.live.of("ResourceQuota"):
        for resource in _used_up(quota):
            lacking = _lacking(scene, quota, resource)
            if lacking:
                names = ", ".join(d.resource.name for d in lacking[:3])
                yield Mechanism(
                    resource=quota.resource.uid,
                    kind="quota_exceeded",
                    summary=f"The quota {quota.resource.name} of {resource} is used up; {names} could not be made.",
                    signs=(
                        Sign(text="The quota is used up.", uid=quota.resource.uid, path="/status"),
                        *(Sign(text=f"{d.resource.display} is declared and does not exist.") for d in lacking[:1]),
                    ),
                    stops=tuple(d.resource.uid for d in lacking),
                )


def _used_up(quota: Document) -> list[str]:
    hard, used = (mapping(quota.body, "status", key) for key in ("hard", "used"))
    pairs = ((name, quantity(limit), quantity(used.get(name))) for name, limit in hard.items())
    return [name for name, most, taken in pairs if most is not None and taken is not None and taken >= most]


_COUNTED = {
    "services": "Service",
    "services.nodeports": "Service",
    "services.loadbalancers": "Service",
    "count/services": "Service",
    "configmaps": "ConfigMap",
    "count/configmaps": "ConfigMap",
    "secrets": "Secret",
    "count/secrets": "Secret",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "count/persistentvolumeclaims": "PersistentVolumeClaim",
    "count/deployments.apps": "Deployment",
    "count/statefulsets.apps": "StatefulSet",
    "count/jobs.batch": "Job",
    "count/ingresses.networking.k8s.io": "Ingress",
}
"""Maps the name of a counted resource to the kind that it counts."""


def _lacking(scene: Scene, quota: Document, resource: str) -> list[Document]:
    kind = _COUNTED.get(resource)
    declared = scene.declared.beside(quota, kind) if kind else []
    return [d for d in declared if d.resource.uid not in scene.live]
