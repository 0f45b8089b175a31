"""Faults put into recordings of healthy clusters are named, also with noise and in another order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from evals.transplant.__main__ import by_confidence, by_fault
from evals.transplant.experiment import ALL, CONFIDENT, HIDDEN, Outcome, healthy, outcomes
from evals.transplant.tape import Tape

SAMPLE = (
    "cordon",
    "service account",
    "pull secret",
    "service port",
    "readiness port",
    "kubelet stopped",
    "pod network",
)
"""Faults of several families, of which the set's given cases hold few or none."""


@pytest.fixture(scope="module")
def sample(shared: Path) -> list[Outcome]:
    data = shared / "bench" / "cloud-opsbench"
    if not data.is_dir():
        pytest.skip("the recordings are not at hand")
    bases = healthy(data, most=1)
    faults = {name: ALL[name] for name in SAMPLE}
    return list(outcomes(data, faults=faults, apps=1, bases=1, recordings=bases))


@pytest.mark.shared
def test_transplanted_faults_are_named(sample: list[Outcome]) -> None:
    """Everything shown, noise added, order and clock taken away: the answer stays."""
    wrong = [o for o in sample if o.hidden in ("all", "noise", "shuffled") and not o.is_right]
    assert wrong == []


@pytest.mark.shared
def test_hidden_evidence_makes_few_answers_confidently_wrong(sample: list[Outcome]) -> None:
    """Without events, logs or manifests an answer may be doubtful; one in twenty at most is sure and wrong."""
    wrong = [o for o in sample if not o.is_right and o.score >= CONFIDENT]
    assert len(wrong) <= 0.05 * len(sample), wrong


def test_a_tape_is_changed_without_changing_what_it_was_made_of() -> None:
    """Faults are tried one after another on the same recording."""
    key = 'GetErrorLogs:{"namespace":"shop","service_name":"web"}'
    base = Tape({key: {"app": ["line"]}}, "shop")
    quiet = Tape(base.answers, "shop").quiet()
    assert (base.answers[key], quiet.answers[key]) == ({"app": ["line"]}, "")


def test_hidden_logs_are_gone() -> None:
    """What is hidden can't be read any more."""
    key = 'GetErrorLogs:{"namespace":"shop","service_name":"web"}'
    tape = Tape({key: {"app": ["line"]}}, "shop")
    HIDDEN["no logs"](tape, random.Random(0))
    assert tape.answers[key] == ""


def test_tables_say_how_often_and_how_sure() -> None:
    """One row a fault, one a band of confidence."""
    right = Outcome("a", "all", "web", ("app/web", "x"), ("app/web", "x"), 0.7)
    wrong = Outcome("a", "no logs", "web", ("app/web", "x"), ("app/web", "y"), 0.9)
    assert "| a | 1/1 | 0/0 | 0/1 |" in by_fault([right, wrong])
    assert "| 0.6 to 0.8 | 1 | 1.00 |" in by_confidence([right, wrong])
    assert "confidently wrong (from 0.8): 1 of 2" in by_confidence([right, wrong])
