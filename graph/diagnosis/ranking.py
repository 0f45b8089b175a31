"""From points to order and confidence. Each rule's worth stands here, with its reason, and nowhere else.

Confidence is `cap * (1 - exp(-points / SCALE))`: more evidence always raises it, and never above what its kind of
evidence can carry. The caps keep a plausible story from looking like a proven one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from graph.diagnosis.hypothesis import Hypothesis, Point, Weight


class Rule(NamedTuple):
    points: float
    reason: str


RULES: dict[str, Rule] = {
    # What is known of the cause itself.
    "drift": Rule(16, "it differs from what was declared, which most of what runs does not"),
    "changed": Rule(12, "it changed lately; most changes are harmless"),
    "fault": Rule(14, "the platform reports it as failing"),
    "fault_partial": Rule(6, "the platform reports it as partly failing"),
    "mechanism": Rule(40, "the platform, or the objects themselves, show what is wrong and why"),
    "said": Rule(40, "what it says itself tells why, as a whole"),
    "guessed": Rule(30, "it is in trouble, and what it complains of points there"),
    "stops_work": Rule(10, "what it stops does not work now"),
    "blamed": Rule(12, "others complain of what it stops"),
    "measured_origin": Rule(44, "it adds what is felt, and nothing that it calls adds it: measured"),
    # Units of the score of a judge of its own.
    "commit": Rule(14, "what its diff does, against what the systems complain of"),
    "outside": Rule(14, "what the systems complain of is not theirs"),
    "release": Rule(30, "its new instances against the old ones, and the failures that end at it"),
    "fails_first": Rule(36, "requests fail there first: traces show it"),
    "amplified": Rule(6, "a caller tries again and again, which adds load"),
    "account": Rule(12, "how trouble that begins there spreads, against who is unwell since when"),
    "attributed": Rule(5, "records say who changed it and when"),
    "seen_to_change": Rule(2, "it was seen to change, by whom is not known"),
    "takes_away": Rule(22, "the change removes what the path needs: computed from the objects"),
    "path": Rule(4, "the subject depends on it"),
    "direct": Rule(8, "the alert names it"),
    "only_difference": Rule(24, "everything else on the path was compared and is as declared"),
    # Time.
    "just_before": Rule(22, "it changed shortly before the alert; less the longer ago"),
    "may_be_before": Rule(3, "its interval begins before the alert"),
    # What the running systems say.
    "complaint_names": Rule(32, "a system complains of just this, and names it"),
    "complaint_fits": Rule(10, "a system complains of what such a change leads to"),
    "complaint_branch": Rule(8, "failing requests name a service on the path"),
    "fault_fits": Rule(30, "the platform reports the fault that such a change leads to, since then"),
    "about_drift": Rule(30, "the alert itself is about a difference from the declaration"),
    "emergency": Rule(24, "it was made by hand while another incident was open, and raises capacity"),
    # What people said of similar incidents. Less than any evidence of today: it settles what that leaves open.
    "remembered": Rule(14, "a person confirmed just this cause of a similar incident"),
    "remembered_kind": Rule(5, "a person confirmed this kind of cause of a similar incident"),
    # Against.
    "refuted_before": Rule(-14, "a person said that it was not the cause of a similar incident"),
    "after_alert": Rule(-70, "a cause can't follow its effect"),
    "long_before": Rule(-6, "what ran well for days with it rarely fails because of it"),
    "settled": Rule(-14, "it is as declared and ran well like this for more than a day"),
    "harmless": Rule(-24, "it takes nothing away"),
    "not_applied": Rule(-24, "what runs did not change"),
    "declared_so": Rule(-14, "it was declared like this"),
    "dependency_healthy": Rule(-26, "what lies between shows no trouble"),
    "other_complaint": Rule(-12, "the systems complain of something that this does not explain"),
    "complaint_older": Rule(-24, "the first such complaint is older than the change"),
    "known_elsewhere": Rule(-8, "another incident is about it, and is clearly older than the alert"),
    "served": Rule(-44, "those who use what it concerns are served, as far as that was seen"),
    "nothing_fails": Rule(-10, "no system complains although complaints were read"),
    "far": Rule(-2, "each further step makes it less likely"),
}
"""Points of each rule. They were set so that no single item decides, and two independent ones can."""

SCALE = 30.0
"""Points at which confidence reaches 63 % of its cap."""
CAP_GUESS = 0.49
"""A direction to look in is less than even odds."""
CAP_ALONE = 0.6
"""Nothing ties what changed to what fails."""
CAP_COMPUTED = 0.8
"""What it takes away was computed, or nothing else is left, but no system was seen to miss it."""
CAP_DECISIVE = 0.95
"""A fault or complaint is tied to it, and the change itself is known."""
FOUND = 0.62
"""Strength from which a cause counts as found. Above what evidence can carry that nothing ties to the failure."""
RIVAL_SHARE = 0.75
"""A rival with this share of the leader's points makes both doubtful."""
RIVAL_FACTOR = 0.75

