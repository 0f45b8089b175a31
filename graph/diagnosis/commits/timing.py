"""What the time at which a commit reached production says: a cause comes before its effects, mostly not long before."""

from __future__ import annotations

from collections.abc import Iterable

from graph.diagnosis.commits.place import Place
from graph.diagnosis.commits.scene import Scene
from graph.diagnosis.commits.trouble import Trouble, troubles_of
from graph.diagnosis.hypothesis import Reason

SKEW_S = 120.0
"""A rollout takes effect before the record of its end, and clocks differ."""
_SOON_S = 600.0
_WELL_S = 300.0
"""Time without trouble after which what a change does to every request has been tried."""
_LATE = -2.5
_SOON = 1.0


def timely(place: Place, scene: Scene) -> Iterable[Reason]:
    """Yield what speaks against a commit that came when metrics had departed, and for one just before they did."""
    if place.since is None or not scene.departures:
        return
    earlier = [d for d in scene.departures if d.since < place.since - SKEW_S]
    share = len(earlier) / len(scene.departures)
    if earlier:
        first = earlier[0].metric
        text = f"{len(earlier)} of {len(scene.departures)} metrics had left their range before it came, {first} first."
        yield Reason(worth=_LATE * share, text=text)
        return
    gap = max(0.0, scene.departures[0].since - place.since)
    worth = _SOON * min(1.0, _SOON_S / max(gap, 1.0))
    text = f"{scene.departures[0].metric} left its range {gap / 60:.0f} minutes after it came."
    yield Reason(worth=round(worth, 3), text=text)


def ran_well(place: Place, scene: Scene, *, for_s: float = _WELL_S) -> bool:
    """Whether a commit was in production for a while before any metric of those who complain left its range."""
    return place.since is not None and bool(scene.departures) and scene.departures[0].since - place.since > for_s


def precedes(place: Place, trouble: Trouble, scene: Scene) -> bool:
    """Whether a commit came before the metrics that tell of a sort of trouble left their range, or none tells of it."""
    if place.since is None:
        return False
    mine = [d for d in scene.departures if trouble in troubles_of(d.metric)]
    # Where a climb set out is only an estimate, the less sure the longer it took to be seen.
    return not any(d.since - _UNSURE * (d.since - d.began) < place.since - SKEW_S for d in mine)


_UNSURE = 0.5
