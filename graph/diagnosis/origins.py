"""Which of several unusual services is the origin: the one whose own surplus is not that of something it calls.

A caller waits for its callees and passes on their errors, so trouble moves from callee to caller. What each service
adds to the trouble is measured in what its callers feel: seconds waited, or requests failed, over the window. A service
whose callees account for most of its surplus is a victim.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graph.anomaly import anomaly, level
from graph.telemetry import Anomaly, Series, Signal, Telemetry

EXPLAINED = 0.5
"""A callee with this part of its caller's surplus explains it."""
NEARLY = 0.8
"""Tails that are enough for a service that an alert names: the alert is a sign of its own."""
_AT_ONCE = 1.5
"""A callee may be called several times at once, and then adds more than is waited for; not much more."""
_CLEARLY = 2.0
"""One reading in forty is a tail out by chance, and with many services one always is: both together must be more."""
_MARGIN = 0.1
"""Least share of the largest surplus for a service to be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A service where trouble began, as far as was measured."""

    resource: str
    anomaly: Anomaly
    surplus: float
    """Seconds that callers waited longer than usual in the window, or requests that failed more than usual."""
    share: float
    """Part of the weight of all candidates, 0 to 1; weight is surplus times the logarithm of how unusual it is."""


def origins(telemetry: Telemetry, target: str, *, signal: Signal, at: float, width_s: float) -> tuple[Origin, ...]:
    """Find where the trouble of one service comes from.

    Args:
        telemetry: series and calls.
        target: uid of the service whose users feel it.
        signal: what they feel: LATENCY, AVAILABILITY or ERRORS.
        at: seconds since 1970-01-01 UTC; when it began.
        width_s: seconds after `at` that are looked at.

    Returns:
        Best first. Empty when the target itself measures nothing unusual: then there is nothing to explain.
    """
    felt = _felt(telemetry.series, signal, at, width_s)
    if target not in felt and not _stirs(telemetry.series, target, signal, at, width_s):
        return ()
    everyones = {uid: _surplus(telemetry.series, found, at, width_s) for uid, found in felt.items()}
    callees = _callees(telemetry)
    if signal is Signal.LATENCY:
        callees = _waited_for(callees, everyones)
    below = _below(target, callees)
    if _together(felt, target, below) < _CLEARLY:
        return ()
    surplus = {uid: amount for uid, amount in everyones.items() if uid in below}
    found = {uid: amount for uid, amount in surplus.items() if amount > 0 and not _is_victim(uid, surplus, callees)}
    others = {uid: amount for uid, amount in found.items() if uid != target}
    chosen = others or found
    most = _AT_ONCE * surplus[target] if surplus.get(target) else math.inf
    is_waited = signal is Signal.LATENCY
    weights = {u: _counted(amount, most, is_waited) * math.log1p(felt[u].score) for u, amount in chosen.items()}
    total, top = sum(weights.values()), max(weights.values(), default=0.0)
    return tuple(
        Origin(resource=uid, anomaly=felt[uid], surplus=chosen[uid], share=weight / total)
        for uid, weight in sorted(weights.items(), key=lambda kv: (-kv[1], kv[0]))
        if weight >= _MARGIN * top
    )


def _counted(amount: float, most: float, is_waited: bool) -> float:
    """How much of a surplus counts: no more than the target can feel.

    Of seconds that exceed it hardly any are waited for: the more they are, the less of them is.
    """
    over = amount / most
    return amount if over <= 1 else most / over if is_waited else most


def _felt(series: Iterable[Series], signal: Signal, at: float, width_s: float) -> dict[str, Anomaly]:
    """Map each service to its worst anomaly of this signal."""
    worst: dict[str, Anomaly] = {}
    for one in series:
        if one.signal is not signal or one.peer:
            continue
        found = anomaly(one, at=at, width_s=width_s)
        if found and (one.resource not in worst or found.score > worst[one.resource].score):
            worst[one.resource] = found
    return worst


def _stirs(series: Iterable[Series], uid: str, signal: Signal, at: float, width_s: float) -> bool:
    """Whether a service that somebody complained of is at least near the edge of its usual range."""
    mine = [s for s in series if s.resource == uid and s.signal is signal and not s.peer]
    return any(anomaly(s, at=at, width_s=width_s, least=NEARLY) for s in mine)


def _surplus(series: Iterable[Series], found: Anomaly, at: float, width_s: float) -> float:
    """What callers feel of an anomaly: its size times the requests that met it; a share of percent is one of 1."""
    if found.usual is None:
        return 0.0
    requests = _requests(series, found.resource, at, width_s)
    return abs(found.now - found.usual) * (requests if requests is not None else 1.0)


def _requests(series: Iterable[Series], uid: str, at: float, width_s: float) -> float | None:
    for one in series:
        if one.resource == uid and one.signal is Signal.TRAFFIC and not one.peer:
            before, now = level(one, at=at, width_s=width_s)
            return now if now is not None else before
    return None


def _callees(telemetry: Telemetry) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for call in telemetry.calls:
        found[call.caller].add(call.callee)
    return found


def _waited_for(callees: Mapping[str, set[str]], surplus: Mapping[str, float]) -> dict[str, set[str]]:
    """Leave out calls that nobody waits for: a callee that has one caller can't add more seconds than that one feels.

    Of failures it can: one request of the caller may make several calls, and one that fails is enough.
    """
    callers: dict[str, set[str]] = defaultdict(set)
    for caller, called in callees.items():
        for callee in called:
            callers[callee].add(caller)
    return {
        caller: {
            c
            for c in called
            if len(callers[c]) > 1 or caller not in surplus or surplus.get(c, 0.0) <= _AT_ONCE * surplus[caller]
        }
        for caller, called in callees.items()
    }


def _together(felt: Mapping[str, Anomaly], target: str, below: set[str]) -> float:
    """How unusual the target and what it calls are together: the product of the worst of each, in tails."""
    own = felt[target].score if target in felt else NEARLY
    return own * max((found.score for uid, found in felt.items() if uid in below), default=0.0)


def _below(uid: str, callees: Mapping[str, set[str]]) -> set[str]:
    found, waiting = {uid}, [uid]
    while waiting:
        for callee in callees.get(waiting.pop(), ()):
            if callee not in found:
                found.add(callee)
                waiting.append(callee)
    return found


def _is_victim(uid: str, surplus: Mapping[str, float], callees: Mapping[str, set[str]]) -> bool:
    """Whether what a service calls accounts for most of its surplus."""
    return any(surplus.get(c, 0.0) >= EXPLAINED * surplus[uid] for c in callees.get(uid, ()) if c != uid)
