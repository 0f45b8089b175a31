"""Cloud-OpsBench: which Kubernetes object, and which fault. The product reads the recording like a cluster.

Only what the benchmark's own agents can reach is read; metrics files and full logs beside the cases are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.model import Model
from evals.kubectl.alerts import anomalies, client_errors
from evals.kubectl.recording import Recording
from evals.suite import Prediction
from evals.suites.files import read_object
from evals.world import World, alert_of, commented, diagnosed, environment, sureness
from graph.diagnosis.result import Cause, Diagnosis
from graph.environment import EnvironmentGraph
from graph.relation import RelationType
from graph.relations import derive
from graph.telemetry import Telemetry

_HIDDEN = re.compile(r'"output_yaml"|"resource_type":"(namespaces|pod|service|statefulset|rolebindings)","name":"[^"]')
"""Questions whose answers are recorded, but which no tool of the benchmark can ask."""
_ANSWERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recording, read."""

    world: World
    """What the product sees"""
    graph: EnvironmentGraph
    """The whole of what was recorded, by which resources get the names of the set, however little the product sees"""
    labels: Mapping[str, Any]


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> Case:
        query = read_object(folder / "query.json", needs=("query", "namespace"))
        answers = read_object(folder / "tool_cache.json", needs=())
        return posed(query["query"], query["namespace"], answers, labels)

    def answer(self, case: Case, model: Model | None) -> Prediction:
        found = diagnosed(case.world)
        ranked = list(_ranked(case, found))[:_ANSWERS]
        return {"ranked": ranked, "abstained": not ranked, "note": found.summary, **commented(found, model)}


SUITE = _Suite()


def posed(query: str, namespace: str, answers: Mapping[str, Any], labels: Mapping[str, Any]) -> Case:
    """Read a recording.

    Args:
        query: the question, in words.
        namespace: the one that it is about.
        answers: what each tool printed, by `Tool:{arguments as JSON}`.
        labels: closed lists of the set; empty when there are none.
    """
    answers = {k: v for k, v in answers.items() if not _HIDDEN.search(k)}
    recording = Recording(answers, namespace)
    live = recording.live()
    graph = environment(
        now=recording.now,
        actual=live,
        intended=recording.declared(),
        relations=derive(live),
        symptoms=[*recording.symptoms(), *client_errors(answers.get("GetAlerts:{}"), recording)],
    )
    alert = alert_of(title=query, at=recording.now, labels={"namespace": namespace})
    telemetry = Telemetry(
        calls=tuple(recording.calls()),
        checks=tuple(recording.checks()),
        anomalies=tuple(anomalies(answers.get("GetAlerts:{}"), recording)),
    )
    return Case(world=World(graph=graph, alerts=(alert,), telemetry=telemetry), graph=graph, labels=labels)


def object_of(case: Case, cause: Cause) -> str | None:
    """Name what a cause is about as the set names objects; None when it has no name there."""
    listed: Iterable[Mapping[str, Any]] = case.labels.get("root_causes", ())
    target = next((str(c["target"]) for c in listed if c["name"] == _name_of(cause)), None)
    return _entity(case, cause, target or _target(case, cause))


def _ranked(case: Case, diagnosis: Diagnosis) -> Iterator[dict[str, Any]]:
    causes = {c["name"]: c for c in case.labels.get("root_causes", ())}
    seen = set()
    for cause in diagnosis.causes:
        name = _name_of(cause)
        label = causes.get(name or "", {})
        entity = _entity(case, cause, str(label.get("target") or _target(case, cause)))
        # A set without a list of causes takes any; one with a list takes those on it.
        if name is None or (causes and not label) or entity is None or (entity, name) in seen:
            continue
        seen.add((entity, name))
        yield {"entity": entity, "cause": name, "category": label.get("fault_taxonomy"), **sureness(cause)}


def _target(case: Case, cause: Cause) -> str:
    """What kind of thing has a fault, where the set does not tell."""
    if cause.kind == "quota_exceeded":
        return "namespace"
    resource = case.graph.resource(cause.resource) if cause.resource in case.graph else None
    return "node" if resource is not None and resource.kind == "Node" else "app"