_TIES = frozenset({"complaint_names", "fault_fits", "about_drift", "emergency"})


@dataclass(frozen=True, slots=True)
class Ranked:
    """A hypothesis with its sum and what may be believed of it."""

    hypothesis: Hypothesis
    points: float
    confidence: float


def worth(point: Point) -> float:
    """Points of one reason, negative when it speaks against."""
    return RULES[point.rule].points * point.share


def counted(hypothesis: Hypothesis) -> tuple[Point, ...]:
    """The points that count: of each rule the strongest one, since the same fact seen twice is one fact."""
    best: dict[tuple[str, str], Point] = {}
    for point in hypothesis.points:
        known = best.get((point.rule, point.key))
        if known is None or abs(worth(point)) > abs(worth(known)):
            best[point.rule, point.key] = point
    if ("fault_fits", "") in best:
        # The fault that supports a change is the same fact as the fault that was found by itself.
        best.pop(("fault", ""), None)
        best.pop(("fault_partial", ""), None)
    return tuple(sorted(best.values(), key=lambda p: (-abs(worth(p)), p.rule)))


_OF_GUESSES = frozenset({"guessed", "stops_work", "blamed", "direct", "path", "complaint_fits", "far", "served"})


def total(hypothesis: Hypothesis) -> float:
    return sum(worth(p) for p in counted(hypothesis))


def cap(hypothesis: Hypothesis) -> float:
    """How much may be believed at most, by the kind of evidence."""
    rules = {p.rule for p in hypothesis.points}
    if rules & _TIES and (hypothesis.is_change or "takes_away" in rules):
        return CAP_DECISIVE
    if rules & {"mechanism", "said"}:
        return CAP_DECISIVE
    if "guessed" in rules and rules <= _OF_GUESSES:
        return CAP_GUESS
    if rules & _MEASURES:
        return CAP_COMPUTED
    if rules & {"takes_away", "only_difference"} and hypothesis.is_change:
        return CAP_COMPUTED
    return CAP_ALONE


def confidence(points: float, limit: float) -> float:
    """Map points to confidence; zero and less give none.

    >>> round(confidence(30, 0.95), 2), confidence(-5, 0.95)
    (0.6, 0.0)
    """
    return limit * (1 - math.exp(-max(0.0, points) / SCALE))


def rank(hypotheses: Iterable[Hypothesis], *, doubt: Callable[[Hypothesis], float] = lambda _: 1.0) -> list[Ranked]:
    """Put hypotheses in order, best first.

    Args:
        hypotheses: of one diagnosis, merged.
        doubt: factor on confidence for what could not be read or is not tied to the alert, 1.0 for none.
    """
    sums = [Ranked(h, total(h), confidence(total(h), cap(h)) * doubt(h)) for h in hypotheses]
    sums.sort(key=_order)
    close = [r for r in sums if r.confidence >= RIVAL_SHARE * sums[0].confidence]
    if sums and sums[0].points > 0 and any(is_rival(r.hypothesis, sums[0].hypothesis) for r in close):
        rivals = {id(r.hypothesis) for r in close}
        sums = [_doubted(r) if id(r.hypothesis) in rivals else r for r in sums]
        sums.sort(key=_order)
    return [Ranked(r.hypothesis, r.points, round(r.confidence, 3)) for r in sums]


def is_shown(hypothesis: Hypothesis) -> bool:
    """Whether the platform itself shows that it fails, whether or not it shows why."""
    return any(p.rule in ("mechanism", "said", "guessed") for p in hypothesis.points)


_MEASURES = frozenset({"measured_origin", "fails_first", "account", "commit", "outside", "release"})


