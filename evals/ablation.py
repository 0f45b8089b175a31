"""What declared state, change history and relations are worth: the same incidents, with one of them taken away.

Any case of any set, the demo's incidents, and faults put into healthy recordings whose manifests are what was declared.
A case in which there is nothing to take away is not asked again: it ends as it did. Only the same cases are compared,
and each comparison says over how many, and in how many something was taken away.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from evals.figures import Paired, Summary, paired, quantile, share
from evals.parts import VARIANTS, WHOLE, with_intent
from evals.run import case_folders
from evals.scorers import Truth, score
from evals.suite import Suite
from evals.suites import SETS, cloud_opsbench, suite_of
from evals.suites.files import read_object
from evals.transplant.experiment import Planted, labels_of, planted, posed
from evals.world import World, diagnosed
from graph.errors import Invalid, NotFound

TRANSPLANTS = "transplants"
ALL_SETS = "all sets"
FILE = "ablation.json"
_LIKELY, _SURE = 0.5, 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One case in one variant."""

    set_name: str
    case: str
    variant: str
    is_touched: bool
    """Whether the case has anything that was taken away; if not, it ended as the whole did"""
    is_right: bool
    is_answered: bool
    confidence: float
    """0 when nothing was answered."""
    cpu_s: float
    """From the parsed case to the answer."""


