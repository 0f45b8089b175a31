"""How values become text, lines of a diff, and the picture."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.web.before_after import difference
from app.web.filters import facts, interval, pretty, safe_json, short_time, time
from app.web.picture import elements
from graph.document import ABSENT
from graph.resource import display_uid
from tests.graph.builders import k8s


def test_times_are_utc_in_words() -> None:
    """A time with another offset is converted."""
    assert time("2026-11-22T23:58:03+02:00") == "22 Nov 2026, 21:58:03 UTC"
    assert short_time(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2 Jan, 03:04:05"


@pytest.mark.parametrize(
    ("earliest", "words"),
    [
        (None, "before 22 Nov 2026, 10:00:00 UTC; when exactly is not known"),
        ("2026-11-22T10:00:00Z", "22 Nov 2026, 10:00:00 UTC"),
        ("2026-11-22T09:00:00Z", "between 22 Nov 2026, 09:00:00 UTC and 22 Nov 2026, 10:00:00 UTC"),
    ],
    ids=["open", "exact", "between"],
)
def test_interval_is_as_narrow_as_known(earliest: str | None, words: str) -> None:
    """An unknown start is said, not guessed."""
    assert interval({"earliest": earliest, "latest": "2026-11-22T10:00:00Z"}) == words


def test_facts_leave_out_what_says_nothing() -> None:
    """Empty values go, short ones come first, what does not exist is said in words."""
    data = {"after": {"a": [1, 2]}, "run": "", "evidence": [], "count": 0, "before": {"$literal": {"$absent": True}}}
    assert [(f.name, f.text, f.is_block) for f in facts(data)] == [
        ("count", "0", False),
        ("before", "(nothing)", False),
        ("after", "a:\n- 1\n- 2", True),
    ]


def test_long_values_are_bounded_with_a_mark() -> None:
    """What is cut is counted."""
    assert "[cut: 2000 more characters]" in pretty("x" * 10_000)


def test_json_cannot_end_its_script_element() -> None:
    """Markup inside data stays data."""
    assert "<" not in safe_json({"title": "</script><script>alert(1)</script>"})


def test_difference_opens_documents_inside_strings() -> None:
    """Only the lines that differ are marked, whatever their order in the text was."""
    lines = difference('{"b": 1, "a": 2}', '{"a": 2, "b": 3}')
    assert [(line.kind, line.text.strip()) for line in lines if line.kind != "context"] == [
        ("remove", '"b": 1'),
        ("add", '"b": 3'),
    ]


def test_difference_with_nothing_is_all_removed() -> None:
    """What does not exist any more has no lines of its own."""
    assert {line.kind for line in difference({"a": 1}, ABSENT)} == {"remove"}
    assert difference(ABSENT, ABSENT) == []


def _radius(*affected: tuple[str, list[str], str]) -> dict[str, Any]:
    return {
        "seeds": [{"resource": k8s("ConfigMap", "settings"), "reason": "changed"}],
        "affected": [
            {"resource": uid, "path": path, "band": band, "mode": "down", "reason": "reads it"}
            for uid, path, band in affected
        ],
    }


def test_picture_merges_what_bears_one_name() -> None:
    """A workload and its Service are one node, with the workload named first and the stronger band."""
    seed, work, service = k8s("ConfigMap", "settings"), k8s("Deployment", "web"), k8s("Service", "web")
    found = elements(_radius((work, [seed, work], "likely"), (service, [seed, work, service], "certain")), display_uid)
    nodes = {e["data"]["id"]: e["data"] for e in found if "source" not in e["data"]}
    assert set(nodes) == {seed, work}
    assert nodes[work]["label"] == "web\nDeployment, Service"
    assert nodes[work]["tone"] == "certain"
    assert [nodes[n]["layer"] for n in (seed, work)] == [0, 1]


def test_picture_places_layers_around_the_middle() -> None:
    """Nodes of one layer stand side by side, none on another; edges lead from layer to layer."""
    seed = k8s("ConfigMap", "settings")
    works = [k8s("Deployment", name) for name in ("a", "b", "c")]
    found = elements(_radius(*((w, [seed, w], "possible") for w in works)), display_uid)
    nodes = [e["data"] for e in found if "source" not in e["data"] and e["data"]["layer"] == 1]
    assert sorted(n["place"] for n in nodes) == [-1.0, 0.0, 1.0]
    assert {e["data"]["source"] for e in found if "source" in e["data"]} == {seed}


def test_picture_of_nothing_is_empty() -> None:
    """Without a seed there is nothing to draw."""
    assert elements({"seeds": [], "affected": []}, display_uid) == []
