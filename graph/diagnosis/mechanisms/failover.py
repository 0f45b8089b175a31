"""Databases that moved to another host or started again: what the provider reports, and the gap that clients saw.

A failover that nobody felt, and one that was announced as maintenance, is no incident by itself. A restart that puts a
setting in force belongs to that setting, and one for want of memory to that want.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from graph.diagnosis.mechanisms.alterations import is_change
from graph.diagnosis.mechanisms.levels import usual
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.readings import lasts, most, present, reading, sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import SymptomEvent
from graph.resource import display_uid
from graph.telemetry import Series

_FAILURES = frozenset({"failure", "recovery"})
"""Categories of events that are of all that may fail, hosts among it."""
_OTHER = re.compile(
    r"storage|volume|disk|network|connectivity|replica|backup|snapshot|memory|log file|encryption", re.IGNORECASE
)
_TOLD = re.compile(
    r"failover|failed over|host (failure|replacement)|instance (crashed|restarted)|recovery of the", re.IGNORECASE
)
_NONE = 0.02
"""Share of the usual level below which nothing is left."""


def failovers(scene: Scene, uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    """Yield an interruption that the provider reports, where the load shows that it was one."""
    events = [e for e in scene.graph.symptoms(uid) if _is_failover(e)]
    felt = [
        s
        for m in ("DatabaseConnections", "DBLoad", "CommitThroughput", "WriteIOPS")
        if (s := series.get(m)) and broke(s)
    ]
    if not events or _was_planned(scene, uid, series):
        return
    if not any(e.reason == "failover" or _MOVED.search(e.text) for e in events):
        if _applies_change(scene, uid, events):
            return
        if short := _want_of_memory(uid, events, series):
            yield short
            return
    measured = [m for m in ("DatabaseConnections", "DBLoad", "CommitThroughput") if m in series]
    if felt:
        dip = felt[0]
        inside = [e for e in events if e.at is None or e.at.timestamp() >= float(dip.times[0]) - 60]
        if inside:
            values = present(dip)
            read = reading(dip, float(np.median(values)), float(values.min()))
            yield _mechanism(uid, inside[0], sign(read), strength=1.0)
    elif not measured:
        yield _mechanism(uid, events[0], None, strength=0.7)


_PLANNED = re.compile(
    r"(scheduled|planned) (maintenance|failover|switchover|reboot)|maintenance window|user[- ](requested|initiated)"
    r"|(requested|initiated) by (a |the )?(user|customer|operator|administrator)|requested (a )?(failover|reboot)"
    r"|switchover|game ?day|failover (test|drill)",
    re.IGNORECASE,
)
_BACK = 0.5
"""Share of the usual level from which clients are back."""


def _was_planned(scene: Scene, uid: str, series: Mapping[str, Series]) -> bool:
    """Whether somebody had announced the interruption, and clients returned after it."""
    if not any(_PLANNED.search(e.text) for e in scene.graph.symptoms(uid)):
        return False
    felt = [s for m in ("DatabaseConnections", "DBLoad", "CommitThroughput") if (s := series.get(m)) is not None]
    return all(lasts(s) >= _BACK * float(np.median(present(s))) for s in felt if present(s).size)


def _is_failover(event: SymptomEvent) -> bool:
    if event.reason == "failover" or _TOLD.search(event.text):
        return True
    return event.reason in _FAILURES and not _OTHER.search(event.text)


_MOVED = re.compile(r"failover|failed over|host (failure|replacement)", re.IGNORECASE)
_APPLIED_S = 3600.0
"""A restart this soon after a setting was changed is held for what puts it in force."""
_GONE = 0.05
"""Share of the most that was free, below which the kernel ends processes."""


def _applies_change(scene: Scene, uid: str, restarts: Sequence[SymptomEvent]) -> bool:
    """Whether a setting that waited for a restart, or any shortly before it, was changed."""
    began = min((e.at.timestamp() for e in restarts if e.at is not None), default=None)
    return began is not None and any(
        e.at is not None and 0 <= began - e.at.timestamp() <= _APPLIED_S
        for e in scene.graph.symptoms(uid)
        if is_change(e)
    )


def _want_of_memory(uid: str, restarts: Sequence[SymptomEvent], series: Mapping[str, Series]) -> Mechanism | None:
    """A server that had no memory left shortly before it started again."""
    free = series.get("FreeableMemory")
    began = min((e.at.timestamp() for e in restarts if e.at is not None), default=None)
    if free is None or began is None:
        return None
    before = free.values[(free.times < began) & np.isfinite(free.values)]
    if not before.size or float(before[-3:].min()) > _GONE * most(free):
        return None
    read = reading(free, float(before[0]), float(before[-3:].min()))
    return Mechanism(
        resource=uid,
        kind="database_memory_exhaustion",
        summary=f"{display_uid(uid)} ran out of memory and started again.",
        signs=(sign(read), Sign(text="The provider reports the restart.", event=restarts[0])),
        strength=0.9,
    )


def broke(series: Series) -> bool:
    """Whether a series fell to nothing for a while."""
    values, before = present(series), usual(series)
    return values.size > 2 and before > 0 and float(values.min()) <= _NONE * before


def _mechanism(uid: str, event: SymptomEvent, felt: Sign | None, *, strength: float) -> Mechanism:
    told = Sign(text="The provider reports a failover.", event=event)
    return Mechanism(
        resource=uid,
        kind="database_failover",
        summary=f"{display_uid(uid)} failed over to another host, and connections broke off meanwhile.",
        signs=(told, felt) if felt else (told,),
        strength=strength,
    )
