"""Pointers that go on into JSON texts."""

from __future__ import annotations

import json

import pytest

from graph.document import ABSENT
from graph.errors import Invalid
from graph.kinds.terraform.embedded import get_through, put_through, split

BODY = {"values": {"policy": json.dumps({"Statement": [{"Action": ["a:B", "a:C"]}]}), "tags": {"x": "1"}}}


@pytest.mark.parametrize(
    ("path", "outer", "inner"),
    [
        ("/values/policy/Statement/0", "/values/policy", "/Statement/0"),
        ("/values/policy", "/values/policy", ""),
        ("/values/tags/x", "/values/tags/x", ""),
        ("/values/gone/x", "/values/gone/x", ""),
    ],
)
def test_split(path: str, outer: str, inner: str) -> None:
    """A pointer is cut where a JSON text begins."""
    assert split(BODY, path) == (outer, inner)


def test_reads_and_writes_inside_a_text() -> None:
    """A value inside a text is read and replaced; everything else in the text stays."""
    path = "/values/policy/Statement/0/Action/0"
    assert get_through(BODY, path) == "a:B"
    changed = put_through(BODY, path, ABSENT)
    assert json.loads(changed["values"]["policy"]) == {"Statement": [{"Action": ["a:C"]}]}
    assert get_through(BODY, path) == "a:B"
    assert put_through(BODY, "/values/tags/x", "2")["values"]["tags"] == {"x": "2"}


def test_refuses_a_place_that_can_not_be() -> None:
    """A way through a scalar, or past the end of a list, is an error rather than a guess."""
    with pytest.raises(Invalid):
        put_through(BODY, "/values/policy/Statement/7/Action", "x")
