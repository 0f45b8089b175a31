"""The measurement of silence and of single findings, in its small form, and that it can fail."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from evals.drift.estates import estates
from evals.drift.forgetting import forgotten
from evals.drift.mutation import Mutation, is_found, mutate
from evals.drift.ownership import WAYS, owned, taken
from evals.drift.server import newer, serve
from evals.drift.simple import config_subset, two_way
from evals.metamorphic import evaluate, findings, report
from graph.document import ABSENT
from tests.graph.kinds.kubernetes.build import objects, put_in

Object = dict[str, Any]


@pytest.mark.shared
def test_is_silent_and_exact_over_public_estates(shared: Path) -> None:
    """Every fifth object once: nothing found where nothing changed, and exactly the one change where one was made."""
    some = {name: bodies[::5] for name, bodies in estates(shared / "data").items()}
    tally = evaluate(some, [11])
    assert tally.alarms == []
    assert tally.wrong == []
    assert tally.untouched.total() > 250
    assert "0 false alarms" in report(tally)[-3]


def test_counts_what_is_missed_and_what_is_invented() -> None:
    """The tally tells kinds apart, and the simple differs raise alarms over defaults."""
    tally = evaluate({"shop": objects()}, range(3))
    assert tally.is_right
    assert tally.untouched["Deployment"] == 3
    assert tally.simple_alarms["two-way"] == tally.simple_checks


@pytest.mark.parametrize("way", WAYS)
def test_defaults_of_a_later_server_are_no_drift(way: str) -> None:
    """Fields that no schema of today has, with values that nobody declared, are not taken for anybody's change."""
    for body in objects():
        held = owned(newer(serve(body)), body, way)
        assert findings(body, held) == (), body["kind"]


@pytest.mark.parametrize("way", WAYS)
def test_a_person_who_sets_an_unknown_field_is_found(way: str) -> None:
    """A field that no schema describes is drift once a manager that is no deployer owns it."""
    body = objects()[0]
    held = newer(owned(serve(body), body, way))
    (finding,) = findings(body, taken(held, "/spec/futurePolicy"))
    assert (finding.path, finding.manager) == ("/spec/futurePolicy", "kubectl-edit")


def test_a_mutation_is_found_at_its_place_only() -> None:
    """Another field of the object, or the field above, does not count."""
    body = {"kind": "X", "spec": {"a": [{"b": 1}, {"b": 1}, {"b": 2}]}}
    changed = Mutation("changed", "/spec/a/0/b", body)
    assert is_found(changed, "/spec/a/0/b", body)
    assert is_found(changed, "/spec/a/1/b", body)
    assert not is_found(changed, "/spec/a/2/b", body)
    assert not is_found(changed, "/spec/a/0", body)
    assert is_found(Mutation("added", "/spec/a", body), "/spec/a/3", body)
    assert not is_found(Mutation("added", "/spec/a", body), "/spec/a/3/b", body)


def test_mutations_change_the_object_and_keep_its_identity() -> None:
    """Each has another content at its place, and the same name."""
    for body in objects():
        for seed in range(20):
            found = mutate(body, serve(body), random.Random(seed))
            if found is None:
                continue
            assert found.body != serve(body)
            assert found.body["metadata"]["name"] == body["metadata"]["name"]


def test_simple_differs_see_leaves_by_position() -> None:
    """One reports every leaf, the other only what is declared."""
    declared, live = {"a": [1, 2], "b": {"c": 1}}, {"a": [2, 1], "b": {"c": 1, "d": {"e": 5}}}
    assert list(two_way(declared, live)) == ["/a/0", "/a/1", "/b/d/e"]
    assert list(config_subset(declared, live)) == ["/a/0", "/a/1"]


@pytest.mark.parametrize("way", WAYS)
def test_a_product_that_knows_no_defaults_is_silent_all_the_same(way: str) -> None:
    """What the server fills in has owners that tell; afterwards everything is known again."""
    path = "/spec/template/spec/dnsPolicy"
    body = objects()[0]
    changed = taken(owned(serve(put_in(body, path, "None")), body, way), path)
    with forgotten(1.0, random.Random(1)) as count:
        assert count > 100
        for one in objects():
            assert findings(one, owned(serve(one), one, way)) == (), one["kind"]
        (finding,) = findings(body, changed)
        assert (finding.path, finding.intended) == (path, ABSENT)
    (finding,) = findings(body, changed)
    assert (finding.path, finding.intended) == (path, "ClusterFirst")
