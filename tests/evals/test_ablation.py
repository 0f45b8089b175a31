"""What is taken away is gone, what is not there takes nothing, and the same cases are compared."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from evals.ablation import End, Trial, as_rows, of_set, outcomes, table, trials
from evals.command import run_set
from evals.figures import paired
from evals.parts import WHOLE, bare, has_history, has_intent, has_relations, with_intent
from evals.report import evaluate, write_report
from evals.world import World, called, environment, service, uid_of
from graph.change import Change
from graph.resource import Facet
from graph.telemetry import Call, Series, Signal, Span, Telemetry

NAME = "blast-radius-bench"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CALL = Call(caller=uid_of("web"), callee=uid_of("cart"))


def series(*, is_outgoing: bool = False) -> Series:
    return Series(
        resource=uid_of("cart"),
        metric="latency",
        signal=Signal.LATENCY,
        times=np.array([1.0]),
        values=np.array([2.0]),
        peer=uid_of("web"),
        is_outgoing=is_outgoing,
    )


def whole() -> World:
    change = Change(id="deploy", uid=uid_of("cart"), kind="deploy", earliest=NOW, latest=NOW)
    graph = environment(
        now=NOW,
        actual=[service("web"), service("cart")],
        intended=[service("cart")],
        relations=called([CALL]),
        changes=[change],
    )
    span = Span(trace="t", id="2", parent="1", resource=uid_of("cart"), name="get", start=1.0, duration_s=1.0)
    told = Telemetry(series=(series(), series(is_outgoing=True)), calls=(CALL,), spans=(span,))
    return World(graph=graph, alerts=(), telemetry=told)


def test_each_part_can_be_taken_away() -> None:
    """Declarations, records of changes, and who calls whom, also where only measures say so; what runs stays."""
    world = whole()
    assert (has_intent(world), has_history(world), has_relations(world)) == (True, True, True)
    left = bare(world)
    assert (has_intent(left), has_history(left), has_relations(left)) == (False, False, False)
    assert {r.name for r in left.graph} == {"web", "cart"}
    assert [s.peer for s in left.telemetry.series] == [""]


def test_what_was_declared_before_takes_the_place_of_what_is_declared_now() -> None:
    """A fault in a recording is then a difference from the declaration."""
    found = with_intent(bare(whole()), whole())
    assert found.is_declared
    assert [r.name for r in found.graph if found.graph.version(r.uid, Facet.INTENDED)] == ["cart"]


def test_a_case_without_a_part_is_not_asked_again() -> None:
    """It ends as it did, and is no comparison."""
    asked: list[World] = []

    def ask(world: World) -> End:
        asked.append(world)
        return End(True, True, 0.7)

    world = World(graph=environment(now=NOW, actual=[service("web")]), alerts=())
    found = list(trials("demo", "a", world, ask))
    assert len(asked) == 1
    assert [t.is_touched for t in found] == [False] * len(found)


def trial(case: str, variant: str, *, right: bool, confidence: float = 0.9, answered: bool = True) -> Trial:
    return Trial(
        set_name="demo",
        case=case,
        variant=variant,
        is_touched=variant != WHOLE,
        is_right=right,
        is_answered=answered,
        confidence=confidence if answered else 0.0,
        cpu_s=0.1,
    )


def test_outcomes_count_wrong_accusations_and_silence_apart() -> None:
    """A wrong answer without confidence accuses nobody, and no answer is none."""
    name = "without relations"
    found = [trial(c, WHOLE, right=True) for c in "abcd"]
    found += [
        trial("a", name, right=True),
        trial("b", name, right=False),
        trial("c", name, right=False, answered=False),
    ]
    found += [trial("d", name, right=False, confidence=0.6)]
    one = next(o for o in outcomes(found) if o.variant == name)
    assert (one.likely_wrong, one.surely_wrong, one.silent, one.touched) == (2, 1, 1, 4)
    assert (one.right.value, one.against_whole.lost) == (0.25, 3)
    data = as_rows(found)
    lost = next(o["lost"] for o in data["outcomes"] if o["variant"] == name)
    assert lost == ["demo: b", "demo: c", "demo: d"]
    assert "| 4 | 0.250 [0.046, 0.699] of 4 | -0.750" in table(data)


def test_pairs_that_end_alike_say_nothing() -> None:
    """McNemar's test looks at the pairs that differ: 6 of 6 one way is 2 x 1/64."""
    assert paired([True] * 8, [False] * 6 + [True] * 2).p == pytest.approx(2 / 64)
    same = paired([True, False], [True, False])
    assert (same.difference, same.p) == (0.0, 1.0)
    assert same.low < 0 < same.high


@pytest.mark.shared
def test_a_set_is_asked_with_and_without_its_call_graph(shared: Path, tmp_path: Path) -> None:
    """Where trouble began can't be told without who calls whom, and the report shows that."""
    data = shared / "bench" / NAME
    found = list(of_set(NAME, data))
    whole_one, cut = (next(o for o in outcomes(found) if o.variant == v) for v in (WHOLE, "without relations"))
    assert whole_one.right.value > cut.right.value
    run_set(NAME, data=data, out=tmp_path / f"{NAME}.jsonl")
    result = evaluate(NAME, data, tmp_path / f"{NAME}.jsonl")
    page, _ = write_report([result], {}, tmp_path, ablated=as_rows(found))
    assert f"| {NAME} | without relations | {cut.touched} |" in page.read_text(encoding="utf-8")
    assert (tmp_path / "ablation.png").is_file()
