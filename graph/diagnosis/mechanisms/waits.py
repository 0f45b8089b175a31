"""What the sessions of a database wait for, where its load by wait event is known.

Average active sessions count work that is being done or waited for; those above the number of virtual CPUs wait. See
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PerfInsights.Overview.ActiveSessions.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.readings import first, most, present, tail
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import ObservationKind, SymptomEvent
from graph.resource import display_uid
from graph.telemetry import Series

_SHARE = 0.4
"""Share of the load from which one wait explains it."""
_LOADED = 0.9
"""Active sessions for each virtual CPU from which the machine is full."""
_GREW = 2.0
_WAITS = (
    ("Lock:", "database_lock_contention", "waits for locks", ""),
    ("LWLock:", "database_lock_contention", "waits for locks of the server itself", ""),
    ("synch/", "database_lock_contention", "waits for locks", ""),
    ("wait/synch/", "database_lock_contention", "waits for locks of the server itself", ""),
    ("wait/lock/", "database_lock_contention", "waits for locks", ""),
    ("CPU", "database_cpu_saturation", "uses almost all of its CPU", "CPUUtilization"),
    ("IO:", "database_io_saturation", "can't keep up with its reads and writes", "DiskQueueDepth"),
    ("Extension:", "foreign_server_slow", "waits for another server", ""),
    ("IPC:SyncRep", "database_standby_slow", "waits for its standby", ""),
    ("BufferPin:", "database_lock_contention", "waits for locks", ""),
    ("wait/io/table/", "database_cpu_saturation", "works through many rows for each answer", "CPUUtilization"),
    ("wait/io/", "database_io_saturation", "can't keep up with its reads and writes", "DiskQueueDepth"),
)
"""Prefix of a wait event, kind, what it means, and the metric that decides where it was measured."""


def waiting(scene: Scene, uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    """Yield what most sessions wait for while the load is high and stays so."""
    load = series.get("DBLoad")
    told = [e for e in scene.graph.symptoms(uid) if e.kind is ObservationKind.METRIC and e.value is not None]
    waits = list(_measured(uid, series)) or told
    total = sum(e.value or 0.0 for e in waits)
    if load is None or total <= 0 or not _is_high(load, series.get("vCPU")):
        return
    for prefix, kind, what, metric in _WAITS:
        mine = [e for e in waits if e.reason.startswith(prefix)]
        share = sum(e.value or 0.0 for e in mine) / total
        if share >= _SHARE and metric not in series:
            yield _mechanism(uid, kind, what, mine, share)


def _measured(uid: str, series: Mapping[str, Series]) -> Iterator[SymptomEvent]:
    """Yield the load by wait event at its end, where it was measured over time as `DBLoad:EVENT`."""
    for metric, one in series.items():
        name = metric.removeprefix("DBLoad:")
        if name != metric and present(one).size:
            value = float(np.median(tail(one)))
            text = f"{name}: {value:.2g}"
            yield SymptomEvent(
                kind=ObservationKind.METRIC, resource=uid, at=None, text=text, reason=name, value=value, unit=one.unit
            )


def _is_high(load: Series, cores: Series | None) -> bool:
    now = float(np.median(tail(load)))
    grew = first(load) > 0 and now >= _GREW * first(load)
    return grew if cores is None else now >= _LOADED * most(cores) or (grew and now >= most(cores) / 2)


def _mechanism(uid: str, kind: str, what: str, waits: list[SymptomEvent], share: float) -> Mechanism:
    top = max(waits, key=lambda e: e.value or 0.0)
    return Mechanism(
        resource=uid,
        kind=kind,
        summary=f"{display_uid(uid)} {what}: {share:.0%} of its active sessions wait for {top.reason}.",
        signs=(Sign(text="The load by wait event says so.", event=top),),
        strength=0.8,
    )
