"""Databases that are worse off than before without a mechanism that says why: the weakest guess, so that nobody calls
them healthy. What they wait for, and whether more is asked of them, tells in which direction to look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from graph.diagnosis.mechanisms.levels import Shift, grew, harm, more_asked
from graph.diagnosis.mechanisms.mechanism import Mechanism
from graph.diagnosis.mechanisms.readings import most
from graph.diagnosis.mechanisms.scene import Scene
from graph.resource import display_uid
from graph.telemetry import Series

_STRENGTH = 0.4
_LOADED = 0.7
"""Active sessions for each virtual CPU below which a load that grew is only more work."""
_WAITING = 1.0
"""The same where answers are timed, and no slower unless something else tells: some session always waits then."""
_FURTHER = 3.0
"""Factor from which a single measure tells of trouble."""
_STOPPED = 0.25
"""Part of the work before that is left where most of it stopped."""
_DEEP = 10.0
"""Length from which a queue is trouble although nothing was seen to be slower."""
_PLANNED = re.compile(
    r"(backup|backing up|snapshot|maintenance|vacuum|upgrade|modif|storage.optimi[sz]ation)", re.IGNORECASE
)
_BY_WAIT = (
    (("IO:BufFile",), "database_temporary_files", "writes temporary files: its memory for sorts does not suffice"),
    (("IO:", "wait/io/", "WAL:"), "database_io_saturation", "can't keep up with its reads and writes"),
    (("CPU",), "database_cpu_saturation", "works more for the same demand"),
    (
        ("Lock", "LWLock", "BufferPin", "synch/", "wait/synch", "wait/lock"),
        "database_lock_contention",
        "waits for locks",
    ),
    (("Extension", "Dblink"), "foreign_server_slow", "waits for another server"),
    (("IPC:SyncRep",), "database_standby_slow", "waits for its standby"),
)


def unexplained(scene: Scene, uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    """Yield a weak mechanism where a database is worse off than before."""
    shifts = [s for s in harm(series) if _hurts(s, series)]
    events = [e for e in scene.graph.symptoms(uid) if e.value is None]
    if not shifts or (len(shifts) == 1 and any(_PLANNED.search(e.text) for e in events)):
        return
    kind, what = _direction(scene, uid, series, shifts)
    yield Mechanism(
        resource=uid,
        kind=kind,
        summary=f"{display_uid(uid)} {what}, as far as its measures tell.",
        signs=tuple(s.sign for s in shifts[:3]),
        strength=_STRENGTH,
        is_guess=True,
    )


def _hurts(shift: Shift, series: Mapping[str, Series]) -> bool:
    if shift.factor < 1:
        # People and jobs do less little by little, or some of them at once; what fails stops nearly all of it at once.
        return shift.is_sudden and shift.factor <= _STOPPED
    if shift.series.metric == "DiskQueueDepth" and shift.now < _DEEP:
        latencies = [one for m in ("ReadLatency", "WriteLatency") if (one := series.get(m)) is not None]
        return not latencies or any(grew(one) for one in latencies)
    if shift.series.metric == "CPUUtilization":
        return False  # A machine that is used well; where sessions wait for it, their wait shows.
    if shift.series.metric == "DBLoad":
        cores = series.get("vCPU")
        full = _WAITING if series.keys() & {"CommitLatency", "ReadLatency", "WriteLatency"} else _LOADED
        return shift.now >= full * most(cores) if cores is not None else shift.factor >= _FURTHER
    return shift.factor >= _FURTHER


def _direction(scene: Scene, uid: str, series: Mapping[str, Series], shifts: list[Shift]) -> tuple[str, str]:
    """Return (kind, what it does)."""
    if more_asked(series) is not None:
        return "database_overloaded", "is asked for more than it can give"
    waits = [e for e in scene.graph.symptoms(uid) if e.value is not None]
    top = max(waits, key=lambda e: e.value or 0.0, default=None)
    grown = any(s.factor > 1 for s in shifts)
    if top is not None and grown:
        for prefixes, kind, what in _BY_WAIT:
            if top.reason.startswith(prefixes):
                return kind, what
    if not grown:
        return "database_cut_off", "serves fewer than before although it is not busier"
    return "database_overloaded", "is slower than before"
