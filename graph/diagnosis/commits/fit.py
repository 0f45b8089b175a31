"""How well what a diff does explains what is complained of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.reading import DiffReading
from graph.diagnosis.commits.leads import LEADS_TO
from graph.diagnosis.commits.scene import Scene
from graph.diagnosis.commits.traffic import fans_out
from graph.diagnosis.commits.trouble import VAGUE, Trouble, telling_of
from graph.diagnosis.hypothesis import Reason

_VAGUE = 0.6
"""Worth of an explanation of what nearly every fault leads to."""
_UNSURE = 0.6
_FURTHER = 0.4
"""A second effect that fits is a weaker reason than the first: much of it is the same fact."""


def fits(reading: DiffReading, scene: Scene) -> Iterable[Reason]:
    """Yield the two best reasons why a diff may lead to the trouble, best first."""
    found = sorted(_all(reading, scene), key=lambda r: (r.worth, r.text), reverse=True)
    yield from found[:1]
    yield from (replace(r, worth=_FURTHER * r.worth) for r in found[1:2])


def _all(reading: DiffReading, scene: Scene) -> Iterator[Reason]:
    troubles = scene.troubles | ({Trouble.CALLS: 1.0} if fans_out(scene) else {})
    for effect in reading.effects:
        worth, trouble = max(
            ((_worth(effect, t, share), t) for t, share in troubles.items()), default=(0.0, Trouble.ERRORS)
        )
        worth *= _UNSURE if effect in reading.unsure else 1.0
        if worth > 0:
            about = tuple(telling_of(trouble, scene.complaints))
            yield Reason(worth=worth, text=f"It {effect.value}, which leads to {trouble.value}.", about=about)


def _worth(effect: Effect, trouble: Trouble, share: float) -> float:
    points = LEADS_TO.get(effect, {}).get(trouble, 0.0)
    return points * (_VAGUE if trouble in VAGUE else 1.0) * (0.4 + 0.6 * share)
