"""What an API server fills in when an object comes without it.

Source: the defaults of the Kubernetes API reference, 1.34.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from graph.document import Object


def with_defaults(body: Object) -> Object:
    """Fill in server defaults, in place, and return the object."""
    fill = _BY_KIND.get(body.get("kind", ""))
    if fill:
        fill(body)
    return body


def cluster_ip(namespace: str, name: str) -> str:
    """Return the address that the simulated allocator gives a Service; the same one every time."""
    number = int(hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()[:8], 16)
    return f"172.20.{number % 250}.{number // 250 % 250 + 2}"


def _missing(node: Object, **values: object) -> None:
    for key, value in values.items():
        node.setdefault(key, value)


def _deployment(body: Object) -> None:
    spec = body["spec"]
    _missing(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {})
    _missing(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _missing(strategy.setdefault("rollingUpdate", {}), maxSurge="25%", maxUnavailable="25%")
    _pod_template(spec["template"])


def _stateful_set(body: Object) -> None:
    spec = body["spec"]
    _missing(
        spec,
        replicas=1,
        revisionHistoryLimit=10,
        podManagementPolicy="OrderedReady",
        updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"},
    )
    _pod_template(spec["template"])
    for claim in spec.get("volumeClaimTemplates", []):
        _missing(claim, apiVersion="v1", kind="PersistentVolumeClaim", status={"phase": "Pending"})
        _missing(claim["spec"], volumeMode="Filesystem")


def _cron_job(body: Object) -> None:
    spec = body["spec"]
    _missing(spec, suspend=False, concurrencyPolicy="Allow", successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    _pod_template(spec["jobTemplate"]["spec"]["template"])


def _pod_template(template: Object) -> None:
    template.setdefault("metadata", {})
    _pod_spec(template["spec"])


def _pod_spec(spec: Object) -> None:
    _missing(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
        terminationGracePeriodSeconds=30,
        securityContext={},
    )
    if "serviceAccountName" in spec:
        _missing(spec, serviceAccount=spec["serviceAccountName"])
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        _container(container)
    for volume in spec.get("volumes", []):
        for source in ("configMap", "secret"):
            if source in volume:
                _missing(volume[source], defaultMode=420)


def _container(container: Object) -> None:
    tag = container["image"].rpartition("/")[2].partition(":")[2]
    _missing(
        container,
        imagePullPolicy="Always" if tag in ("", "latest") else "IfNotPresent",
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        resources={},
    )
    for port in container.get("ports", []):
        _missing(port, protocol="TCP")
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container.get(name)
        if probe:
            _missing(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if "httpGet" in probe:
                _missing(probe["httpGet"], path="/", scheme="HTTP")


def _service(body: Object) -> None:
    spec, meta = body["spec"], body["metadata"]
    _missing(
        spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster", ipFamilyPolicy="SingleStack"
    )
    _missing(spec, ipFamilies=["IPv4"])
    _missing(spec, clusterIP=cluster_ip(meta["namespace"], meta["name"]))
    _missing(spec, clusterIPs=[spec["clusterIP"]])
    for port in spec.get("ports", []):
        _missing(port, protocol="TCP", targetPort=port["port"])


def _network_policy(body: Object) -> None:
    spec = body["spec"]
    _missing(spec, policyTypes=["Ingress", "Egress"] if "egress" in spec else ["Ingress"])
    for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
        for port in rule.get("ports", []):
            _missing(port, protocol="TCP")


def _namespace(body: Object) -> None:
    body["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = body["metadata"]["name"]
    _missing(body, spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})


_BY_KIND: dict[str, Callable[[Object], None]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "CronJob": _cron_job,
    "Service": _service,
    "NetworkPolicy": _network_policy,
    "Namespace": _namespace,
}
