"""Tests of places that keep their meaning when lists are reordered."""

from __future__ import annotations

import json

import pytest

from graph.document import ABSENT
from graph.place import is_near, is_same, is_within, leaves, read, read_same, translate

BEFORE = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
AFTER = {"env": [{"name": "C", "value": "3"}, {"name": "B", "value": "2"}, {"name": "A", "value": "9"}]}


def test_follows_a_list_item_by_its_name() -> None:
    """A variable that moved is still the same variable."""
    assert translate("/env/2/value", AFTER, BEFORE) == "/env/0/value"
    assert read_same("/env/2/value", AFTER, BEFORE) == "1"


def test_an_item_that_is_not_there_reads_as_absent() -> None:
    """A position past the end stands for an item that the other version does not have."""
    assert read_same("/env/0/value", AFTER, BEFORE) is ABSENT


def test_reads_inside_json_kept_as_text() -> None:
    """An IAM policy is a string in state and a document in meaning."""
    body = {"values": {"policy": json.dumps({"Statement": [{"Sid": "Read", "Action": ["s3:Get"]}]})}}
    assert read(body, "/values/policy/Statement/0/Action/0") == "s3:Get"


def test_statements_are_followed_by_sid() -> None:
    """Statements of a policy keep their meaning when their order changes."""
    left = {"Statement": [{"Sid": "A", "Action": "a:A"}, {"Sid": "B", "Action": "b:B"}]}
    right = {"Statement": [{"Sid": "B", "Action": "b:C"}]}
    assert read_same("/Statement/1/Action", left, right) == "b:C"
    assert read_same("/Statement/0", left, right) is ABSENT


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({"a": 1}, {"a": 2}, ["/a"], id="value"),
        pytest.param({"a": 1}, {}, ["/a"], id="removed"),
        pytest.param({}, {"a": {"b": 1}}, ["/a"], id="added-object-is-one-place"),
        pytest.param({"l": [1, 2]}, {"l": [2, 1]}, ["/l"], id="plain-list-is-one-place"),
        pytest.param(BEFORE, AFTER, ["/env/0", "/env/2/value"], id="keyed-list"),
        pytest.param({"p": '{"x":1}'}, {"p": '{"x": 1}'}, [], id="same-json-text"),
    ],
)
def test_finds_the_smallest_differing_places(before: object, after: object, expected: list[str]) -> None:
    """Only what differs is named, along the keys of list items."""
    assert list(leaves(before, after)) == expected


def test_compares_places() -> None:
    """A place lies within itself and what is above it; nearness leaves list positions aside."""
    assert is_within("/spec/a", "/spec")
    assert not is_within("/spec/ab", "/spec/a")
    assert is_near("/c/0/image", "/c/3/image")
    assert not is_near("/c/0/image", "/c/0/env")
    assert is_same('{"a":1}', {"a": 1})
