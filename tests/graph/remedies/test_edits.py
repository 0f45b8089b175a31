"""Edits restore exactly what was wished, and undo exactly."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.action import FieldEdit
from graph.document import ABSENT, get, put
from graph.remedies.edits import Wish, edits_for
from graph.remedies.locate import locate


def _apply(document: Any, edits: tuple[FieldEdit, ...]) -> Any:
    for edit in edits:
        assert get(document, edit.path) == edit.before
        document = put(document, edit.path, edit.after)
    return document


def _back(document: Any, edits: tuple[FieldEdit, ...]) -> Any:
    return _apply(document, tuple(FieldEdit(path=e.path, before=e.after, after=e.before) for e in reversed(edits)))


_variables = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("ABCDEFG"), "value": st.integers(0, 3)}),
    unique_by=lambda v: v["name"],
    max_size=5,
)


@given(_variables, _variables)
def test_restoring_named_elements_gives_the_declared_list_and_undoes_exactly(
    declared: list[Any], actual: list[Any]
) -> None:
    """Whatever was added, removed or changed in a list of named elements."""
    want, have = {"env": declared}, {"env": actual}
    names = {v["name"] for v in declared}
    wishes = [Wish(path=f"/env/{i}", value=v, source=want) for i, v in enumerate(declared) if v not in actual]
    wishes += [
        Wish(path=f"/env/{i}", value=ABSENT, source=have, actual_path=f"/env/{i}")
        for i, v in enumerate(actual)
        if v["name"] not in names
    ]
    edits = edits_for(have, wishes)
    after = _apply(have, edits)
    assert {v["name"]: v for v in after["env"]} == {v["name"]: v for v in declared}
    assert len(after["env"]) == len(declared)
    assert _back(after, edits) == have


def test_a_missing_parent_is_made_and_removed_again() -> None:
    """The rollback leaves no empty object behind."""
    actual: dict[str, Any] = {"spec": {}}
    want = {"spec": {"selector": {"app": "cart"}}}
    edits = edits_for(actual, [Wish(path="/spec/selector/app", value="cart", source=want)])
    assert edits == (FieldEdit(path="/spec/selector", before=ABSENT, after={"app": "cart"}),)
    assert _back(_apply(actual, edits), edits) == actual


def test_a_field_of_a_missing_element_brings_the_whole_element() -> None:
    """Half an element would be invalid."""
    want = {"ports": [{"name": "http", "port": 80}, {"name": "grpc", "port": 90}]}
    actual = {"ports": [{"name": "grpc", "port": 90}]}
    wishes = [Wish(path=f"/ports/0/{f}", value=want["ports"][0][f], source=want) for f in ("name", "port")]
    assert _apply(actual, edits_for(actual, wishes)) == want


def test_what_already_holds_needs_no_edit() -> None:
    """Nothing is written for nothing."""
    document = {"a": 1}
    assert edits_for(document, [Wish(path="/a", value=1, source=document)]) == ()


def test_edits_below_one_another_become_one() -> None:
    """Overlapping edits would depend on their order."""
    actual = {"spec": {"rules": [{"port": 1}, {"port": 2}]}}
    want = copy.deepcopy(actual)
    want["spec"]["rules"] = [{"port": 1}, {"port": 2}, {"port": 3}]
    wishes = [
        Wish(path="/spec/rules/2", value={"port": 3}, source=want),
        Wish(path="/spec/rules/0/port", value=1, source=want),
    ]
    assert [e.path for e in edits_for(actual, wishes)] == ["/spec/rules"]


@pytest.mark.parametrize(
    ("source", "other", "path", "found", "missing"),
    [
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, "/a/1", "/a/0", (), id="scalar by value"),
        pytest.param({"a": [{"x": 1}]}, {"a": [{"x": 2}]}, "/a/0/x", "/a/0/x", (), id="unnamed by position"),
        pytest.param({"a": [{"x": 1}]}, {"a": []}, "/a/0/x", "/a", ("0", "x"), id="gone"),
        pytest.param({"a": {"b": 1}}, {"a": {}}, "/a/b", "/a", ("b",), id="no member"),
        pytest.param(
            {"p": [{"port": 80, "name": "a"}]}, {"p": [{"port": 80, "name": "b"}]}, "/p/0/port", "/p", ("0", "port"),
            id="same port, other name",
        ),
    ],
)  # fmt: skip
def test_elements_are_found_by_what_names_them(
    source: Any, other: Any, path: str, found: str, missing: tuple[str, ...]
) -> None:
    """Positions shift; names do not."""
    assert locate(source, other, path) == (found, missing)
