"""What a workload needs to work, and what happens when it lacks it. Rules come from `behaviour.yaml`.

```
workloads:
  NAMESPACE/KIND/NAME:
    requests_per_s: 12            usual load
    latency_p99_s: 0.3            usual 99th percentile
    memory_mib: 170               working set of a pod
    objective: {error_rate: 0.01, latency_p99_s: 1.0}
    needs:
      - config: KEY, matches: REGEX, problem: TEXT, effect: crash | unready | errors
      - iam: ACTION, resource: ARN or config KEY, ...
      - database: config KEY of the host, port: config KEY of the port, ...
      - call: config KEY of the address, request: "POST /v1/x", share: 0.4     share of requests that need it
      - outside: config KEY of an address outside
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from graph.document import Json, Object
from tools.actions.simulated_cluster.network import database_admits
from tools.actions.simulated_cluster.permissions import decide
from tools.actions.simulated_cluster.store import EstateStore
from tools.adapters.estate_files import Key

_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "K": 1000, "M": 1000**2, "G": 1000**3, "": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a container does not start, is not ready, or answers with errors."""

    effect: str
    """`config_error`, `image`, `crash`, `oom`, `unready` or `errors`"""
    reason: str
    """Waiting or terminated reason of the container status."""
    message: str
    log: str = ""
    """Line that the process writes."""
    exit_code: int = 1
    share: float = 1.0
    """Share of requests that fail, 0 to 1."""
    latency_s: float = 0.0
    """What a failing request waits before it fails."""


def cannot_start(store: EstateStore, namespace: str, spec: Object) -> Failure | None:
    """Return why a container of this pod spec can't be started now, or None."""
    for container in spec["containers"]:
        image = container["image"]
        repository, _, tag = image.rpartition(":")
        if tag not in store.registry.get("repositories", {}).get(repository, {}):
            cause = f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": {image}: not found'
            text = f'Back-off pulling image "{image}": ErrImagePull: {cause}'
            return Failure(effect="image", reason="ImagePullBackOff", message=text)
        missing = _missing_reference(store, namespace, container)
        if missing:
            return Failure(effect="config_error", reason="CreateContainerConfigError", message=missing)
    return None


def config_of(store: EstateStore, namespace: str, spec: Object) -> dict[str, str]:
    """Return the variables that a container started now would get from ConfigMaps; Secrets stay out."""
    out: dict[str, str] = {}
    for container in spec["containers"]:
        for source in container.get("envFrom", []):
            found = store.objects.get(Key(namespace, "ConfigMap", source.get("configMapRef", {}).get("name", "")))
            out.update((found or {}).get("data") or {})
        out.update({item["name"]: item["value"] for item in container.get("env", []) if "value" in item})
    return out


def process_failure(
    store: EstateStore, workload: str, spec: Object, config: dict[str, str], namespace: str
) -> Failure | None:
    """Return why the process of a started container ends or is not ready, or None. Calls are looked at elsewhere."""
    rules = store.behaviour["workloads"].get(workload, {})
    image = spec["containers"][0]["image"]
    repository, _, tag = image.rpartition(":")
    build = store.registry["repositories"].get(repository, {}).get(tag) or {}
    if "exits" in build:
        return Failure(effect="crash", reason="Error", message="", log=build["log"], exit_code=build["exits"])
    need = store.runtime["outside"].get("memory_mib", {}).get(workload, rules.get("memory_mib", 0))
    limit = memory_bytes(spec["containers"][0].get("resources", {}).get("limits", {}).get("memory"))
    if limit is not None and need * 2**20 > limit:
        return Failure(effect="oom", reason="OOMKilled", message="", log="", exit_code=137)
    for rule in rules.get("needs", []):
        failure = _lacking(store, rule, spec, config, namespace)
        if failure:
            return failure
    return None


def memory_bytes(quantity: Json) -> float | None:
    """Return a memory quantity in bytes, or None when there is no limit."""
    if quantity is None:
        return None
    found = re.fullmatch(r"([0-9.]+)([KMG]i?|)", str(quantity))
    return float(found[1]) * _UNITS[found[2]] if found else None


def _lacking(store: EstateStore, rule: Object, spec: Object, config: dict[str, str], namespace: str) -> Failure | None:
    effect = rule.get("effect", "errors")
    if "config" in rule:
        value = config.get(rule["config"], "")
        if not re.fullmatch(rule["matches"], value):
            what = f'key={rule["config"]} value="{value}" error="{rule["problem"]}"'
            text = f'level=fatal msg="invalid configuration" {what}'
            return Failure(effect=effect, reason="Error", message="", log=text, exit_code=rule.get("exit_code", 1))
    if "iam" in rule:
        resource = str(config.get(rule["resource"], rule["resource"]))
        account = spec.get("serviceAccountName", "default")
        decision = decide(store, namespace=namespace, account=account, action=rule["iam"], resource=resource)
        if not decision.allowed:
            text = (
                f"AccessDeniedException: User: {decision.principal} is not authorized to perform: {rule['iam']} "
                f"on resource: {resource} {decision.reason}"
            )
            message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
            return Failure(
                effect=effect,
                reason="Unhealthy",
                message=message,
                log=f'level=error msg="{rule["doing"]} failed" error="{text}"',
            )
    if "database" in rule:
        host, port = config.get(rule["database"], ""), config.get(rule["port"], "")
        if not port.isdigit() or not database_admits(
            store, host, int(port), store.behaviour["nodes"]["security_group"]
        ):
            text = (
                f'level=error msg="database unreachable" error="dial tcp {host}:{port}: connect: connection timed out"'
            )
            message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
            return Failure(effect=effect, reason="Unhealthy", message=message, log=text, latency_s=5.0)
    return None


def _missing_reference(store: EstateStore, namespace: str, container: Object) -> str:
    for source in container.get("envFrom", []):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            ref = source.get(field)
            if ref and not ref.get("optional") and Key(namespace, kind, ref["name"]) not in store.objects:
                return f'{kind.lower()} "{ref["name"]}" not found'
    for item in container.get("env", []):
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            ref = item.get("valueFrom", {}).get(field)
            if not ref or ref.get("optional"):
                continue
            found = store.objects.get(Key(namespace, kind, ref["name"]))
            if found is None:
                return f'{kind.lower()} "{ref["name"]}" not found'
            if ref["key"] not in (found.get("data") or {}):
                return f"couldn't find key {ref['key']} in {kind} {namespace}/{ref['name']}"
    return ""
