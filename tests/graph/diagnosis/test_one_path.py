"""One function answers all: which change, where it began, how it spread, who suffers, what would end it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from graph.change import Change
from graph.diagnosis.engine import diagnose
from graph.diagnosis.hypothesis import Hypothesis, Point
from graph.diagnosis.ranking import located, total
from graph.diagnosis.result import Diagnosis, Remedy
from graph.drift import DriftReport
from graph.environment import EnvironmentGraph
from graph.incident import Alert, AlertStatus
from graph.relation import Relation, RelationType
from graph.resource import Facet, Platform, Resource, service_uid
from graph.telemetry import LogLine, Mood, Notice, Series, Signal, Telemetry
from graph.version import Version

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEAK = """+var seen []Request
+func remember(r Request) {
+    seen = append(seen, r)
+}"""


def uid(name: str) -> str:
    return service_uid(environment="shop", name=name)


def environment(*names: str, relations: Sequence[Relation] = (), changes: Sequence[Change] = ()) -> EnvironmentGraph:
    return EnvironmentGraph(
        name="shop", as_of=NOW, versions=[version(n) for n in names], relations=relations, changes=changes
    )


def version(name: str) -> Version:
    resource = Resource(uid=uid(name), platform=Platform.SERVICE, kind="Service", name=name)
    return Version(
        resource=resource,
        facet=Facet.ACTUAL,
        body={"name": name},
        source="map",
        valid_from=NOW,
        valid_to=None,
        last_seen=NOW,
        recorded_at=NOW,
    )


def relation(source: str, target: str, kind: RelationType = RelationType.CALLS) -> Relation:
    return Relation(source=uid(source), target=uid(target), type=kind)


def change(kind: str, of: str, name: str, *, minutes: float, diff: str = "", pods: tuple[str, ...] = ()) -> Change:
    at = NOW - timedelta(minutes=minutes)
    return Change(
        id=f"{kind} {of} {name}",
        uid=uid(of) if of else "",
        kind=kind,
        earliest=at,
        latest=at,
        reference=name,
        diff=diff,
        files=("service.go",) if diff else (),
        instances=pods,
        completed_at=at if pods else None,
    )


def series(
    name: str,
    metric: str,
    *values: float,
    signal: Signal = Signal.OTHER,
    peer: str = "",
    instance: str = "",
) -> Series:
    """One reading a minute, the last one now."""
    times = [NOW.timestamp() - 60 * (len(values) - 1 - n) for n in range(len(values))]
    return Series(
        resource=uid(name),
        metric=metric,
        signal=signal,
        times=np.array(times),
        values=np.array(values),
        peer=uid(peer) if peer else "",
        instance=instance,
    )


def line(name: str, text: str, *, count: int = 400) -> LogLine:
    return LogLine(
        resource=uid(name), at=NOW.timestamp(), severity="error", text=text, count=count, baseline=0.0, mood=Mood.BAD
    )


def ask(graph: EnvironmentGraph, about: str, telemetry: Telemetry, *, metric: str = "") -> Diagnosis:
    alert = Alert(
        id="alert",
        sender="alertmanager",
        key="alert",
        status=AlertStatus.FIRING,
        title="trouble",
        service=about,
        labels={"service": about} if about else {"team": "shop"},
        started_at=NOW,
        metric=metric,
    )
    nothing = DriftReport(resources=len(graph), findings=())
    found = diagnose(graph, [alert], drift=nothing, deployers=frozenset(), telemetry=telemetry)
    _everything_is_cited(found)
    return found


def _everything_is_cited(found: Diagnosis) -> None:
    known = {o.id for o in found.observations}
    statements = [s for c in found.causes for s in (*c.statements, *c.against)]
    statements += [s for a in found.accounts for s in (*a.statements, *a.signs)]
    statements += [s for x in (found.change.suspects if found.change else ()) for s in x.statements]
    for statement in statements:
        assert statement.evidence
        assert set(statement.evidence) <= known, statement.text


def test_a_commit_is_named_by_what_its_diff_does_and_not_by_being_the_latest() -> None:
    """The commit, where it was brought, the remedy, and who else suffers, each with what carries it."""
    changes = [
        change("commit", "", "leak", minutes=50, diff=LEAK),
        change("commit", "", "restyle", minutes=20, diff="+color: red"),
        change("deploy", "orders", "leak", minutes=40),
        change("deploy", "orders", "restyle", minutes=15),
    ]
    telemetry = Telemetry(logs=(line("orders", "OOMKilled: memory limit exceeded"), line("shop", "upstream failed")))
    found = ask(environment("orders", "shop", changes=changes), "orders", telemetry)
    assert found.change is not None
    assert found.change.guilty is not None
    assert found.change.guilty.reference == "leak"
    assert found.causes[0].resource == uid("orders")
    assert found.remedy is Remedy.ROLL_BACK
    assert found.first_failing == uid("orders")
    assert found.suffering == (uid("shop"),)


def test_no_commit_did_it_when_what_fails_lies_outside() -> None:
    """`None of them` is an answer of its own, with its reasons."""
    changes = [
        change("commit", "", "pool", minutes=50, diff="-max_conns: 100\n+max_conns: 200"),
        change("deploy", "orders", "pool", minutes=40),
    ]
    says = [line(name, "lookup api.example: no such host") for name in ("orders", "shop", "mail")]
    notices = (Notice(provider="dns", at=None, text="degraded"),)
    telemetry = Telemetry(logs=tuple(says), notices=notices)
    found = ask(environment("orders", "shop", "mail", changes=changes), "orders", telemetry)
    assert found.change is not None
    assert found.change.guilty is None
    assert found.remedy is Remedy.ESCALATE_OUTSIDE
    assert found.causes[0].kind == "outside_failure"


def test_the_origin_is_whose_malfunction_the_others_wait_for() -> None:
    """The account runs from cause to effect, against the calls, and tells whom it explains."""
    graph = environment(
        "shop",
        "cart",
        "store",
        relations=[relation("shop", "cart"), relation("cart", "store", RelationType.CONNECTS_TO)],
    )
    telemetry = Telemetry(
        series=(
            series("store", "heap_used", *[10] * 6, *[90] * 6),
            series("cart", "p99_latency_ms", *[10] * 7, *[900] * 5),
            series("shop", "error_rate_pct", *[0] * 8, *[40] * 4),
        )
    )
    found = ask(graph, "shop", telemetry)
    assert found.causes[0].resource == uid("store")
    account = found.accounts[0]
    assert [(s.source, s.target, s.mode) for s in account.steps] == [
        (uid("store"), uid("cart"), "shared"),
        (uid("cart"), uid("shop"), "failure"),
    ]
    assert found.first_failing == uid("store")
    assert found.suffering == (uid("cart"), uid("shop"))
    assert found.unexplained == ()


def test_what_callers_feel_does_not_acquit_a_thing_of_which_no_such_measure_is_known() -> None:
    """The slowest service that has a latency waits for a pool that has none, and two others wait for it as well."""
    names = ("orders", "carts", "stock")
    graph = environment(
        *("shop", *names, "pool"),
        relations=[
            *(relation("shop", name) for name in names),
            *(relation(name, "pool", RelationType.CONNECTS_TO) for name in names),
        ],
    )
    slow = [(name, [10] * 14 + [900] * 8) for name in names]
    telemetry = Telemetry(
        series=(
            series("pool", "clients_waiting", *[1] * 13, *[300] * 9),
            *(series(name, "p99_latency_ms", *values, signal=Signal.LATENCY) for name, values in slow),
            series("shop", "p99_latency_ms", *[30] * 15, *[2000] * 7, signal=Signal.LATENCY),
        )
    )
    assert ask(graph, "shop", telemetry, metric="p99_latency_ms").causes[0].resource == uid("pool")


def test_who_complains_and_is_not_known_to_depend_on_anything_is_not_acquitted() -> None:
    """An account follows links: of whom none is known it can't tell, of a service that calls others it can."""
    graph = environment(
        *("shop", "cart", "mail", "relay", "search"),
        relations=[relation("shop", "cart"), relation("mail", "relay")],
    )
    telemetry = Telemetry(
        series=(
            series("cart", "heap_used", *[10] * 6, *[90] * 6),
            series("shop", "error_rate_pct", *[0] * 8, *[40] * 4),
        ),
        logs=(line("search", "upstream timed out"), line("mail", "upstream timed out")),
    )
    found = ask(graph, "cart", telemetry)
    assert found.accounts[0].victims == (uid("shop"),)
    assert found.suffering == (uid("shop"), uid("search"))


