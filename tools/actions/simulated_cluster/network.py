"""Reachability inside the simulated network: Services, NetworkPolicies, security groups.

Semantics of NetworkPolicy: https://kubernetes.io/docs/concepts/services-networking/network-policies/ (a pod is isolated
in a direction once any policy selects it for that direction; policies add up).
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from graph.document import Object
from tools.actions.simulated_cluster.store import EstateStore
from tools.adapters.estate_files import Key


class Endpoint(NamedTuple):
    """A pod behind a Service."""

    pod: Object
    port: int
    ready: bool


def matches(selector: Object | None, labels: Object) -> bool:
    """Whether a label selector matches; an empty one matches everything, None nothing."""
    if selector is None:
        return False
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(expression, labels) for expression in selector.get("matchExpressions") or [])


def is_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition is true."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def endpoints(store: EstateStore, service: Object) -> list[Endpoint]:
    """Return the pods that a Service selects and that have its first port."""
    selector = service["spec"].get("selector")
    if not selector:
        return []
    namespace = service["metadata"]["namespace"]
    target = service["spec"]["ports"][0]["targetPort"]
    out = []
    for _, pod in store.of_kind("Pod", namespace):
        if matches({"matchLabels": selector}, pod["metadata"].get("labels", {})):
            port = _container_port(pod, target)
            if port is not None:
                out.append(Endpoint(pod, port, is_ready(pod)))
    return out


def split_address(value: str) -> tuple[str, int]:
    """Split `http://catalog:8080/x` or `cart-store:6379` into host and port; 443 or 80 where none is given."""
    parts = urlsplit(value if "//" in value else f"//{value}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def service_of(store: EstateStore, namespace: str, host: str) -> Object | None:
    """Return the Service that a host name means inside the namespace, or None."""
    name, _, rest = host.partition(".")
    home = rest.split(".")[0] if rest else namespace
    return store.objects.get(Key(home, "Service", name))


def admits(store: EstateStore, source: Object, target: Object, port: int) -> str:
    """Return the name of what blocks TCP from one pod to another, or an empty text when nothing does."""
    for pod, peer, direction in ((source, target, "Egress"), (target, source, "Ingress")):
        blocking = _blocking(store, pod, peer, port, direction)
        if blocking:
            return blocking
    return ""


def database_admits(store: EstateStore, address: str, port: int, nodes: str) -> bool:
    """Whether the security groups of the database at `address` let the worker nodes in.

    Args:
        store: the estate.
        address: host name of the database.
        port: TCP port.
        nodes: Terraform address of the security group of the worker nodes.
    """
    database = next(
        (
            r["values"]
            for r in store.cloud.values()
            if r["type"] == "aws_db_instance" and r["values"]["address"] == address
        ),
        None,
    )
    if database is None or database.get("status", "available") != "available":
        return False
    own = store.cloud[nodes]["values"]["id"]
    groups = {r["values"]["id"]: r["values"] for r in store.cloud.values() if r["type"] == "aws_security_group"}
    return database["port"] == port and any(
        own in rule["security_groups"] and rule["from_port"] <= port <= rule["to_port"]
        for group in database["vpc_security_group_ids"]
        if group in groups
        for rule in groups[group]["ingress"]
    )


def _blocking(store: EstateStore, pod: Object, peer: Object, port: int, direction: str) -> str:
    meta = pod["metadata"]
    isolating = [
        policy
        for _, policy in store.of_kind("NetworkPolicy", meta["namespace"])
        if direction in policy["spec"]["policyTypes"]
        and matches(policy["spec"].get("podSelector"), meta.get("labels", {}))
    ]
    side = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    for policy in isolating:
        for rule in policy["spec"].get(side[0]) or []:
            if _port_allowed(rule, peer if direction == "Egress" else pod, port) and _peer_allowed(
                store, rule.get(side[1]), meta["namespace"], peer
            ):
                return ""
    return isolating[-1]["metadata"]["name"] if isolating else ""


def _peer_allowed(store: EstateStore, peers: list[Object] | None, home: str, pod: Object) -> bool:
    if not peers:
        return True
    return any(_peer(store, peer, home, pod) for peer in peers)


def _peer(store: EstateStore, peer: Object, home: str, pod: Object) -> bool:
    # An ipBlock is for addresses outside the cluster: network plugins do not apply it to pods.
    if "ipBlock" in peer:
        return False
    namespace = pod["metadata"]["namespace"]
    if "namespaceSelector" in peer:
        found = store.objects.get(Key("", "Namespace", namespace), {"metadata": {}})
        if not matches(peer["namespaceSelector"], found["metadata"].get("labels", {})):
            return False
    elif namespace != home:
        return False
    return matches(peer["podSelector"], pod["metadata"].get("labels", {})) if "podSelector" in peer else True


def _port_allowed(rule: Object, server: Object, port: int) -> bool:
    ports = rule.get("ports")
    if not ports:
        return True
    for item in ports:
        wanted = item.get("port")
        if item.get("protocol", "TCP") != "TCP":
            continue
        if wanted is None or wanted == port or (isinstance(wanted, str) and _container_port(server, wanted) == port):
            return True
        if isinstance(wanted, int) and wanted <= port <= item.get("endPort", wanted):
            return True
    return False


def _container_port(pod: Object, target: int | str) -> int | None:
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    if isinstance(target, int):
        return target
    return next((int(port["containerPort"]) for port in ports if port.get("name") == target), None)


def _expression(expression: Object, labels: Object) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
