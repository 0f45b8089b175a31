"""Wrong answers in words for people: what was said, how surely, what was right, and how the two differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.scorers import CONFIDENT, Score, Truth
from evals.suite import Prediction

_LONGEST = 300
"""Characters of what the product wrote about a case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One wrong answer."""

    set_name: str
    score: Score
    said: str
    """The first answer; empty when there was none."""
    right: str
    why: str

    @property
    def weight(self) -> tuple[bool, bool, float, str, str]:
        """Sorts the worst first: sure and wrong, then unsure and wrong, then silent."""
        sure = self.score.confidence or 0.0
        return sure < CONFIDENT, not self.score.is_answered, -sure, self.set_name, self.score.case


def failure(name: str, truth: Truth, prediction: Prediction, score: Score) -> Failure:
    """Put one wrong answer into words.

    Args:
        name: of the set.
        truth: one line of its `truth.jsonl`.
        prediction: the line with the same case.
        score: of the two.
    """
    said, right, detail = _WORDS[name](truth, prediction)
    return Failure(
        set_name=name,
        score=score,
        said=said[0] if said and score.is_answered else "",
        right=right,
        why=_why(said if score.is_answered else [], right, detail, prediction),
    )


def worst(failures: Iterable[Failure], most: int) -> list[Failure]:
    """Return the worst failures, worst first."""
    return sorted(failures, key=lambda f: f.weight)[:most]


def _why(said: Sequence[str], right: str, detail: str, prediction: Prediction) -> str:
    if error := str(prediction.get("error") or ""):
        return f"the case failed: {error}"
    note = str(prediction.get("note") or "")
    note = note if len(note) <= _LONGEST else f"{note[:_LONGEST].rstrip()} ..."
    place = detail or _place(said, right)
    return f"{place}. It wrote: {note}" if note else place


def _place(said: Sequence[str], right: str) -> str:
    if not said:
        return "there was no answer"
    if right in said:
        return f"the right answer came as number {said.index(right) + 1}"
    return f"the right answer is not among the {len(said)} that were given"


_Words = tuple[list[str], str, str]
"""Answers, best first; the right one; what is to be said beyond its place, or nothing."""


def _named(*fields: tuple[str, str]) -> Callable[[Truth, Prediction], _Words]:
    """Words of a set that is answered by ranked entries: fields of an entry and of the truth that are compared."""

    def words(truth: Truth, prediction: Prediction) -> _Words:
        said = [_joined(entry.get(ours) for ours, _ in fields) for entry in prediction.get("ranked") or ()]
        return said, _joined(truth.get(theirs) for _, theirs in fields), ""

    return words


def _joined(parts: Iterable[Any]) -> str:
    return ", ".join(str(part) for part in parts if part)


def _petshop(truth: Truth, prediction: Prediction) -> _Words:
    said = [str(entry.get("entity")) for entry in prediction.get("ranked") or ()]
    node = truth["root_cause"]["node"]
    return (said, str(node), "") if node else (said, "nothing is wrong", "an alarm in a window without a fault")


def _commit(truth: Truth, prediction: Prediction) -> _Words:
    return [str(prediction.get("change") or "")], str(truth["root_cause_commit"]), "another change was accused"


def _spread(truth: Truth, prediction: Prediction) -> _Words:
    want, got = _edges(truth["propagation_path"]), _edges(prediction.get("propagation") or ())
    lacking = sorted(" to ".join(edge) for edge in want - got)
    detail = f"steps not found: {', '.join(lacking)}" if lacking else ""
    turned = sorted(" to ".join(edge) for edge in got - want if edge[::-1] in want)
    detail = f"{detail}; steps turned round: {', '.join(turned)}" if turned else detail
    return [str(prediction.get("origin") or "")], str(truth["origin_service"]), detail


def _edges(steps: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {(str(s.get("from")), str(s.get("to"))) for s in steps}


def _pages(truth: Truth, prediction: Prediction) -> _Words:
    said = prediction.get("pages") or {}
    missed = sorted(p for p, label in truth["labels"].items() if label == "page" and said.get(p) != "page")
    noise = sorted(p for p, label in truth["labels"].items() if label != "page" and said.get(p) == "page")
    detail = f"real and not told: {', '.join(missed) or 'none'}; noise and told: {', '.join(noise) or 'none'}"
    told = sorted(p for p, decision in said.items() if decision == "page")
    return [f"tell {', '.join(told) or 'nobody'}"], f"tell {', '.join(truth['must_page'])} at least", detail


def _release(truth: Truth, prediction: Prediction) -> _Words:
    return [str(name) for name in prediction.get("release") or ()], str(truth["fault_release_service"]), ""


def _demo(truth: Truth, prediction: Prediction) -> _Words:
    said = [str(entry.get("entity")) for entry in prediction.get("ranked") or ()]
    detail = f"the verdict was {prediction.get('verdict')}, right is {truth['verdict']}"
    return (
        said,
        str(truth["cause"] or truth["verdict"]),
        "" if prediction.get("verdict") == truth["verdict"] else detail,
    )


_WORDS: Mapping[str, Callable[[Truth, Prediction], _Words]] = {
    "cloud-opsbench": _named(("entity", "fault_object"), ("cause", "root_cause"), ("category", "fault_taxonomy")),
    "root-cause-bench": _commit,
    "blast-radius-bench": _spread,
    "noise-bench": _pages,
    "changerca": _release,
    "petshop": _petshop,
    "opensre": _named(("category", "root_cause_category")),
    "demo": _demo,
}
