"""Databases that were set otherwise shortly before they got worse: parameters, instance class, network, credentials.

A change explains only what began after it, and not what clients brought about by asking for more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from graph.diagnosis.mechanisms.levels import Shift, fell, grew, harm, more_asked
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.networks import failing
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import SymptomEvent
from graph.resource import display_uid
from graph.telemetry import Series

_CATEGORIES = frozenset({"configuration change", "security", "security group"})
_SETTINGS = re.compile(
    r"parameter group|parameter \S+ (was |has been )?(set|changed|modified)|instance class|option group"
    r"|(security group|subnet|network|route|acl|ingress|public accessibility|endpoint|port)\b.{0,80}"
    r"\b(updat|modif|chang|remov|revok|delet|detach|replac|disabl)"
    r"|(updat|modif|chang|remov|revok|delet|detach|replac|disabl|revok)\w*\b.{0,60}"
    r"\b(security group|subnet|network|route|acl|ingress|rule|certificate|password|credentials?)"
    r"|(password|credentials?|certificate|ca )\b.{0,60}\b(rotat|reset|changed|renew)|provisioned iops|storage type"
    r"|modification to .{0,60}class|custom(er)? modif|\b\w+(_\w+)+\b\s*(=|:|->|from)\s*\S+",
    re.IGNORECASE,
)
_RELIEF = re.compile(
    r"autoscal|allocated storage|backup|snapshot|retention|deletion protection|monitoring|performance insights"
    r"|log export|read replica|maintenance window|\btags?\b",
    re.IGNORECASE,
)
"""Changes that add room or leave the running database as it is."""
_NETWORK = re.compile(
    r"security group|subnet|network|route|\bacl\b|ingress|accessib|certificate|password|credential|\bport\b|endpoint"
    r"|pg_hba|rds\.force_ssl|proxy",
    re.IGNORECASE,
)
_SLACK_S = 120.0
"""Readings are of whole minutes: what began with a change may be dated a little before it."""
_SOON_S = 1800.0
_NOTHING = 0.05
"""Share of the usual connections below which clients no longer get in."""
_SHORT = 0.25
_SWAPS = 5.0
_WAITS = re.compile(r"pending[- ]reboot|(next|requires?( a)?|after( a)?) (reboot|restart)", re.IGNORECASE)
"""Settings that change nothing before the server starts again."""
_HAD = 5.0
"""Connections from which their absence is not chance."""


def alterations(scene: Scene, uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    """Yield the change of a setting after which a database got worse, and clients that no longer get in."""
    everything = list(scene.graph.symptoms(uid))
    events = [e for e in everything if is_change(e)]
    for event in sorted(events, key=lambda e: e.at.timestamp() if e.at else 0.0, reverse=True):
        shift = _after(event, everything, series)
        if shift is not None:
            yield Mechanism(
                resource=uid,
                kind="database_setting_changed",
                summary=f"{display_uid(uid)} was set otherwise, and has been worse since then.",
                signs=(Sign(text="The provider reports the change.", event=event), shift.sign),
                strength=1.0,
            )
            return
    yield from _cut_off(scene, uid, series)


def is_change(event: SymptomEvent) -> bool:
    """Whether a provider reports that a setting of a running database was changed."""
    if event.value is not None or _RELIEF.search(event.text):
        return False
    if event.reason in _CATEGORIES:
        return True
    return _SETTINGS.search(event.text) is not None and bool(_STATED.search(event.text))


_STATED = re.compile(
    r"updat|modif|chang|remov|revok|delet|detach|replac|disabl|rotat|reset|renew|appl|->", re.IGNORECASE
)


def _after(event: SymptomEvent, events: Sequence[SymptomEvent], series: Mapping[str, Series]) -> Shift | None:
    """What got worse soon after a change was in force, unless clients asked for more at the same time."""
    at = _in_force(event, events)
    if at is None or more_asked(series, until=at) is not None:
        return None
    short = [
        fell(series.get("FreeableMemory"), to=_SHORT, until=at),
        grew(series.get("SwapUsage"), by=_SWAPS, until=at),
    ]
    found = [*harm(series, until=at), *(s for s in short if s is not None)]
    worse = [s for s in found if at - _SLACK_S <= s.since <= at + _SOON_S]
    return worse[0] if worse else None


def _in_force(event: SymptomEvent, events: Sequence[SymptomEvent]) -> float | None:
    """When a change took effect, in seconds since 1970-01-01 UTC: where it waits for a restart, with the next one."""
    if event.at is None:
        return None
    at = event.at.timestamp()
    if not _WAITS.search(event.text):
        return at
    restarts = (e.at.timestamp() for e in events if e.at is not None and _REPLACED.search(e.text) and e != event)
    return min((r for r in restarts if r >= at), default=None)


def _cut_off(scene: Scene, uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    """Connections that ended and do not return while the instance itself runs on: something stands between."""
    shift = fell(series.get("DatabaseConnections"), to=_NOTHING)
    processor = series.get("CPUUtilization")
    if shift is None or shift.usual < _HAD or processor is None or _is_replaced(scene, uid):
        return
    if failing(scene, uid) is not None:
        return  # The provider says why, and it is nobody's setting.
    network = [e for e in scene.graph.symptoms(uid) if is_change(e) and _NETWORK.search(e.text)]
    told = tuple(Sign(text="The provider reports the change.", event=e) for e in network[-1:])
    yield Mechanism(
        resource=uid,
        kind="database_cut_off",
        summary=f"Clients no longer get into {display_uid(uid)}, which runs: its network or credentials keep them out.",
        signs=(*told, shift.sign),
        strength=0.9 if told else 0.6,
    )


_REPLACED = re.compile(r"failover|failed over|restart|reboot|shutdown|stopped|crash|recovery", re.IGNORECASE)


def _is_replaced(scene: Scene, uid: str) -> bool:
    return any(_REPLACED.search(e.text) for e in scene.graph.symptoms(uid))
