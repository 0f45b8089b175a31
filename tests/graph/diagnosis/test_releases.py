"""Which of several releases is blamed, from calls to new and old instances side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from graph.diagnosis.releases import rank_releases
from graph.diagnosis.versions import differences
from graph.telemetry import Series, Signal, Telemetry
from tests.graph.diagnosis.releasing import MINUTE, calls, release, steady

START = 600.0
NOW = 900.0


def worst(signal: Signal, new: Sequence[float], old: Sequence[float]) -> float:
    """How much worse new readings are, the first one a minute after the start."""
    series = [
        calls("cart", "cart-new", signal, new, first=START + MINUTE),
        calls("cart", "cart-old", signal, [*old] * 3, first=START),
    ]
    found = differences(
        series, frozenset({"cart-new"}), since=START, until=NOW, floors={Signal.LATENCY: 5.0, Signal.CPU: 5.0}
    )
    return max((d.worse for d in found), default=0.0)


@pytest.mark.parametrize(
    ("signal", "new", "old"),
    [
        pytest.param(Signal.AVAILABILITY, [80, 60, 62, 58], [100, 100], id="calls fail"),
        pytest.param(Signal.LATENCY, [40, 900, 950, 920], [12, 11], id="answers are slow"),
        pytest.param(Signal.CPU, [60, 100, 100, 100], [30, 31], id="CPU is burnt"),
        pytest.param(Signal.MEMORY, [10, 16, 22, 30, 40], [20, 20], id="memory climbs"),
    ],
)
def test_a_new_version_that_stays_worse_is_seen(signal: Signal, new: list[float], old: list[float]) -> None:
    """Beyond the minute in which any instance is slow."""
    assert worst(signal, new, old) > 0.3


@pytest.mark.parametrize(
    ("signal", "new", "old"),
    [
        pytest.param(Signal.AVAILABILITY, [82, 100, 100], [100, 100], id="failures of a start"),
        pytest.param(Signal.LATENCY, [45, 13, 12], [12, 11], id="slow at first"),
        pytest.param(Signal.CPU, [70, 31, 30], [30, 31], id="code is compiled"),
        pytest.param(Signal.MEMORY, [10, 10, 10], [20, 20], id="less memory than the old ones"),
        pytest.param(Signal.MEMORY, [10, 14, 18, 20], [20, 20], id="memory fills up to that of the old ones"),
        pytest.param(Signal.LATENCY, [0.2, 0.9, 0.8], [0.1, 0.2], id="slower by what nobody feels"),
        pytest.param(Signal.AVAILABILITY, [96, 95, 97], [97, 95], id="an edge that was always flaky"),
        pytest.param(Signal.CPU, [2.0], [0.3, 0.3], id="code is loaded by what is idle otherwise"),
    ],
)
def test_what_any_new_instance_does_is_no_difference(signal: Signal, new: list[float], old: list[float]) -> None:
    """A start, a cache that is still empty, noise."""
    assert worst(signal, new, old) < 0.05


def test_versions_are_compared_while_both_are_there() -> None:
    """What comes over a service after its last old instance went is not seen to differ between versions."""
    series = [
        calls("cart", "cart-new", Signal.LATENCY, [12, 12, 12, 900, 900], first=START + MINUTE),
        calls("cart", "cart-old", Signal.LATENCY, steady(12, 4), first=START),
    ]
    assert all(d.worse == 0 for d in differences(series, frozenset({"cart-new"}), since=START, until=NOW))


def blamed(*series: Series) -> str:
    releases = [release("cart", at=START, new="cart-new"), release("mail", at=START + 30, new="mail-new")]
    return rank_releases(releases, Telemetry(series=series), at=NOW)[0].release.service


def test_a_callee_that_fails_both_versions_of_its_caller_alike_is_to_blame() -> None:
    """The caller's versions do not differ; those of the callee do."""
    both = [100.0] * 5 + [70.0] * 5
    found = blamed(
        calls("cart", "cart-old", Signal.AVAILABILITY, both, first=300.0, caller="web"),
        calls("cart", "cart-new", Signal.AVAILABILITY, [70.0] * 4, first=START + MINUTE, caller="web"),
        calls("mail", "mail-old", Signal.AVAILABILITY, steady(100.0, 10), first=300.0, caller="cart"),
        calls("mail", "mail-new", Signal.AVAILABILITY, [20.0] * 3, first=START + 2 * MINUTE, caller="cart"),
    )
    assert found == "mail"