class End(NamedTuple):
    """How one question ended."""

    is_right: bool
    is_answered: bool
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one variant did over all cases of a set."""

    set_name: str
    variant: str
    touched: int
    right: Summary
    against_whole: Paired
    """Over the cases in which something was taken away."""
    likely_wrong: int
    """Wrong with a confidence above 0.5."""
    surely_wrong: int
    """Wrong with one above 0.8."""
    silent: int
    median_s: float
    """Seconds of processor time."""


def trials(set_name: str, case: str, world: World, ask: Callable[[World], End]) -> Iterator[Trial]:
    """Yield one case in every variant, the whole first.

    Args:
        set_name: name of the set.
        case: name of the case.
        world: everything that the case gives.
        ask: puts the question to the product and says how it ended.
    """
    whole = _trial(set_name, case, WHOLE, world, ask)
    yield whole
    for variant in VARIANTS:
        if variant.has_any(world):
            yield _trial(set_name, case, variant.name, variant.without(world), ask)
        else:
            yield replace(whole, variant=variant.name, is_touched=False)


def of_set(name: str, data: Path) -> Iterator[Trial]:
    """Yield the trials of every case of a set that has an answer.

    Args:
        name: of the set.
        data: folder with `cases/` and `truth.jsonl`.

    Raises:
        Invalid: a case can't be read, or there are no answers.
        NotFound: there is no such set, or it has no cases.
    """
    suite, labels = suite_of(name), read_object(data / "labels.json")
    answers = _answers(data / "truth.jsonl")
    for folder in case_folders(data):
        if folder.name in answers:
            case = suite.load(folder, labels)
            yield from trials(name, folder.name, _world(case), _asking(suite, case, name, answers[folder.name]))


def of_worlds(name: str, worlds: Iterable[tuple[World, Truth]]) -> Iterator[Trial]:
    """Yield the trials of worlds that are at hand, with what is right about each, as a line of `truth.jsonl`."""
    suite = suite_of(name)
    for world, truth in worlds:
        yield from trials(name, str(truth["case"]), world, _asking(suite, world, name, truth))


def of_transplants(data: Path, *, apps: int = 1, bases: int = 1, seed: int = 0) -> Iterator[Trial]:
    """Yield the trials of faults put into healthy recordings; the manifests from before are what was declared.

    Right is who names the object that got the fault: where a declaration shows a difference, that is the answer.

    Args: as those of `evals.transplant.experiment.planted`.
    """
    labels = labels_of(data)
    for one in planted(data, apps=apps, bases=bases, seed=seed):
        case = posed(one.after, labels)
        world = with_intent(case.world, posed(one.before, labels).world)
        name = f"{one.after.namespace}: {one.fault} of {one.app}"
        yield from trials(TRANSPLANTS, name, world, _naming(case, one))


def outcomes(found: Sequence[Trial]) -> list[Outcome]:
    """Sum up trials by set and variant, and over all sets."""
    names = dict.fromkeys(t.set_name for t in found)
    groups = {name: [t for t in found if t.set_name == name] for name in names}
    if len(groups) > 1:
        groups[ALL_SETS] = list(found)
    variants = (WHOLE, *(v.name for v in VARIANTS))
    return [
        _outcome(name, v, some) for name, some in groups.items() for v in variants if any(t.variant == v for t in some)
    ]


def table(found: Mapping[str, Any]) -> str:
    """The outcomes, as `as_rows` gives them, as Markdown."""
    lines = [
        f"| Cases | Left of the state model | Taken away in | Right | Change where taken away | p "
        f"| Wrong above {_LIKELY} | Wrong above {_SURE} | No answer | CPU s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found["outcomes"]:
        right, change = one["right"], one["difference"]
        shares = f"{right['value']:.3f} {_interval(right)} of {one['n']}"
        rest = f"{one['wrong_above_0.5']} | {one['wrong_above_0.8']} | {one['no_answer']} | {one['median_cpu_s']:.3f}"
        if one["variant"] == WHOLE:
            lines.append(f"| **{one['set']}** | {WHOLE} | | {shares} | | | {rest} |")
        elif one["touched"]:
            told = f"{change['value']:+.3f} {_interval(change)} | {change['p']:.2g}"
            lines.append(f"| {one['set']} | {one['variant']} | {one['touched']} | {shares} | {told} | {rest} |")
        else:
            lines.append(f"| {one['set']} | {one['variant']} | 0, they have none | | | | | | | |")
    return "\n".join(lines)


def _interval(figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"]
    return f"[{low:.3f}, {high:.3f}]"


def as_rows(found: Sequence[Trial]) -> dict[str, Any]:
    """The outcomes, and which cases each variant lost and gained, for `ablation.json`."""
    right = {(t.set_name, t.case, t.variant): t.is_right for t in found}

    def cases(one: Outcome, *, whole: bool) -> list[str]:
        """Cases that one of both got right only."""
        mine = [t for t in found if t.variant == one.variant and one.set_name in (t.set_name, ALL_SETS)]
        return sorted(
            f"{t.set_name}: {t.case}"
            for t in mine
            if t.is_right is not whole and right[t.set_name, t.case, WHOLE] is whole
        )

    return {
        "outcomes": [
            {
                "set": one.set_name,
                "variant": one.variant,
                "n": one.right.n,
                "touched": one.touched,
                "right": {"value": one.right.value, "interval": [one.right.low, one.right.high]},
                "difference": {
                    "value": one.against_whole.difference,
                    "interval": [one.against_whole.low, one.against_whole.high],
                    "p": one.against_whole.p,
                },
                "wrong_above_0.5": one.likely_wrong,
                "wrong_above_0.8": one.surely_wrong,
                "no_answer": one.silent,
                "median_cpu_s": round(one.median_s, 4),
                "lost": cases(one, whole=True),
                "gained": cases(one, whole=False),
            }
            for one in outcomes(found)
        ]
    }


def measure(data: Path | None, demo: Iterable[tuple[World, Truth]], *, apps: int = 1) -> Iterator[Trial]:
    """Yield the trials of the demo, of every set that is below a folder with its answers, and of transplants.

    Args:
        data: folder that holds a folder for each set; None for the demo alone.
        demo: its incidents, and what is right about each.
        apps: applications of a recording that get each fault.

    Raises:
        NotFound: a folder is given, and no set is in it.
    """
    yield from of_worlds("demo", demo)
    if data is None:
        return
    present = [
        n for n in SETS if n != "demo" and (data / n / "cases").is_dir() and (data / n / "truth.jsonl").is_file()
    ]
    if not present:
        raise NotFound(
            f"no set with cases/ and truth.jsonl in {str(data)!r}: it should hold folders such as {next(iter(SETS))}"
        )
    for name in present:
        yield from of_set(name, data / name)
    if "cloud-opsbench" in present:
        yield from of_transplants(data / "cloud-opsbench", apps=apps)


def _trial(set_name: str, case: str, variant: str, world: World, ask: Callable[[World], End]) -> Trial:
    begun = time.process_time()
    end = ask(world)
    return Trial(
        set_name=set_name,
        case=case,
        variant=variant,
        is_touched=variant != WHOLE,
        is_right=end.is_right,
        is_answered=end.is_answered,
        confidence=end.confidence,
        cpu_s=time.process_time() - begun,
    )


def _world(case: Any) -> World:
    return case if isinstance(case, World) else case.world


def _asking(suite: Suite, case: Any, name: str, truth: Truth) -> Callable[[World], End]:
    def ask(world: World) -> End:
        asked = world if isinstance(case, World) else replace(case, world=world)
        found = score(name, truth, suite.answer(asked, None))
        return End(found.is_right, found.is_answered, found.confidence or 0.0)

    return ask


def _naming(case: cloud_opsbench.Case, one: Planted) -> Callable[[World], End]:
    def ask(world: World) -> End:
        first = next(iter(diagnosed(world).causes), None)
        if first is None or first.confidence <= 0:
            return End(False, False, 0.0)
        return End(cloud_opsbench.object_of(case, first) == one.expected[0], True, first.confidence)

    return ask


def _outcome(name: str, variant: str, found: Sequence[Trial]) -> Outcome:
    whole = {(t.set_name, t.case): t.is_right for t in found if t.variant == WHOLE}
    mine = [t for t in found if t.variant == variant]
    touched = [t for t in mine if t.is_touched]
    wrong = [t for t in mine if t.is_answered and not t.is_right]
    return Outcome(
        set_name=name,
        variant=variant,
        touched=len(touched),
        right=share([t.is_right for t in mine]),
        against_whole=paired([whole[t.set_name, t.case] for t in touched], [t.is_right for t in touched]),
        likely_wrong=sum(t.confidence > _LIKELY for t in wrong),
        surely_wrong=sum(t.confidence > _SURE for t in wrong),
        silent=sum(not t.is_answered for t in mine),
        median_s=quantile([t.cpu_s for t in mine], 0.5),
    )


def _answers(path: Path) -> dict[str, Truth]:
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {line["case"]: line for line in lines}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid(f"answers can't be read: {error}", where=str(path)) from error