def test_two_faults_at_a_time_explain_each_their_own_victims() -> None:
    """What the first account can't reach is told by a second one, and what none reaches is said."""
    graph = environment(
        *("shop", "cart", "mail", "queue", "disk"), relations=[relation("shop", "cart"), relation("mail", "queue")]
    )
    sick = [10] * 6 + [90] * 6
    telemetry = Telemetry(
        series=(
            series("cart", "heap_used", *sick),
            series("shop", "latency_ms", *sick),
            series("queue", "heap_used", *sick),
            series("mail", "latency_ms", *sick),
            series("disk", "heap_used", *sick),
        )
    )
    found = ask(graph, "shop", telemetry)
    assert [(a.origin, a.victims) for a in found.accounts] == [
        (uid("cart"), (uid("shop"),)),
        (uid("queue"), (uid("mail"),)),
    ]
    assert found.unexplained == (uid("disk"),)


@pytest.mark.parametrize("bad", ["cart", "ads"])
def test_of_releases_side_by_side_the_one_whose_new_instances_fail_is_guilty(bad: str) -> None:
    """An alert that names nothing is no obstacle: calls were measured. All releases are ranked."""
    changes = [
        change("deploy", "cart", "", minutes=4, pods=("cart-new",)),
        change("deploy", "ads", "", minutes=3, pods=("ads-new",)),
    ]
    good = [100.0] * 10
    calls = [
        series(
            name,
            "success",
            *(good[:7] + [40.0] * 3 if name == bad and age == "new" else good),
            signal=Signal.AVAILABILITY,
            peer="shop",
            instance=f"{name}-{age}",
        )
        for name in ("cart", "ads")
        for age in ("old", "new")
    ]
    found = ask(environment("shop", "cart", "ads", changes=changes), "", Telemetry(series=tuple(calls)))
    assert found.change is not None
    assert found.change.guilty is not None
    assert found.change.guilty.uid == uid(bad)
    assert {s.change.uid for s in found.change.suspects} == {uid("cart"), uid("ads")}
    assert found.remedy is Remedy.ROLL_BACK


