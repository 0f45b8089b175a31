"""What rules of people may set aside, and what they never may."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from graph.errors import Invalid
from graph.finding import DriftReport, Finding, NotComparable, Verdict
from graph.ignoring import IgnoreRule, sift
from tests.graph.builders import resource_of, workload

_TODAY = date(2026, 11, 20)
_WEB = resource_of(workload("web"))


def _rule(**more: Any) -> IgnoreRule:
    given: dict[str, Any] = {
        "id": "R1",
        "owner": "alma",
        "reason": "tuned by hand",
        "expires": _TODAY,
        "path": "/spec/*",
    } | more
    return IgnoreRule(**given)


def _report(*verdicts: Verdict) -> DriftReport:
    found = tuple(Finding(resource=_WEB, path="/spec/replicas", verdict=v) for v in verdicts)
    return DriftReport(resources=1, findings=found, not_comparable=(NotComparable(resource="x", reason="denied"),))


def test_what_is_set_aside_stays_listed() -> None:
    """It leaves the findings, with the rule's id; what can't be compared stays."""
    sifted = sift(_report(Verdict.OUT_OF_BAND_CHANGE), [_rule()], today=_TODAY)
    assert sifted.report.findings == ()
    assert [i.rule for i in sifted.ignored] == ["R1"]
    assert len(sifted.report.not_comparable) == 1


@pytest.mark.parametrize(
    "more",
    [{"expires": date(2026, 11, 19)}, {"resource": "other/*"}, {"path": "/data/*"}, {"manager": "tuner"}],
    ids=["expired", "other-resource", "other-path", "other-manager"],
)
def test_other_findings_stay(more: dict[str, Any]) -> None:
    """A rule hides no more than it says, and not after its last day."""
    sifted = sift(_report(Verdict.OUT_OF_BAND_CHANGE), [_rule(**more)], today=_TODAY)
    assert len(sifted.report.findings) == 1
    told = sifted.expired if "expires" in more else sifted.unused
    assert told == (("rule R1 of alma expired on 2026-11-19",) if "expires" in more else ("R1",))


def test_a_deletion_is_hidden_only_by_a_rule_that_says_so() -> None:
    """Silence about verdicts does not include deletions."""
    report = _report(Verdict.DELETED_OUT_OF_BAND)
    assert sift(report, [_rule()], today=_TODAY).ignored == ()
    assert sift(report, [_rule(verdicts=frozenset({Verdict.DELETED_OUT_OF_BAND}))], today=_TODAY).ignored


@pytest.mark.parametrize("more", [{"owner": " "}, {"reason": ""}, {"path": "", "resource": "shop/*"}, {"path": "/*"}])
def test_rules_that_nobody_answers_for_are_refused(more: dict[str, Any]) -> None:
    """The message names the rule."""
    with pytest.raises(Invalid, match="R1"):
        _rule(**more)
