"""NetworkPolicies that keep out those who call.

Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/. Policies add up: what one of them
admits is admitted, so a call is cut only when a policy guards its target and none of those admits the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.network import admits, directions, guards
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries
from graph.version import Document

_NO_WAY = re.compile(
    r"i/o timeout|timed? ?out|deadline exceeded|ETIMEDOUT|no route to host|EHOSTUNREACH|connect timeout"
    r"|connection refused|upstream connect error",
    re.IGNORECASE,
)


def policies(scene: Scene) -> Iterator[Mechanism]:
    """Yield policies that cut callers off, as far as they say that they get no answer."""
    found = scene.live.of("NetworkPolicy")
    known = {w.uid: w for w in scene.everything}
    callers = {(c.caller, c.callee) for c in scene.telemetry.calls}
    for target in scene.workloads if found else ():
        over = [p for p in found if guards(p, target) and "Ingress" in directions(p)]
        cut = [
            known[a]
            for a, b in sorted(callers)
            if b == target.uid and a in known and not _let_in(scene, over, known[a])
        ]
        if over and (cut or not any(entries(p.body, "spec", "ingress") for p in over)):
            yield _mechanism(scene, over[0], target, cut)


def _let_in(scene: Scene, over: list[Document], caller: Workload) -> bool:
    if not over:
        return True
    for policy in over:
        for _, rule in entries(policy.body, "spec", "ingress"):
            peers = entries(rule, "from")
            if not peers or any(admits(policy, peer, caller, scene.live) for _, peer in peers):
                return True
    return False


def _mechanism(scene: Scene, policy: Document, target: Workload, cut: list[Workload]) -> Mechanism:
    name = target.document.resource.display
    heard = [e for w in cut if (e := _complaint(scene, w, target)) is not None]
    who = f"{len(cut)} of its callers" if cut else "everybody"
    return Mechanism(
        resource=policy.resource.uid,
        kind="network_policy_blocks",
        summary=f"NetworkPolicy {policy.resource.name} keeps {who} from reaching {name}.",
        signs=(
            Sign(text="It admits none of them.", uid=policy.resource.uid, path="/spec"),
            *(Sign(text="A caller says that it gets no answer.", event=e) for e in heard[:2]),
        ),
        strength=0.95 if heard else 0.35,
        stops=(target.uid,),
    )


def _complaint(scene: Scene, caller: Workload, target: Workload) -> SymptomEvent | None:
    name = target.document.resource.name
    lines = scene.said(caller.uid, kind=ObservationKind.LOG)
    return next((e for e in lines if name in e.text and _NO_WAY.search(e.text)), None)