def test_a_measure_of_where_supports_the_mechanism_that_says_what() -> None:
    """A place that only measures tell is no rival of itself once something says what is wrong there."""
    place = Point(rule="account", text="", evidence=("x",))
    reason = Point(rule="mechanism", text="", evidence=("y",))
    where = Hypothesis(resource="a", kind="slow_service", summary="", only_locates=True, points=(place,))
    what = Hypothesis(resource="a", kind="oom_killed", summary="", points=(reason,))
    (joined,) = located([where, what], belongs=lambda uid, place: uid == place)
    assert joined.kind == "oom_killed"
    assert total(joined) == total(where) + total(what)


def test_readings_that_explain_nothing_are_not_called_missing() -> None:
    """Whoever connected a store of metrics must not be told to connect one."""
    normal = Telemetry(series=(series("web", "queue_depth", *[10.0] * 30),))
    silent, measured = (ask(environment("web"), "web", t).gaps for t in (Telemetry(), normal))
    assert [g.what for g in silent if "events" in g.what] == ["logs, events and metrics of Service/web"]
    assert [g.what for g in measured if "events" in g.what] == ["logs and events of Service/web"]
    said = Telemetry(logs=(line("web", "all is well", count=2),))
    assert not [g for g in ask(environment("web"), "web", said).gaps if "events" in g.what]