def test_new_instances_that_never_serve_are_blamed_when_they_had_the_chance() -> None:
    """The old ones were called all the time."""
    found = blamed(
        calls("cart", "cart-old", Signal.AVAILABILITY, steady(100.0, 10), first=300.0, caller="web"),
        calls("cart", "cart-new", Signal.AVAILABILITY, steady(100.0, 4), first=START + MINUTE, caller="web"),
        calls("mail", "mail-old", Signal.AVAILABILITY, steady(100.0, 10), first=300.0, caller="cart"),
    )
    assert found == "mail"


def test_silence_of_instances_that_nobody_knows_blames_nobody() -> None:
    """Whether any of those that serve is new is not known."""
    known = release("mail", at=START, new="mail-new")
    old = calls("mail", "mail-old", Signal.AVAILABILITY, steady(100.0, 10), first=300.0, caller="cart")
    [blamed_one] = rank_releases([known], Telemetry(series=(old,)), at=START + 8 * MINUTE)
    [unknown] = rank_releases([replace(known, new=frozenset())], Telemetry(series=(old,)), at=START + 8 * MINUTE)
    assert (blamed_one.score > 0, unknown.score, unknown.reasons) == (True, 0, ())


def test_what_happens_after_the_question_is_not_looked_at() -> None:
    """Readings later than `at` say nothing then."""
    late = [100.0] * 4 + [0.0] * 4
    found = rank_releases(
        [release("cart", at=START, new="cart-new")],
        Telemetry(
            series=(
                calls("cart", "cart-old", Signal.AVAILABILITY, steady(100.0, 12), first=300.0, caller="web"),
                calls("cart", "cart-new", Signal.AVAILABILITY, late, first=START + MINUTE, caller="web"),
            )
        ),
        at=START + 4 * MINUTE,
    )
    assert found[0].score == 0
    assert np.isfinite(found[0].score)


def leaving(callee: str, caller: str, instance: str, values: Sequence[float], *, first: float) -> Series:
    """Success of calls, measured where they leave the caller."""
    return replace(calls(callee, instance, Signal.AVAILABILITY, values, first=first, caller=caller), is_outgoing=True)


def test_a_caller_whose_new_version_asks_wrongly_is_to_blame_and_not_the_callee() -> None:
    """Calls to the callee fail, but only those that new instances of the caller make."""
    found = blamed(
        calls("cart", "cart-old", Signal.AVAILABILITY, steady(100.0, 10), first=300.0),
        calls("cart", "cart-new", Signal.AVAILABILITY, [60.0] * 4, first=START + MINUTE),
        calls("mail", "", Signal.AVAILABILITY, [100.0] * 6 + [70.0] * 5, first=300.0, caller="cart"),
        calls("mail", "mail-old", Signal.AVAILABILITY, [100.0] * 6 + [70.0] * 5, first=300.0, caller="cart"),
        leaving("mail", "cart", "cart-old", steady(100.0, 11), first=300.0),
        leaving("mail", "cart", "cart-new", [45.0] * 4, first=START + MINUTE),
    )
    assert found == "cart"


def test_a_callee_that_fails_the_old_instances_of_its_caller_too_is_to_blame() -> None:
    """Both versions of the caller ask it the same, and both get no answer."""
    found = blamed(
        calls("cart", "cart-old", Signal.AVAILABILITY, [100.0] * 6 + [60.0] * 5, first=300.0),
        calls("cart", "cart-new", Signal.AVAILABILITY, [60.0] * 4, first=START + MINUTE),
        calls("mail", "mail-old", Signal.AVAILABILITY, steady(100.0, 10), first=300.0, caller="cart"),
        calls("mail", "mail-new", Signal.AVAILABILITY, [20.0] * 4, first=START + MINUTE, caller="cart"),
        leaving("mail", "cart", "cart-old", [100.0] * 6 + [60.0] * 5, first=300.0),
        leaving("mail", "cart", "cart-new", [60.0] * 4, first=START + MINUTE),
    )
    assert found == "mail"


