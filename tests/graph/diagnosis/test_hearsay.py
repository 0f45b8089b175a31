"""Signs that only others see: who answers quickly and wrongly, who takes what others share."""

from __future__ import annotations

import pytest

from graph.diagnosis.ailment import Ailment, Way
from graph.diagnosis.hearsay import hearsay
from graph.diagnosis.link import Link, LinkType
from graph.diagnosis.spread import spreads
from graph.diagnosis.transmission import Mode
from graph.telemetry import LogLine, Mood

LINKS = [
    Link(source="cart", target="prices", type=LinkType.CALLS),
    Link(source="search", target="prices", type=LinkType.CALLS),
    Link(source="cart", target="cart-db", type=LinkType.USES),
    Link(source="importer", target="cart-db", type=LinkType.USES),
]


def said(speaker: str, text: str, *, at: float = 100.0, baseline: float = 0.0) -> LogLine:
    return LogLine(resource=speaker, at=at, severity="", text=text, count=500, baseline=baseline, mood=Mood.BAD)


def sick(uid: str, way: Way, since: float = 0.0, factor: float = 5.0) -> list[Ailment]:
    return [Ailment(resource=uid, way=way, since=since, what="measure", factor=factor)]


GARBLED = "decode prices response: cannot unmarshal object into field amount"


def named(
    *lines: LogLine, unwell: dict[str, list[Ailment]] | None = None, rollouts: dict[str, float] | None = None
) -> set[str]:
    return set(hearsay(lines, LINKS, unwell or {}, rollouts=rollouts or {}))


def test_two_that_read_nonsense_from_one_provider_name_it() -> None:
    """Each with a reader of its own: what they have in common is what they were given."""
    assert named(said("cart", GARBLED), said("search", "prices: missing field amount")) == {"prices"}


def test_one_that_was_just_rolled_out_may_read_differently_itself() -> None:
    """Of one provider and one reader, the one that changed is to be suspected."""
    assert named(said("cart", GARBLED), rollouts={"prices": 50.0}) == {"prices"}
    assert named(said("cart", GARBLED), rollouts={"prices": 50.0, "cart": 80.0}) == set()
    assert named(said("cart", GARBLED)) == set()


def test_a_provider_that_shows_signs_itself_is_named_by_one() -> None:
    assert named(said("cart", GARBLED), unwell={"prices": sick("prices", Way.WITHIN)}) == {"prices"}


@pytest.mark.parametrize(
    "line",
    [
        said("cart", "prices: connection refused"),
        said("cart", "prices timed out after 900 ms"),
        said("cart", "cannot unmarshal request body"),
        said("stranger", GARBLED),
        said("cart", GARBLED, baseline=480.0),
    ],
    ids=["no answer", "late answer", "names nobody", "no partner", "as ever"],
)
def test_other_words_say_nothing_of_content(line: LogLine) -> None:
    assert named(line, rollouts={"prices": 50.0}) == set()


def test_a_store_names_the_client_that_holds_it_up() -> None:
    line = said("cart-db", "process 71 (importer) holds an exclusive lock on items, 60 wait")
    assert named(line) == {"importer"}


def test_a_client_that_fails_is_a_victim_that_is_named() -> None:
    """Stores name those whose statements were slow, too."""
    line = said("cart-db", "statement of cart waits for a lock")
    assert named(line, unwell={"cart": sick("cart", Way.FAILS)}) == set()


def test_who_takes_what_others_share_is_the_origin_although_it_is_well() -> None:
    """Nobody asks the crawler to open more connections; those who share the gateway get none."""
    unwell = {
        "crawler": sick("crawler", Way.LOADED, 0, 30.0),
        "nat": sick("nat", Way.LOADED, 0),
        "mail": sick("mail", Way.FAILS, 90),
        "feed": sick("feed", Way.FAILS, 90),
    }
    shared = [Link(source=uid, target="nat", type=LinkType.USES) for uid in ("crawler", "mail", "feed")]
    found = spreads(shared, unwell, told="feed", rollouts={})[0]
    assert found.origin == "crawler"
    assert {(s.source, s.target, s.mode) for s in found.steps} == {
        ("crawler", "nat", Mode.OVERLOAD),
        ("nat", "mail", Mode.SHARED),
        ("nat", "feed", Mode.SHARED),
    }


def test_who_is_asked_for_more_by_others_is_not_the_origin() -> None:
    """The same load on demand: its caller is looked at instead."""
    unwell = {
        "crawler": sick("crawler", Way.LOADED, 0, 30.0),
        "nat": [*sick("nat", Way.LOADED, 0), *sick("nat", Way.WITHIN, 0)],
        "feed": sick("feed", Way.FAILS, 90),
    }
    shared = [Link(source=uid, target="nat", type=LinkType.USES) for uid in ("crawler", "feed")]
    asked = Link(source="portal", target="crawler", type=LinkType.CALLS)
    assert spreads([*shared, asked], unwell, told="feed", rollouts={})[0].origin == "nat"
