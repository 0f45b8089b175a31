"""Slow networks and starved processors, as monitoring would see them: a small model of calls gives the alerts.

Each service works for a while and asks its callees one after another. A slow network of a pod delays each call that
enters or leaves it, that of a node each call that crosses its border. Latency is measured where calls arrive, over all
callers; the 90th percentile is slow when at least a tenth of the calls are. Callers wait for answers, so all get less.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from evals.transplant.faults import Fault
from evals.transplant.tape import Tape

_TREE = re.compile(r"^(?P<depth>[│ ]*)[├└]── (?P<name>\S+)")
_SLOW = 1.5
_DEEPEST = 6
_UNSEEN = 0.1
"""Share of the slow services whose slowness an alert does not mention."""


def _calls(tape: Tape) -> dict[str, list[str]]:
    """Direct callees by caller."""
    found: dict[str, list[str]] = defaultdict(list)
    for root, text in tape.calls().items():
        for line in text.splitlines():
            branch = _TREE.match(line)
            if branch and not branch["depth"] and branch["name"] not in found[root]:
                found[root].append(branch["name"])
    return dict(found)


def _homes(tape: Tape) -> dict[str, str]:
    found = {}
    for app in tape.apps():
        for pod in tape.pods(app):
            text = next(v for k, v in tape.answers.items() if k.startswith("DescribeResource") and f'"{pod}"' in k)
            node = re.search(r"\nNode: +([^/\n]+)/", str(text))
            found[app] = node[1] if node else ""
    return found


class _Calls(NamedTuple):
    """Latencies of the calls to one service in milliseconds, and how many there are of each."""

    before: list[float]
    after: list[float]
    rates: list[float]


def _measured(
    calls: Mapping[str, list[str]], rng: random.Random, added: Callable[[str, str], float]
) -> dict[str, _Calls]:
    names = sorted({*calls, *(c for many in calls.values() for c in many)})
    own = {name: rng.uniform(2, 15) for name in names}
    share = {(a, b): rng.uniform(0.1, 1.0) for a in sorted(calls) for b in calls[a]}
    rates = {name: _rate(name, calls, share) for name in names}
    found = {}
    for name in names:
        callers = [a for a in names if name in calls.get(a, ())] or [""]
        before = [_whole(name, calls, own, lambda *_: 0.0) for _ in callers]
        after = [_whole(name, calls, own, added) + added(a, name) for a in callers]
        found[name] = _Calls(before, after, [rates.get(a, 1.0) * share.get((a, name), 1.0) for a in callers])
    return found


def _rate(name: str, calls: Mapping[str, list[str]], share: Mapping[tuple[str, str], float], deep: int = 0) -> float:
    callers = [a for a in calls if name in calls[a]]
    if not callers or deep > _DEEPEST:
        return 1.0
    return sum(_rate(a, calls, share, deep + 1) * share[a, name] for a in callers)


def _whole(
    name: str,
    calls: Mapping[str, list[str]],
    own: Mapping[str, float],
    added: Callable[[str, str], float],
    way: tuple[str, ...] = (),
) -> float:
    """Time from the arrival of a call to its answer."""
    below = [c for c in calls.get(name, ()) if c not in way]
    return own[name] + sum(_whole(c, calls, own, added, (*way, name)) + added(name, c) for c in below)


def _alerts(tape: Tape, rng: random.Random, added: Callable[[str, str], float]) -> list[dict[str, Any]]:
    """Alerts on the services whose 90th percentile, over all calls to them, has grown."""
    found = []
    for name, measured in _measured(_calls(tape), rng, added).items():
        now, usual = _ninetieth(measured.after, measured.rates), _ninetieth(measured.before, measured.rates)
        if now >= _SLOW * usual and rng.random() >= _UNSEEN:
            levels = f"Normal={usual:.2f}ms -> Current={now:.2f}ms (+1%)"
            told = f"LATENCY_DEGRADATION [Slow Response] | {name}-p90latency: {levels}"
            found.append({"type": "Service", "name": name, "evidence": [told]})
    return found


def _ninetieth(latencies: list[float], rates: list[float]) -> float:
    """The latency that nine tenths of the calls do not exceed."""
    left = 0.1 * sum(rates)
    for latency, rate in sorted(zip(latencies, rates, strict=True), reverse=True):
        left -= rate
        if left < 0:
            return latency
    return min(latencies)


def _show(tape: Tape, alerts: list[dict[str, Any]]) -> bool:
    tape.answers["GetAlerts:{}"] = {"status": "has_anomalies", "alert_count": len(alerts), "alerts": alerts}
    return bool(alerts)


def pod_delay(tape: Tape, app: str, rng: random.Random) -> str | None:
    delay = rng.choice([100.0, 300.0, 1000.0])
    alerts = _alerts(tape, rng, lambda a, b: delay if app in (a, b) else 0.0)
    return "network_delay" if _show(tape, alerts) else None


def node_delay(tape: Tape, app: str, rng: random.Random) -> str | None:
    if app != tape.apps()[0]:
        return None
    homes, delay = _homes(tape), rng.choice([100.0, 300.0])
    node = rng.choice(sorted(set(homes.values())))
    alerts = _alerts(tape, rng, lambda a, b: delay if (homes.get(a) == node) != (homes.get(b) == node) else 0.0)
    return f"node_network_delay@{node}" if _show(tape, alerts) else None


def _overload(*, throttled: bool) -> Fault:
    def put(tape: Tape, app: str, rng: random.Random) -> str | None:
        alerts = _alerts(tape, rng, lambda _, b: 80.0 if b == app else 0.0)
        told = ["RESOURCE_SATURATION [cpu core] | Normal=0.02 cores -> Current=0.19 cores (+850%)"]
        if throttled:
            told.insert(0, "RESOURCE_SATURATION [cpu_cfs] | Val: 0.803s (Throttled)")
        mine = next((a for a in alerts if a["name"] == app), None)
        if mine is None:
            alerts.append({"type": "Service", "name": app, "evidence": told})
        else:
            mine["evidence"] = told + mine["evidence"]
        _show(tape, alerts)
        return "cpu_saturation"

    return put


def packet_loss(tape: Tape, app: str, rng: random.Random) -> str | None:
    kind = node_delay(tape, app, rng)
    if kind is None:
        return None
    node = kind.partition("@")[2]
    told = "NETWORK_QUALITY_DEGRADED [TCP Retransmission] | Normal=0.01retrans -> Current=7.31retrans (+731%)"
    tape.answers["GetAlerts:{}"]["alerts"].append({"type": "Node", "name": node, "evidence": [told]})
    return f"node_packet_loss@{node}"


SLOWNESS: dict[str, Fault] = {
    "pod network": pod_delay,
    "node network": node_delay,
    "packet loss": packet_loss,
    "CPU throttled": _overload(throttled=True),
    "CPU busy": _overload(throttled=False),
}
