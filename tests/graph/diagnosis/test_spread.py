"""How trouble spread: who began, which way it took, who is no part of it."""

from __future__ import annotations

import pytest

from graph.diagnosis.ailment import Ailment, Way
from graph.diagnosis.link import Link, LinkType
from graph.diagnosis.spread import Spread, spreads
from graph.diagnosis.transmission import Mode

CALLS, USES, RUNS_ON = LinkType.CALLS, LinkType.USES, LinkType.RUNS_ON
FAILS, LOADED, WITHIN = Way.FAILS, Way.LOADED, Way.WITHIN


def sick(uid: str, *signs: tuple[Way, float, str]) -> tuple[str, list[Ailment]]:
    """Something unwell; a sign with a blank in its text is something it says."""
    made = [
        Ailment(resource=uid, way=way, since=since, what=what, factor=5.0, is_said=" " in what)
        for way, since, what in signs
    ]
    return uid, made


def link(source: str, target: str, type_: LinkType = CALLS) -> Link:
    return Link(source=source, target=target, type=type_)


def first(told: str, links: list[Link], *unwell: tuple[str, list[Ailment]]) -> Spread:
    return spreads(links, dict(unwell), told=told, rollouts={})[0]


def steps(found: Spread) -> set[tuple[str, str]]:
    return {(s.source, s.target) for s in found.steps}


def test_a_slow_callee_hurts_its_callers_one_after_the_other() -> None:
    """The loudest, at the edge, is a victim."""
    found = first(
        "edge",
        [link("edge", "shop"), link("shop", "prices"), link("edge", "help")],
        sick("prices", (FAILS, 0, "p99_ms")),
        sick("shop", (FAILS, 60, "prices: deadline exceeded")),
        sick("edge", (FAILS, 120, "error_pct")),
    )
    assert (found.origin, steps(found)) == ("prices", {("prices", "shop"), ("shop", "edge")})


def test_a_node_hurts_what_runs_on_it_although_nobody_names_it() -> None:
    """Two services without any call between them share a place that is unwell first."""
    found = first(
        "vault-web",
        [link("vault", "n7", RUNS_ON), link("printer", "n7", RUNS_ON), link("vault-web", "vault")],
        sick("n7", (LOADED, 0, "cpu_steal_pct")),
        sick("vault", (FAILS, 120, "request took 900 ms")),
        sick("printer", (FAILS, 120, "render took 900 ms")),
        sick("vault-web", (FAILS, 240, "vault deadline exceeded")),
    )
    assert (found.origin, steps(found)) == ("n7", {("n7", "vault"), ("n7", "printer"), ("vault", "vault-web")})


def test_who_names_another_culprit_is_no_victim() -> None:
    """A neighbour on the same node that complains of a store of its own is not counted."""
    found = first(
        "vault",
        [link("vault", "n7", RUNS_ON), link("mail", "n7", RUNS_ON), link("mail", "mail-db")],
        sick("n7", (WITHIN, 0, "disk_pressure")),
        sick("vault", (FAILS, 60, "no space left on device")),
        sick("mail", (FAILS, 60, "mail-db: too many connections")),
        sick("mail-db", (LOADED, 0, "connections")),
    )
    assert steps(found) == {("n7", "vault")}


def test_a_caller_that_asks_too_often_because_its_cache_is_gone_floods_another() -> None:
    """Overload is passed on by a victim as well: it asks elsewhere for what it lost."""
    found = first(
        "idp",
        [link("paywall", "sessions"), link("paywall", "idp"), link("site", "paywall")],
        sick("sessions", (WITHIN, 0, "miss_pct")),
        sick("paywall", (FAILS, 30, "session unknown, login again")),
        sick("idp", (LOADED, 60, "logins_per_s"), (FAILS, 180, "latency_ms")),
        sick("site", (FAILS, 240, "paywall 503")),
    )
    assert found.origin == "sessions"
    assert steps(found) == {("sessions", "paywall"), ("paywall", "idp"), ("paywall", "site")}


def test_a_slow_consumer_fills_its_queue_and_the_producer_is_refused() -> None:
    """Trouble goes from the consumer into the queue and out of it to those who fill it."""
    found = first(
        "api",
        [link("consumer", "jobs"), link("api", "jobs")],
        sick("consumer", (FAILS, 0, "process_time_ms")),
        sick("jobs", (LOADED, 120, "depth")),
        sick("api", (FAILS, 300, "enqueue refused: jobs full")),
    )
    assert (found.origin, steps(found)) == ("consumer", {("consumer", "jobs"), ("jobs", "api")})


def test_a_consumer_that_stops_is_why_a_broker_runs_full() -> None:
    """What the broker suffers within began later, and is no reason of its own."""
    found = first(
        "web",
        [link("renderer", "broker"), link("orders", "broker"), link("web", "orders")],
        sick("renderer", (FAILS, 0, "docs_rendered_per_min")),
        sick("broker", (LOADED, 300, "messages_ready"), (WITHIN, 600, "mem_used_pct")),
        sick("orders", (FAILS, 900, "publish not confirmed")),
        sick("web", (FAILS, 1000, "orders timed out")),
    )
    assert (found.origin, steps(found)) == (
        "renderer",
        {("renderer", "broker"), ("broker", "orders"), ("orders", "web")},
    )


def test_work_that_waits_is_harm_where_what_it_needs_fails() -> None:
    """A sender fails no request; its messages stay."""
    found = first(
        "web",
        [link("sender", "broker", USES), link("web", "broker", USES)],
        sick("broker", (WITHIN, 0, "fsync_ms")),
        sick("sender", (LOADED, 60, "outbox_rows")),
        sick("web", (FAILS, 120, "broker timed out")),
    )
    assert steps(found) == {("broker", "sender"), ("broker", "web")}


