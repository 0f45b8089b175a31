"""Requests through the simulated shop: who calls whom, what fails, and how failure travels to callers."""

from __future__ import annotations

from dataclasses import dataclass, field

from graph.document import Object
from tools.actions.simulated_cluster.needs import Failure, config_of, process_failure
from tools.actions.simulated_cluster.network import admits, endpoints, is_ready, service_of, split_address
from tools.actions.simulated_cluster.store import EstateStore
from tools.actions.simulated_cluster.workloads import workload_pods
from tools.adapters.estate_files import Key

_ROUNDS = 6
"""Longest chain of calls that failure is followed along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that a workload makes to serve a request."""

    callee: str
    """`NAMESPACE/KIND/NAME` of the workload that answers; empty when nothing does."""
    address: str
    request: str
    share: float
    failure: Failure | None


@dataclass(slots=True, kw_only=True)
class Reading:
    """How one workload does just now."""

    key: Key
    error_rate: float = 0.0
    latency_p99_s: float = 0.0
    requests_per_s: float = 0.0
    memory_mib: float = 0.0
    problems: list[tuple[str, str]] = field(default_factory=list)
    """(pod, log line), at most one for each reason"""
    calls: list[Call] = field(default_factory=list)


def observe(store: EstateStore) -> dict[str, Reading]:
    """Measure every workload that `behaviour.yaml` describes; keys are `NAMESPACE/KIND/NAME`."""
    readings: dict[str, Reading] = {}
    calls: dict[str, list[Call]] = {}
    for name, rules in store.behaviour["workloads"].items():
        key = Key(*name.split("/"))
        if key not in store.objects:
            continue
        pods = workload_pods(store, key)
        reading = Reading(key=key, requests_per_s=rules.get("requests_per_s", 0.0))
        reading.memory_mib = store.runtime["outside"].get("memory_mib", {}).get(name, rules.get("memory_mib", 0))
        reading.latency_p99_s = rules.get("latency_p99_s", 0.05)
        _own(store, name, key, pods, reading)
        readings[name] = reading
        calls[name] = _calls(store, key, pods, rules)
        readings[name].calls = calls[name]
    _propagate(store, readings, calls)
    return readings


def _own(store: EstateStore, name: str, key: Key, pods: list[Object], reading: Reading) -> None:
    if not any(map(is_ready, pods)):
        reading.error_rate, reading.requests_per_s = 1.0, 0.0
    for pod in pods:
        record = store.runtime["pods"].get(pod["metadata"]["name"], {})
        config = record.get("config")
        failure = process_failure(store, name, pod["spec"], config, key.namespace) if config is not None else None
        if failure is None:
            continue
        if failure.log:
            reading.problems.append((pod["metadata"]["name"], failure.log))
        if failure.effect == "errors":
            reading.error_rate = max(reading.error_rate, failure.share)
            reading.latency_p99_s = max(reading.latency_p99_s, failure.latency_s)


def _calls(store: EstateStore, key: Key, pods: list[Object], rules: Object) -> list[Call]:
    alive = [pod for pod in pods if store.runtime["pods"].get(pod["metadata"]["name"], {}).get("running")]
    if not alive:
        return []
    record = store.runtime["pods"][alive[0]["metadata"]["name"]]
    config = record.get("config") or config_of(store, key.namespace, alive[0]["spec"])
    out = []
    for rule in rules.get("needs", []):
        if "call" in rule:
            address = config.get(rule["call"], "")
            callee, failure = _route(store, key.namespace, alive[0], address)
            out.append(
                Call(
                    callee=callee,
                    address=address,
                    request=rule["request"],
                    share=rule.get("share", 1.0),
                    failure=failure,
                )
            )
    return out


def _route(store: EstateStore, namespace: str, source: Object, address: str) -> tuple[str, Failure | None]:
    host, port = split_address(address)
    service = service_of(store, namespace, host)
    if service is None:
        return "", _failed(f"dial tcp: lookup {host}: no such host", 0.02)
    cluster_ip = service["spec"].get("clusterIP")
    if port not in [item["port"] for item in service["spec"]["ports"]]:
        return "", _failed(f"dial tcp {cluster_ip}:{port}: i/o timeout", 3.0)
    found = endpoints(store, service)
    ready = [item for item in found if item.ready]
    callee = _workload(store, found[0].pod) if found else ""
    if not ready:
        return callee, _failed(f"dial tcp {cluster_ip}:{port}: connect: connection refused", 0.02)
    if admits(store, source, ready[0].pod, ready[0].port):
        return callee, _failed(f"dial tcp {cluster_ip}:{port}: i/o timeout", 3.0)
    return callee, None


def _failed(text: str, latency_s: float) -> Failure:
    return Failure(effect="errors", reason="Unreachable", message=text, latency_s=latency_s)


def _workload(store: EstateStore, pod: Object) -> str:
    owner = pod["metadata"]["ownerReferences"][0]
    namespace = pod["metadata"]["namespace"]
    if owner["kind"] == "ReplicaSet":
        owner = store.objects[Key(namespace, "ReplicaSet", owner["name"])]["metadata"]["ownerReferences"][0]
    return f"{namespace}/{owner['kind']}/{owner['name']}"


def _propagate(store: EstateStore, readings: dict[str, Reading], calls: dict[str, list[Call]]) -> None:
    slow: dict[str, float] = store.runtime["outside"].get("latency_s", {})
    own = {name: (r.error_rate, r.latency_p99_s + slow.get(name, 0.0)) for name, r in readings.items()}
    for _ in range(_ROUNDS):
        for name, reading in readings.items():
            works, wait = 1.0 - own[name][0], 0.0
            for call in calls[name]:
                down = readings.get(call.callee)
                broken = 1.0 if call.failure else (down.error_rate if down else 0.0)
                works *= 1.0 - call.share * broken
                usual = store.behaviour["workloads"].get(call.callee, {}).get("latency_p99_s", 0.05)
                # A call that few requests make does not reach the 99th percentile.
                if call.share >= 0.05:
                    more = call.failure.latency_s if call.failure else (down.latency_p99_s - usual if down else 0.0)
                    wait = max(wait, more)
            reading.error_rate = round(1.0 - works, 4)
            reading.latency_p99_s = round(own[name][1] + wait, 3)
    for name, reading in readings.items():
        for call in calls[name]:
            line = _line(call, readings.get(call.callee))
            if line:
                pods = [p for p in workload_pods(store, reading.key) if is_ready(p)]
                reading.problems.append((pods[0]["metadata"]["name"] if pods else "", line))


def _line(call: Call, callee: Reading | None) -> str:
    method, _, path = call.request.partition(" ")
    url = f"{call.address if '//' in call.address else 'tcp://' + call.address}{path}"
    if call.failure:
        return f'level=error msg="request failed" method={method} url={url} error="{call.failure.message}"'
    if callee and callee.error_rate >= 0.02:
        return f'level=error msg="request failed" method={method} url={url} status=500 error="upstream answered 500"'
    return ""
