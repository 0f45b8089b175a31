"""The network between a database and its clients, where the provider says that it fails.

The instance itself runs on and has less to do; what it is asked no longer arrives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from graph.diagnosis.mechanisms.levels import Shift, fell
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import SymptomEvent
from graph.resource import display_uid
from graph.telemetry import Series

_FAILS = re.compile(
    r"(network|connectivity|reachab\w+|packet loss)\b.{0,80}\b(impair|degrad|disrupt|interrupt|lost|loss|outage|fail"
    r"|issue|event|unavailab|unreachable)"
    r"|(impair|degrad|disrupt|interrupt|loss of|lost|unreachable)\w*\b.{0,80}\b(network|connectivity|reachab)"
    r"|(event|issue|outage|power|problem)\b.{0,60}\b(in|of|affect\w+|at)\b.{0,30}\b(availability zone|\baz\b|region"
    r"|data cent)",
    re.IGNORECASE,
)
_OTHER = re.compile(r"volume|storage|disk|\bebs\b|hardware|hypervisor", re.IGNORECASE)
"""What other families tell of: the network is not all that a zone loses."""
_OVER = re.compile(r"restored|resolved|recovered|returned to|back to normal|no longer|reestablished", re.IGNORECASE)
_SERVED = ("DatabaseConnections", "NetworkReceiveThroughput", "NetworkTransmitThroughput", "CommitThroughput")
_LEFT = 0.5


def networks(scene: Scene, uid: str, series: Mapping[str, Series]) -> Iterator[Mechanism]:
    """Yield a network that the provider says fails, where its clients are seen to be gone or nobody measured them."""
    event = failing(scene, uid)
    lost = _lost(series)
    if event is None or (lost is None and any(m in series for m in _SERVED)):
        return
    told = Sign(text="The provider says so.", event=event)
    yield Mechanism(
        resource=uid,
        kind="database_network_impaired",
        summary=f"The network to {display_uid(uid)} fails: clients no longer reach it, while it runs.",
        signs=(told, lost.sign) if lost else (told,),
        strength=1.0 if lost else 0.7,
    )


def failing(scene: Scene, uid: str) -> SymptomEvent | None:
    """The last word of the provider that the network fails; None when it said nothing of it, or that it is over."""
    events = sorted(
        (e for e in scene.graph.symptoms(uid) if e.value is None), key=lambda e: e.at.timestamp() if e.at else 0.0
    )
    told = [i for i, e in enumerate(events) if _FAILS.search(e.text) and not _OTHER.search(e.text)]
    told = [i for i in told if not _OVER.search(events[i].text)]
    if not told or any(_OVER.search(e.text) for e in events[told[-1] + 1 :]):
        return None
    return events[told[-1]]


def _lost(series: Mapping[str, Series]) -> Shift | None:
    found = [fell(series.get(metric), to=_LEFT) for metric in _SERVED]
    return min((s for s in found if s is not None), key=lambda s: s.factor, default=None)
