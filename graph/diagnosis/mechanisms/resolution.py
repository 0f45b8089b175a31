"""Why names do not resolve: the DNS settings of a pod, or the cluster's own resolver.

Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy.
"""

from __future__ import annotations

from collections.abc import Iterator

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import mapping, strings, text
from graph.phrases import Phrases

NOT_RESOLVED = Phrases(
    r"no such host|UnknownHostException|Name or service not known|ENOTFOUND|EAI_AGAIN|could not resolve|NXDOMAIN"
    r"|Temporary failure in name resolution|Name does not resolve|failed to resolve|nodename nor servname"
    r"|No address associated with hostname|getaddrinfo failed|server misbehaving|DNS resolution failed"
    r"|lookup \S+ on \S+:53: (read|dial) udp|SERVFAIL|no records found for given query",
)
"""Words of the resolvers of Go, Java, glibc, musl, Node, Python, gRPC and c-ares."""
_RESOLVERS = frozenset({"coredns", "kube-dns", "node-local-dns"})
_MANY = 3


def resolution(scene: Scene) -> Iterator[Mechanism]:
    """Yield workloads that resolve no names, and a cluster whose resolver does not work."""
    lost = []
    for workload in scene.workloads:
        said = unresolved(scene, workload)
        if has_own_resolver(workload):
            yield from _own(scene, workload, said)
        elif said is not None:
            lost.append((workload, said))
    down = [w for w in scene.everything if w.document.resource.name in _RESOLVERS and not scene.works(w)]
    if down and lost:
        yield _of_cluster(down[0], lost)
        return
    for workload, said in lost:
        if not scene.works(workload) and len(lost) < _MANY:
            yield _mechanism(workload, (Sign(text="It says that a name does not resolve.", event=said),), 0.7)


def unresolved(scene: Scene, workload: Workload) -> SymptomEvent | None:
    """The last line in which a workload says that a name does not resolve."""
    lines = [e for e in scene.said(workload.uid, kind=ObservationKind.LOG) if NOT_RESOLVED.search(e.text)]
    return max(lines, key=lambda e: e.at.timestamp() if e.at else 0.0, default=None)


def has_own_resolver(workload: Workload) -> bool:
    """Whether a pod asks other resolvers than those of the cluster.

    `Default` takes those of the node, which know no Services; so does `ClusterFirst` for pods in the node's network.
    """
    policy = text(workload.spec, "dnsPolicy")
    on_host = workload.spec.get("hostNetwork") is True and policy in ("", "ClusterFirst")
    return (
        policy in ("None", "Default")
        or on_host
        or bool(strings(mapping(workload.spec, "dnsConfig").get("nameservers")))
    )


def _own(scene: Scene, workload: Workload, said: SymptomEvent | None) -> Iterator[Mechanism]:
    path = workload.path("dnsConfig" if workload.spec.get("dnsConfig") else "dnsPolicy")
    state = Sign(text="It has DNS settings of its own.", uid=workload.uid, path=path)
    if said is not None:
        heard = Sign(text="It says that a name does not resolve.", event=said)
        yield _mechanism(workload, (state, heard), 1.0)
    elif not scene.works(workload) and workload.spec.get("hostNetwork") is not True:
        yield _mechanism(workload, (state,), 0.6 if text(workload.spec, "dnsPolicy") == "None" else 0.45)


def _mechanism(workload: Workload, signs: tuple[Sign, ...], strength: float) -> Mechanism:
    summary = f"{workload.document.resource.display} can't resolve names."
    return Mechanism(resource=workload.uid, kind="dns_failure", summary=summary, signs=signs, strength=strength)


def _of_cluster(resolver: Workload, lost: list[tuple[Workload, SymptomEvent]]) -> Mechanism:
    name = resolver.document.resource.display
    return Mechanism(
        resource=resolver.uid,
        kind="cluster_dns_down",
        summary=f"The cluster's resolver {name} is not ready, and {len(lost)} workloads resolve no names.",
        signs=(
            Sign(text="It does not have its pods.", uid=resolver.uid, path="/status"),
            *(Sign(text="A workload says that a name does not resolve.", event=e) for _, e in lost[:2]),
        ),
        stops=tuple(w.uid for w, _ in lost),
    )
