"""The measurement over recorded objects and policies: its figures, and that it tells right from wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.drift_pairs import Pair, deployed_change, dumps, multisets, pairs, policies

pytestmark = pytest.mark.shared


def test_every_published_pair_is_exact_where_a_simple_differ_is_not(shared: Path) -> None:
    """No required place is missed and no other field is reported, whereas a two-way differ reports hundreds."""
    judged = list(pairs(shared / "data/k8s-diff-pairs"))
    assert [p.name for p in judged if not p.is_exact] == []
    assert sum(p.simple["two-way"] for p in judged) > 500


def test_every_recorded_edit_has_its_actor_and_the_deployment_another(shared: Path) -> None:
    """The untouched dump is clean; each edit is the person's, by hand; the deployed image is a deployment."""
    untouched, *later = dumps(shared / "data/k8s-live")
    assert (untouched.found, untouched.extra) == (0, [])
    for dump in later:
        assert (dump.found, dump.extra) == (dump.expected, [])
        assert dump.actors == {"alice@example.com, by hand": dump.expected}
    assert deployed_change(shared / "data/k8s-live") == "deploy-pipeline, deployment"


def test_policies_are_judged_as_published_and_as_multisets(shared: Path) -> None:
    """Each pair of the table, and each document against itself with one statement more."""
    table = shared / "data/iam/policy_equivalence.json"
    right, count = policies(table)
    assert right == count >= 46
    assert multisets(table, cases=50) == (100, 100)


@pytest.mark.parametrize(
    ("verdict", "missed", "noise"), [(False, 0, 0), (True, 1, 0), (True, 0, 1)], ids=["verdict", "missed", "noise"]
)
def test_a_pair_is_exact_only_without_any_mistake(verdict: bool, missed: int, noise: int) -> None:
    """One mistake of any sort is one too many."""
    assert not Pair("x", verdict, missed, noise, {}).is_exact