def test_a_callee_whose_new_instances_fail_most_brings_what_its_caller_fails() -> None:
    """Few calls of the caller fall on its new instances, and by chance more of theirs meet the bad ones."""
    series = [
        calls("mail", "mail-new", Signal.AVAILABILITY, [20, 20, 20, 20], first=START + MINUTE, caller="cart"),
        calls("mail", "mail-old", Signal.AVAILABILITY, steady(100, 15), first=0.0, caller="cart"),
        calls("cart", "cart-new", Signal.AVAILABILITY, [70, 70, 75, 70], first=START + MINUTE),
        calls("cart", "cart-old", Signal.AVAILABILITY, steady(100, 15), first=0.0),
        replace(
            calls("mail", "cart-new", Signal.AVAILABILITY, [70, 70, 75, 70], first=START + MINUTE, caller="cart"),
            is_outgoing=True,
        ),
        replace(
            calls("mail", "cart-old", Signal.AVAILABILITY, steady(100, 15), first=0.0, caller="cart"),
            is_outgoing=True,
        ),
    ]
    assert blamed(*series) == "mail"


def test_a_dip_that_is_over_accounts_for_nothing_that_still_fails() -> None:
    """Cart failed while it started; the web fails on, and mail answers it wrongly without an error."""
    both = [release("cart", at=START, new="cart-new"), release("mail", at=START, new="mail-new")]
    series = (
        calls("web", "web-1", Signal.AVAILABILITY, [100.0] * 6 + [60.0] * 5, first=300.0, caller="user"),
        calls("cart", "cart-new", Signal.AVAILABILITY, [70.0, 100.0, 100.0, 100.0], first=START + MINUTE),
        calls("shop", "shop-1", Signal.AVAILABILITY, steady(100.0, 11), first=300.0, caller="user"),
        calls("cart", "cart-old", Signal.AVAILABILITY, steady(100.0, 11), first=300.0, caller="shop"),
        calls("mail", "mail-new", Signal.AVAILABILITY, steady(100.0, 4), first=START + MINUTE),
    )
    assert rank_releases(both, Telemetry(series=series), at=NOW)[0].release.service == "mail"


def test_a_callee_that_fails_a_little_accounts_for_a_little() -> None:
    """Mail fails one call in ten since the rollout; two in three calls to cart's new version fail."""
    found = blamed(
        calls("cart", "cart-old", Signal.AVAILABILITY, steady(98.0, 11), first=300.0),
        calls("cart", "cart-new", Signal.AVAILABILITY, [33.0] * 4, first=START + MINUTE),
        calls("mail", "mail-old", Signal.AVAILABILITY, [100.0] * 6 + [90.0] * 5, first=300.0, caller="cart"),
        calls("mail", "mail-new", Signal.AVAILABILITY, [90.0] * 4, first=START + MINUTE, caller="cart"),
    )
    assert found == "cart"


@pytest.mark.parametrize(
    ("others", "guilty"),
    [pytest.param(100.0, "cart", id="others are served"), pytest.param(60.0, "mail", id="none is")],
)
def test_the_only_caller_that_meets_a_failure_is_to_blame_when_its_release_began_it(others: float, guilty: str) -> None:
    """Its only instance was replaced, so none of its old version is left to compare with."""
    found = blamed(
        calls("mail", "mail-old", Signal.AVAILABILITY, [100.0] * 6 + [42.0] * 5, first=300.0, caller="cart"),
        calls("mail", "mail-new", Signal.AVAILABILITY, [42.0] * 4, first=START + MINUTE, caller="cart"),
        calls("mail", "mail-old", Signal.AVAILABILITY, [100.0] * 6 + [others] * 5, first=300.0, caller="web"),
        calls("mail", "mail-new", Signal.AVAILABILITY, [others] * 4, first=START + MINUTE, caller="web"),
    )
    assert found == guilty


def test_new_instances_that_came_up_a_moment_ago_are_not_silent_yet() -> None:
    """Of two callees whose new instances served no call, one had the chance to."""
    at = START + 8 * MINUTE
    series = (
        calls("cart", "cart-1", Signal.AVAILABILITY, [100.0] * 6 + [20.0] * 8, first=START - 6 * MINUTE),
        calls("mail", "mail-old", Signal.AVAILABILITY, steady(100.0, 14), first=START - 6 * MINUTE, caller="cart"),
        calls("rates", "rates-old", Signal.AVAILABILITY, steady(100.0, 14), first=START - 6 * MINUTE, caller="cart"),
    )
    releases = [release("mail", at=START, new="mail-new"), release("rates", at=at - 40, new="rates-new")]
    found = {b.release.service: b for b in rank_releases(releases, Telemetry(series=series), at=at)}
    passed_on = {name: max(r.worth for r in b.reasons if r.about == ("cart",)) for name, b in found.items()}
    assert passed_on["rates"] < passed_on["mail"] / 2
