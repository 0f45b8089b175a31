"""Volumes and hosts of managed databases that give less than they did, told from volumes that are asked for more.

An overloaded volume is slow while it serves more operations than before. A degraded one is slow while it serves the
same or fewer, with its credits unspent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from graph.diagnosis.mechanisms.levels import Shift, fell, grew, harm, milliseconds, more_asked, usual
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.readings import lasts, tail
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import SymptomEvent
from graph.resource import display_uid
from graph.telemetry import Series

_ANNOUNCED = re.compile(
    r"(volume|storage|disk|ebs)\b.{0,80}\b(degrad|impair|unhealthy|stuck|fail(ed|ure)|inaccessible)"
    r"|(hardware|host|hypervisor|instance status|availability zone|(?<!multi-)\baz\b)\b.{0,80}"
    r"\b(degrad|fail|replac|retire|impair|issue|unhealthy|disrupt|outage|maintenance)"
    r"|underlying (host|hardware|infrastructure|volume)"
    r"|(degraded|impaired)\b.{0,60}\b(volume|storage|hardware|host|network)|incompatible-\w+",
    re.IGNORECASE,
)
_OVER = re.compile(
    r"recovered|resolved|has been restored|completed|is (now )?healthy|operational again|is available", re.IGNORECASE
)
_FULL = 0.02
"""Share of the most that was free below which a volume refuses writes by itself."""
_SLOW_MS = 20.0
_SLOWER = 5.0
_SAME = 1.3
_SWAPS = 10.0
_CREDITS = ("BurstBalance", "EBSIOBalance%", "EBSByteBalance%")
_SPENT = 20.0


def volumes(scene: Scene, uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    """Yield a volume or host that became worse beneath a database."""
    events = sorted(
        (e for e in scene.graph.symptoms(uid) if e.value is None), key=lambda e: e.at.timestamp() if e.at else 0.0
    )
    told = [i for i, e in enumerate(events) if _ANNOUNCED.search(e.text)]
    slow = _slow(series)
    if told and not _has_passed(events[told[-1] :], series):
        signs = (Sign(text="The provider says so.", event=events[told[-1]]), *((slow.sign,) if slow else ()))
        yield _mechanism(uid, signs, 1.0)
    elif slow is not None and _gives_less(series):
        yield _mechanism(uid, (slow.sign,), 0.8)


def _has_passed(events: list[SymptomEvent], series: Mapping[str, Series]) -> bool:
    """Whether the end was announced as well, or nothing that was measured is worse than before."""
    if any(_OVER.search(e.text) and not _ANNOUNCED.search(e.text) for e in events[1:]):
        return True
    return bool(series.keys() & {"ReadLatency", "WriteLatency", "CommitLatency", "DBLoad"}) and not harm(series)


def _slow(series: Mapping[str, Series]) -> Shift | None:
    found = [grew(series.get(metric), by=_SLOWER) for metric in ("WriteLatency", "ReadLatency")]
    slow = [s for s in found if s is not None and milliseconds(s.series, s.now) >= _SLOW_MS]
    return max(slow, key=lambda s: s.factor, default=None)


def _gives_less(series: Mapping[str, Series]) -> bool:
    """Whether no more is asked of the volume than before, and neither its room nor its credits are spent."""
    busy = [s for m in ("ReadIOPS", "WriteIOPS") if (s := series.get(m)) is not None]
    if not busy or any(float(np.median(tail(s))) > _SAME * usual(s) for s in busy) or more_asked(series, by=_SAME):
        return False
    if fell(series.get("FreeableMemory"), to=_FULL * 5) or grew(series.get("SwapUsage"), by=_SWAPS):
        return False  # It reads what no longer fits into memory, and writes what is swapped out.
    free = series.get("FreeStorageSpace")
    is_full = free is not None and lasts(free) <= _FULL * float(np.nanmax(free.values))
    return not is_full and all(lasts(series[m]) > _SPENT for m in _CREDITS if m in series)


def _mechanism(uid: str, signs: tuple[Sign, ...], strength: float) -> Mechanism:
    return Mechanism(
        resource=uid,
        kind="database_volume_degraded",
        summary=f"The volume or host beneath {display_uid(uid)} gives less than it did, while no more is asked of it.",
        signs=signs,
        strength=strength,
    )