def test_who_asks_much_more_of_others_although_nobody_asks_it_floods_them() -> None:
    """A job that tries again without a pause fails as well, and that does not acquit it."""
    found = first(
        "login",
        [link("sync", "proxy"), link("bridge", "proxy"), link("login", "bridge")],
        sick("sync", (FAILS, 0, "error_rate_pct"), (LOADED, 0, "outbound_attempts_per_s")),
        sick("proxy", (LOADED, 0, "new_connections_per_s"), (WITHIN, 0, "ports_used_pct"), (FAILS, 240, "errors_pct")),
        sick("bridge", (FAILS, 600, "proxy connect timed out")),
        sick("login", (FAILS, 700, "bridge timed out")),
    )
    assert (found.origin, steps(found)) == ("sync", {("sync", "proxy"), ("proxy", "bridge"), ("bridge", "login")})


def test_what_is_no_longer_fed_gets_old() -> None:
    """A writer that fails starves what it writes to, and whoever reads there suffers."""
    found = first(
        "picker",
        [link("builder", "stream"), link("builder", "view"), link("picker", "view")],
        sick("stream", (WITHIN, 0, "offline_partitions")),
        sick("builder", (FAILS, 60, "no leader for stream")),
        sick("view", (FAILS, 180, "serving rows older than 300 s")),
        sick("picker", (FAILS, 300, "quantity mismatch in view")),
    )
    assert (found.origin, steps(found)) == (
        "stream",
        {("stream", "builder"), ("builder", "view"), ("view", "picker")},
    )
    assert {s.mode for s in found.steps} == {Mode.FAILURE, Mode.STARVATION}


@pytest.mark.parametrize(("since", "is_victim"), [(60, True), (0, False)])
def test_who_gets_less_to_do_suffers_from_whoever_feeds_it(since: float, *, is_victim: bool) -> None:
    """A coordinator that hands out no work is why workers lose what they hold; not when both began at once."""
    lack = Ailment(resource="worker", way=FAILS, since=since, what="active_shards", factor=9.0, is_starved=True)
    found = first(
        "site",
        [link("coordinator", "worker"), link("site", "worker")],
        sick("coordinator", (FAILS, 0, "session expired, leadership lost")),
        ("worker", [lack]),
        sick("site", (FAILS, 300, "no data of worker")),
    )
    assert (("coordinator", "worker") in steps(found)) is is_victim


def test_a_victim_may_pass_on_the_lack_of_work_at_once() -> None:
    """Of two that fail at the same reading, the one that suffers already is why the other gets less."""
    lack = Ailment(resource="robots", way=FAILS, since=60, what="commands_per_s", factor=9.0, is_starved=True)
    found = first(
        "robots",
        [link("allocator", "broker"), link("allocator", "robots")],
        sick("broker", (WITHIN, 0, "mem_used_ratio")),
        sick("allocator", (FAILS, 60, "tasks_assigned_per_min")),
        ("robots", [lack]),
    )
    assert (found.origin, steps(found)) == ("broker", {("broker", "allocator"), ("allocator", "robots")})


def test_who_says_that_another_fails_is_not_the_origin() -> None:
    """Of two that are unwell from the same reading on, the one that is complained of began."""
    found = first(
        "web",
        [link("adapter", "api.bank.example", USES), link("web", "adapter")],
        sick("adapter", (FAILS, 0, "api.bank.example answered after 9000 ms")),
        sick("api.bank.example", (FAILS, 40, "response_ms")),
        sick("web", (FAILS, 120, "adapter timed out")),
    )
    assert found.origin == "api.bank.example"


@pytest.mark.parametrize("since", [0, 300])
def test_what_was_unwell_before_is_no_consequence(since: float) -> None:
    """A service that was unwell long before its callee is left out."""
    found = spreads(
        [link("shop", "prices")],
        dict([sick("prices", (FAILS, 200, "p99_ms")), sick("shop", (FAILS, since, "error_pct"))]),
        told="shop",
        rollouts={},
    )
    assert ((found[0].origin == "prices") and bool(found[0].steps)) is (since > 200)


def test_without_a_sign_at_the_subject_there_is_no_account() -> None:
    """An alert about something that is well is not explained by what ails others."""
    assert (
        spreads([link("shop", "prices")], dict([sick("prices", (FAILS, 0, "p99_ms"))]), told="shop", rollouts={}) == ()
    )


def test_a_caller_that_names_two_callees_suffers_from_both() -> None:
    """What it says of one is a little earlier than the reading that shows that one to fail."""
    found = first(
        "edge",
        [link("edge", "a"), link("edge", "b"), link("a", "gate"), link("b", "gate")],
        sick("gate", (FAILS, 0, "denied_pct")),
        sick("a", (FAILS, 0, "error_pct")),
        sick("b", (FAILS, 240, "error_pct")),
        sick("edge", (FAILS, 180, "b: unavailable")),
    )
    assert steps(found) == {("gate", "a"), ("gate", "b"), ("a", "edge"), ("b", "edge")}


def test_the_way_back_ends_where_services_call_each_other_in_a_ring() -> None:
    """Trouble goes on from the last of the ring to the first, which it had reached before."""
    found = first(
        "quotes",
        [link("rates", "vault"), link("terms", "rates"), link("quotes", "terms"), link("rates", "quotes")],
        *(sick(uid, (FAILS, 0, "error_pct")) for uid in ("rates", "terms", "quotes")),
        sick("vault", (FAILS, 0, "error_pct"), (WITHIN, 0, "panics")),
    )
    assert ("quotes", "rates") in steps(found)
    assert found.way_back("quotes") == ("quotes", "terms", "rates", "vault")
    assert (found.way_back("vault"), found.way_back("stranger")) == (("vault",), ("vault",))
