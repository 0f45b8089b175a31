"""Where two versions of an object differ."""

from __future__ import annotations

import pytest

from graph.document import ABSENT, Json
from tools.adapters.field_changes import field_changes

CASES = {
    "equal": ({"a": [1]}, {"a": [1]}, []),
    "leaf": ({"a": {"b": 1}}, {"a": {"b": 2}}, [("/a/b", 1, 2)]),
    "added part": ({}, {"a": {"b": 1}}, [("/a", ABSENT, {"b": 1})]),
    "removed part": ({"a": {"b": 1}}, {}, [("/a", {"b": 1}, ABSENT)]),
    "number and boolean": ({"a": 1}, {"a": True}, [("/a", 1, True)]),
    "null and absent": ({"a": None}, {}, [("/a", None, ABSENT)]),
    "named entry moved": (
        {"l": [{"name": "a", "v": 1}, {"name": "b"}]},
        {"l": [{"name": "b"}, {"name": "a", "v": 2}]},
        [("/l/1/v", 1, 2)],
    ),
    "named entry added first": (
        {"l": [{"name": "a"}]},
        {"l": [{"name": "x"}, {"name": "a"}]},
        [("/l/0", ABSENT, {"name": "x"})],
    ),
    "named entry removed": (
        {"l": [{"name": "a"}, {"name": "b"}]},
        {"l": [{"name": "a"}]},
        [("/l/1", {"name": "b"}, ABSENT)],
    ),
    "ports by number and protocol": (
        {"p": [{"port": 53, "protocol": "UDP"}, {"port": 53}]},
        {"p": [{"port": 53, "targetPort": 5}, {"port": 53, "protocol": "UDP"}]},
        [("/p/0/targetPort", ABSENT, 5)],
    ),
    "unnamed of equal number": ({"l": [{"x": 1}, {"x": 2}]}, {"l": [{"x": 1}, {"x": 3}]}, [("/l/1/x", 2, 3)]),
    "unnamed of other number": (
        {"l": [{"x": 1}]},
        {"l": [{"x": 1}, {"x": 3}]},
        [("/l", [{"x": 1}], [{"x": 1}, {"x": 3}])],
    ),
    "duplicate names": (
        {"l": [{"name": "a"}] * 2},
        {"l": [{"name": "a"}]},
        [("/l", [{"name": "a"}] * 2, [{"name": "a"}])],
    ),
    "scalars": ({"args": ["a"]}, {"args": ["a", "b"]}, [("/args", ["a"], ["a", "b"])]),
    "created": (ABSENT, {"a": 1}, [("", ABSENT, {"a": 1})]),
}


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES.keys())
def test_names_each_difference_once(before: Json, after: Json, expected: list[tuple[str, Json, Json]]) -> None:
    """Each difference is told at the outermost place where it is one."""
    assert [(c.path, c.before, c.after) for c in field_changes(before, after)] == expected