def _entity(case: Case, cause: Cause, target: str) -> str | None:
    """Name the resource as the set does; what is not on its list has no name there.

    An app covers its workload, its Service, and what only it reads.
    """
    resource = case.graph.resource(cause.resource) if cause.resource in case.graph else None
    namespace = case.world.alerts[0].labels["namespace"]
    if target == "node":
        return f"node/{resource.name}" if resource is not None and resource.kind == "Node" else None
    if target == "namespace":
        return f"namespace/{namespace}"
    listed = case.labels.get("objects", {}).get(namespace, {}).get("app")
    names = [cause.resource.rpartition("/")[2]]
    if resource is not None and resource.kind == "Service":
        served = case.graph.outgoing(cause.resource)
        names += [r.target.rpartition("/")[2] for r in served if r.type is RelationType.SELECTS]
    else:
        names += [r.source.rpartition("/")[2] for r in case.graph.incoming(cause.resource)]
    return next((f"app/{name}" for name in names if listed is None or name in listed), None)


_QUOTAS = (
    (re.compile(r"requests\.storage|persistentvolumeclaims"), "namespace_storage_quota_exceeded"),
    (re.compile(r"cpu"), "namespace_cpu_quota_exceeded"),
    (re.compile(r"memory"), "namespace_memory_quota_exceeded"),
    (re.compile(r"services"), "namespace_service_quota_exceeded"),
    (re.compile(r"pods"), "namespace_pod_quota_exceeded"),
)

CAUSES = {
    "missing_service_account": "missing_service_account",
    "node_cordoned": "node_cordon_mismatch",
    "node_affinity_mismatch": "node_affinity_mismatch",
    "node_selector_mismatch": "node_selector_mismatch",
    "pod_anti_affinity_conflict": "pod_anti_affinity_conflict",
    "untolerated_taint": "taint_toleration_mismatch",
    "insufficient_cpu": "cpu_capacity_mismatch",
    "insufficient_memory": "memory_capacity_mismatch",
    "node_network_delay": "node_network_delay",
    "node_packet_loss": "node_network_packet_loss",
    "container_runtime_down": "containerd_unavailable",
    "kubelet_down": "kubelet_unavailable",
    "kube_proxy_down": "kube_proxy_unavailable",
    "scheduler_down": "kube_scheduler_unavailable",
    "registry_unresolvable": "image_registry_dns_failure",
    "bad_image": "incorrect_image_reference",
    "registry_denied": "missing_image_pull_secret",
    "claim_selector_mismatch": "pvc_selector_mismatch",
    "claim_class_mismatch": "pvc_storage_class_mismatch",
    "claim_access_mode_mismatch": "pvc_access_mode_mismatch",
    "claim_capacity_mismatch": "pvc_capacity_mismatch",
    "volume_already_claimed": "pv_binding_occupied",
    "volume_permission_denied": "volume_mount_permission_denied",
    "oom_killed": "oom_killed",
    "heap_exhausted": "oom_killed",
    "liveness_probe_wrong_protocol": "liveness_probe_incorrect_protocol",
    "liveness_probe_wrong_port": "liveness_probe_incorrect_port",
    "liveness_probe_too_early": "liveness_probe_incorrect_timing",
    "readiness_probe_wrong_protocol": "readiness_probe_incorrect_protocol",
    "readiness_probe_wrong_port": "readiness_probe_incorrect_port",
    "selector_mismatch": "service_selector_mismatch",
    "port_mapping_mismatch": "service_port_mapping_mismatch",
    "protocol_mismatch": "service_protocol_mismatch",
    "address_mismatch": "service_env_var_address_mismatch",
    "cpu_saturation": "pod_cpu_overload",
    "network_delay": "pod_network_delay",
    "port_in_use": "service_sidecar_port_conflict",
    "dns_failure": "service_dns_resolution_failure",
    "store_credentials_refused": "mysql_invalid_credentials",
    "store_unreachable": "mysql_invalid_port",
    "missing_secret": "missing_secret_binding",
    "store_connections_exhausted": "db_connection_exhaustion",
    "store_read_only": "db_readonly_mode",
    "route_mismatch": "gateway_misrouted",
    "scaled_down": "deployment_zero_replicas",
}
"""Our kinds of cause in the words of the set; other kinds have no word there."""


def _name_of(cause: Cause) -> str | None:
    if cause.kind == "quota_exceeded":
        return quota_name(cause.summary.partition(" of ")[2])
    return CAUSES.get(cause.kind)


def quota_name(resource: str) -> str | None:
    """The word of the set for a quota of a resource."""
    return next((name for pattern, name in _QUOTAS if pattern.search(resource)), None)
