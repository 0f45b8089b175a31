"""Phrases are found whatever their case, and escapes keep theirs."""

from __future__ import annotations

import re

import pytest

from graph.phrases import Phrases

PATTERN = r"WRONGPASS|\bNo route\b.{0,9}Host|\D\d{2}\S+Failed|[\W_]end"


@pytest.mark.parametrize(
    "text",
    ["wrongpass", "x NO ROUTE to host", "id 12abc-failed", "the_END", "nothing", "noroute to host"],
)
def test_finds_what_a_search_without_case_finds(text: str) -> None:
    """Capital escapes such as `\\W` mean what they meant."""
    assert (Phrases(PATTERN).search(text) is None) == (re.search(PATTERN, text, re.IGNORECASE) is None)


def test_refuses_classes_of_capital_letters() -> None:
    """They would match nothing in lower case."""
    with pytest.raises(ValueError, match="capital"):
        Phrases(r"[A-Z]{3}-\d+")