def is_measured(hypothesis: Hypothesis) -> bool:
    """Whether measures, or what systems say of themselves, tie it to the trouble, whatever the alert names."""
    return any(p.rule in _MEASURES for p in hypothesis.points)


def is_rival(one: Hypothesis, other: Hypothesis) -> bool:
    """Whether one hypothesis makes another doubtful: it tells a different story of this alert.

    What one run or one record did is one story. What an older incident is about does not compete with what is new.
    """
    if one is other or (_is_known_elsewhere(one) and not _is_known_elsewhere(other)):
        return False
    left, right = one.change, other.change
    if left is None or right is None:
        return True
    return not ((left.run and left.run == right.run) or set(left.evidence) & set(right.evidence))


def _is_known_elsewhere(hypothesis: Hypothesis) -> bool:
    return any(p.rule == "known_elsewhere" for p in hypothesis.points)


def merged(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    """Join hypotheses of the same resource and kind: one that knows the change takes over the points of the others."""
    found: dict[tuple[str, str, str], Hypothesis] = {}
    for hypothesis in sorted(hypotheses, key=lambda h: not h.is_change):
        key = (hypothesis.resource, hypothesis.kind, hypothesis.distinct)
        known = found.get(key)
        if known is None:
            found[key] = hypothesis
        else:
            weight = Weight.BREAKS if Weight.BREAKS in (known.weight, hypothesis.weight) else known.weight
            values = tuple(dict.fromkeys((*known.values, *hypothesis.values)))
            faults = (*known.faults, *hypothesis.faults)
            found[key] = replace(known.with_points(*hypothesis.points), weight=weight, values=values, faults=faults)
    return list(found.values())


def located(hypotheses: Sequence[Hypothesis], belongs: Callable[[str, str], bool]) -> list[Hypothesis]:
    """Let what only says where support what says what is wrong at that very place, and be silent beside what is surer.

    What its detector weighed whole has its place among its points already, and is only confirmed by them.

    Args:
        hypotheses: of one diagnosis, weighed.
        belongs: `belongs(uid, place)` tells whether a resource is part of a place, such as its configuration.
    """
    where = [h for h in hypotheses if h.only_locates]
    what = [
        h if h.is_weighed else h.with_points(*(p for w in where if w.resource == h.resource for p in w.points))
        for h in hypotheses
        if not h.only_locates
    ]
    told = [w for w in where if any(_tells(h, w, belongs) for h in what)]
    return [*what, *(w for w in where if w not in told)]


def _tells(what: Hypothesis, where: Hypothesis, belongs: Callable[[str, str], bool]) -> bool:
    """Whether one hypothesis says what is wrong at the place of another: there, or more surely in a part of it."""
    if what.resource == where.resource:
        return True
    return belongs(what.resource, where.resource) and total(what) >= total(where)


def joined(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    """Join what the platform shows to be wrong with the change of that very place: one cause, with both its reasons."""
    everything = list(hypotheses)
    shown = [h for h in everything if is_shown(h) and not h.is_change]
    told: set[int] = set()
    result = []
    for hypothesis in everything:
        same = [s for s in shown if hypothesis.is_change and _is_same_place(hypothesis, s)]
        told.update(id(s) for s in same)
        for one in same:
            hypothesis = replace(
                hypothesis.with_points(*one.points),
                summary=f"{one.summary} {hypothesis.summary}",
                weight=Weight.BREAKS,
                values=tuple(dict.fromkeys((*hypothesis.values, *one.values))),
            )
        result.append(hypothesis)
    return [h for h in result if id(h) not in told]


def _is_same_place(change: Hypothesis, shown: Hypothesis) -> bool:
    return change.resource == shown.resource and any(
        _is_on_way(place, other) for place in change.places for other in shown.places
    )


def _is_on_way(one: str, other: str) -> bool:
    """Whether one JSON pointer leads to, or past, what the other names."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _doubted(ranked: Ranked) -> Ranked:
    return Ranked(ranked.hypothesis, ranked.points, ranked.confidence * RIVAL_FACTOR)


def _order(ranked: Ranked) -> tuple[float, float, float, str, str, str]:
    h = ranked.hypothesis
    # Trouble follows its cause soon: of equals, the latest change first.
    at = h.change.latest.timestamp() if h.change else 0.0
    return (-round(ranked.confidence, 6), -round(ranked.points, 6), -at, h.resource, h.kind, h.distinct)
