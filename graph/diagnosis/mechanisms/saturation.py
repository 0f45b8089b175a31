"""Slow and starved services: which of several unusual ones is the origin, and what it lacks.

A service is slow by itself, or because of one that it calls, or because its caller is slow to reach it. Each possible
origin predicts who else is slow; the one whose prediction fits best what was measured is it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.lenient import text
from graph.resource import display_uid
from graph.telemetry import Anomaly, Signal

_BY_FIT = 0.75
"""Part of the weight of a possible origin that comes from who is slow; the rest from what it adds by itself."""
_SLOWER = 1.3
"""Latency this many times its usual level is slow."""
_DROPPED = 0.8
"""Traffic below this share of its usual level has dropped."""
_BUSIER = 3.0
"""CPU this many times its usual level is more than any slowness elsewhere leads to."""
_MOST = 3


def saturation(scene: Scene) -> Iterator[Mechanism]:
    """Yield origins of slowness."""
    by_resource: dict[str, list[Anomaly]] = defaultdict(list)
    for anomaly in scene.telemetry.anomalies:
        by_resource[anomaly.resource].append(anomaly)
    starved = {uid: found for uid, many in by_resource.items() if (found := _throttled(many))}
    starved = starved or _busy(by_resource)
    for uid, anomaly in starved.items():
        summary = f"{display_uid(uid)} needs more CPU than its limit gives."
        yield _mechanism(uid, "cpu_saturation", summary, [anomaly], 1.0)
    lossy = {uid: found for uid, many in by_resource.items() if (found := _losing(many))}
    for uid, anomaly in lossy.items():
        kind = "node_packet_loss" if "/Node/" in uid else "packet_loss"
        summary = f"The network of {display_uid(uid)} loses packets."
        yield _mechanism(uid, kind, summary, [anomaly], 1.0)
    if not starved and not lossy:
        calls = _Calls(scene)
        yield from _delayed(scene, calls, _worst(by_resource, Signal.LATENCY))
        if not _worst(by_resource, Signal.LATENCY):
            yield from _dried_up(calls, _worst(by_resource, Signal.TRAFFIC))


def _throttled(many: Sequence[Anomaly]) -> Anomaly | None:
    """Time in which a container was refused the CPU that it asked for."""
    found = [
        a for a in many if a.signal is Signal.CPU and ("throttl" in f"{a.metric} {a.text}".lower() or "cfs" in a.metric)
    ]
    return max(found, key=lambda a: a.now, default=None)


def _busy(by_resource: Mapping[str, Sequence[Anomaly]]) -> dict[str, Anomaly]:
    """Services that use far more CPU than usual, where their traffic has not grown to explain it; the worst first."""
    found = {}
    for uid, many in by_resource.items():
        is_more_asked = any(a.signal is Signal.TRAFFIC and (a.ratio or 0.0) >= _BUSIER for a in many)
        hot = [a for a in many if a.signal is Signal.CPU and (a.ratio or 0.0) >= _BUSIER and "/Node/" not in uid]
        if hot and not is_more_asked:
            found[uid] = max(hot, key=lambda a: a.ratio or 0.0)
    return found


def _losing(many: Sequence[Anomaly]) -> Anomaly | None:
    """Segments that had to be sent again, or packets that were dropped."""
    words = ("retrans", "packet loss", "packet drop")
    found = [a for a in many if any(word in f"{a.metric} {a.text}".lower() for word in words)]
    return max(found, key=lambda a: a.ratio or 0.0, default=None)


def _worst(by_resource: Mapping[str, Sequence[Anomaly]], signal: Signal) -> dict[str, Anomaly]:
    """Map each resource that is slow, or whose traffic dropped, to its worst reading."""
    found = {}
    for uid, many in by_resource.items():
        mine = [a for a in many if a.signal is signal and a.ratio is not None]
        is_low = signal is Signal.TRAFFIC
        out = (
            [a for a in mine if (a.ratio or 0.0) <= _DROPPED]
            if is_low
            else [a for a in mine if (a.ratio or 0.0) >= _SLOWER]
        )
        if out:
            found[uid] = min(out, key=lambda a: a.ratio or 0.0) if is_low else max(out, key=lambda a: a.ratio or 0.0)
    return found


class _Calls:
    """Who calls whom, and who runs where."""

    def __init__(self, scene: Scene) -> None:
        self.callees: dict[str, set[str]] = defaultdict(set)
        self.callers: dict[str, set[str]] = defaultdict(set)
        for call in scene.telemetry.calls:
            self.callees[call.caller].add(call.callee)
            self.callers[call.callee].add(call.caller)
        self.home: dict[str, set[str]] = defaultdict(set)
        for workload in scene.workloads:
            for pod in scene.pods(workload.uid):
                self.home[workload.uid].add(text(pod.body, "spec", "nodeName"))

    def upstream(self, uid: str) -> set[str]:
        """Everything that calls it, directly or not."""
        return _closure(uid, self.callers)

    def downstream(self, uid: str) -> set[str]:
        """Everything that it calls, directly or not."""
        return _closure(uid, self.callees)

    def crosses(self, caller: str, callee: str, node: str) -> bool:
        """Whether a call leaves or enters a node."""
        return (self.home[caller] == {node}) != (self.home[callee] == {node})


def _closure(uid: str, edges: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [uid]
    while waiting:
        for other in edges.get(waiting.pop(), ()):
            if other not in found and other != uid:
                found.add(other)
                waiting.append(other)
    return found


def _delayed(scene: Scene, calls: _Calls, slow: Mapping[str, Anomaly]) -> Iterator[Mechanism]:
    """Weigh each slow service and each node by how well its delay would explain who is slow and who is not.

    A service whose own work is slow makes its callers slow. One whose network is slow makes the calls that it sends
    slow, too, and so those that it calls, as seen from outside. A slow node does that to each call that crosses it.
    """
    if not slow:
        return
    seen = frozenset(slow)
    own = _own(calls, slow)
    grown = {uid: a.now - (a.usual or 0.0) for uid, a in slow.items()}
    weighed: list[tuple[float, float, str, str]] = []
    for uid in seen:
        above = {uid, *calls.upstream(uid)}
        fit = max(_fit(above & _known(calls, slow), seen), _fit(above | calls.callees[uid], seen))
        # Of who is not known to be called or to call, no level can be compared.
        is_alone = not calls.callers[uid] and not calls.callees[uid]
        level = 1.0 if is_alone else max(_level_fit(calls, grown, partial(f, uid)) for f in (_arrives, _touches))
        # What it adds itself is worth less than what its delay explains: levels are those of different callers.
        weighed.append((fit * (_BY_FIT + (1 - _BY_FIT) * own[uid]) * level, 0.0, uid, "network_delay"))
    for node in scene.live.of("Node"):
        name = node.resource.name
        predicted, share = _by_node(calls, name, seen)
        if len(predicted) > 1:
            level = _level_fit(calls, grown, partial(calls.crosses, node=name))
            weighed.append((_fit(predicted, seen) * level, share, node.resource.uid, "node_network_delay"))
    # What explains nobody is left out, also when that is all.
    weighed = sorted((w for w in weighed if w[0] > 0), key=lambda w: (-round(w[0], 6), -w[1], w[2]))
    best = weighed[0][0] if weighed else 0.0
    for fit, share, uid, kind in weighed[:_MOST]:
        anomalies = [slow[uid]] if uid in slow else sorted(slow.values(), key=lambda a: -(a.ratio or 0.0))[:_MOST]
        what = "The network of node" if kind.startswith("node") else "The network or work of"
        summary = f"{what} {display_uid(uid)} is slow: that fits best who else is slow and who is not."
        yield _mechanism(uid, kind, summary, anomalies, fit * (fit / best) * (0.8 + 0.1 * share))


def _arrives(uid: str, _: str, callee: str) -> bool:
    return callee == uid


def _touches(uid: str, caller: str, callee: str) -> bool:
    return uid in (caller, callee)


def _level_fit(calls: _Calls, grown: Mapping[str, float], is_delayed: Callable[[str, str], bool]) -> float:
    """How well an equal delay of some calls explains by how much each service has become slower, 0 to 1.

    Who waits for several delayed calls waits for their sum, or for the longest where it makes them at once: the better
    of both counts. What arrives late is late for the callers whose calls are delayed.
    """
    return max(_level_fit_of(calls, grown, is_delayed, combine) for combine in (sum, max))


def _level_fit_of(
    calls: _Calls,
    grown: Mapping[str, float],
    is_delayed: Callable[[str, str], bool],
    combine: Callable[[Iterable[float]], float],
) -> float:
    waits: dict[str, float] = {}

    def wait(uid: str) -> float:
        """Delays that are in the answer of a service, in units of one."""
        if uid not in waits:
            waits[uid] = 0.0  # a call that comes back to its caller adds nothing that can be told
            waits[uid] = combine([0.0, *(wait(c) + is_delayed(uid, c) for c in sorted(calls.callees[uid]))])
        return waits[uid]

    expected = {uid: wait(uid) + any(is_delayed(c, uid) for c in calls.callers[uid]) for uid in grown}
    units = sorted(grown[uid] / e for uid, e in expected.items() if e > 0 and grown[uid] > 0)
    if not units:
        return 0.0
    unit = units[len(units) // 2]
    pairs = [(much, unit * expected[uid]) for uid, much in grown.items() if much > 0]
    return sum(min(pair) / max(pair) for pair in pairs) / len(pairs)


def _own(calls: _Calls, slow: Mapping[str, Anomaly]) -> dict[str, float]:
    """What each slow service adds that none of its slow callees does, as a share of the most that any adds."""
    grown = {uid: a.now - (a.usual or 0.0) for uid, a in slow.items()}
    adds = {
        uid: max(0.0, much - max((grown.get(c, 0.0) for c in calls.callees[uid]), default=0.0))
        for uid, much in grown.items()
    }
    top = max(adds.values(), default=0.0)
    return {uid: much / top if top > 0 else 0.0 for uid, much in adds.items()}


def _known(calls: _Calls, slow: Mapping[str, Anomaly]) -> AbstractSet[str]:
    """Everything that is part of a call or was measured."""
    return {*calls.callees, *calls.callers, *slow}


def _by_node(calls: _Calls, node: str, slow: AbstractSet[str]) -> tuple[set[str], float]:
    """Return who would be slow if the network of a node were, and the share of the slow ones that run on it."""
    hit: set[str] = set()
    for callee, callers in list(calls.callers.items()):
        crossing = [c for c in callers if calls.crosses(c, callee, node)]
        if 2 * len(crossing) > len(callers):
            hit.add(callee)
    members = [uid for uid in hit if calls.home[uid] == {node}]
    above = {caller for uid in hit for caller in calls.upstream(uid)}
    share = sum(m in slow for m in members) / len(slow)
    return hit | above, share


def _fit(predicted: AbstractSet[str], seen: AbstractSet[str]) -> float:
    """F1 of a prediction: it should name all that are slow, and none that is not."""
    both = len(predicted & seen)
    return 2 * both / (len(predicted) + len(seen)) if both else 0.0


def _dried_up(calls: _Calls, dropped: Mapping[str, Anomaly]) -> Iterator[Mechanism]:
    """Less traffic everywhere and nothing known to be slow: the narrowest place that all of it passes."""
    narrow = []
    for uid in dropped:
        explained = {uid, *calls.downstream(uid), *calls.upstream(uid)} & dropped.keys()
        narrow.append((len(explained) / len(dropped), -(dropped[uid].ratio or 0.0), uid))
    least = min((a.ratio or 0.0 for a in dropped.values()), default=0.0)
    for share, left, uid in sorted(narrow, reverse=True)[:_MOST]:
        share *= 1.0 - 0.5 * (-left - least)
        summary = f"{display_uid(uid)} lets less through than usual, and so all that hang on it get less."
        yield _mechanism(uid, "network_delay", summary, [dropped[uid]], 0.6 * share)


def _mechanism(uid: str, kind: str, summary: str, anomalies: Sequence[Anomaly], strength: float) -> Mechanism:
    signs = tuple(Sign(text=_says(a), event=told(a)) for a in anomalies)
    return Mechanism(resource=uid, kind=kind, summary=summary, signs=signs, strength=strength)


def _says(anomaly: Anomaly) -> str:
    usual = f" (usually {anomaly.usual:g})" if anomaly.usual is not None else ""
    return f"{anomaly.metric} of {display_uid(anomaly.resource)} is {anomaly.now:g}{anomaly.unit}{usual}."


def told(anomaly: Anomaly) -> SymptomEvent:
    """Return an anomaly as something that the monitoring said, to be cited."""
    return SymptomEvent(
        kind=ObservationKind.METRIC,
        resource=anomaly.resource,
        at=None,
        text=anomaly.text,
        reason=anomaly.metric,
        value=anomaly.now,
        unit=anomaly.unit,
    )
