"""A stored delivery becomes alerts of an incident that is looked at, also when the reading was cut off in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.demo.alerts import alertmanager, pagerduty
from app.environments import GovernedEnvironments, Sources
from app.intake import Intake
from app.looks import ASSISTANT, INVESTIGATE_JOB, Looks
from app.settings import Settings
from app.store.inbox import DELIVERY_JOB
from app.wiring import Store, open_store
from graph.document import Object
from graph.errors import Unreachable
from graph.incident import IncidentStatus
from graph.resource import Facet
from graph.version import Document, Snapshot
from tests.app.store.samples import resource

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""In the past: the graph is asked for the present, and knows of nothing that comes later."""


@dataclass
class Desk:
    """An intake over a real database with one environment."""

    store: Store
    intake: Intake

    def receive(self, sender: str, body: Object | bytes, key: str = "") -> int:
        """Store a delivery as the webhook does."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        receipt = self.store.inbox.receive(
            sender=sender, key=key or raw.decode(errors="replace"), body=raw, headers={}, received_at=T0
        )
        return receipt.delivery_id

    def read(self) -> None:
        """Work through what was stored."""
        while (job := self.store.jobs.claim("w", kinds=[DELIVERY_JOB], lease_s=30)) is not None:
            self.intake.process(job, job.payload)
            self.store.jobs.finish(job)

    def looks(self) -> list[Object]:
        """Take all looks that are asked for."""
        found = []
        while (job := self.store.jobs.claim("w", kinds=[INVESTIGATE_JOB], lease_s=30)) is not None:
            found.append(job.payload)
            self.store.jobs.finish(job)
        return found


def _desk(store: Store, looks: Looks | None = None) -> Desk:
    names = ("staging", "prod")
    sources = [Sources(environment=name, deployers=frozenset(), states=(), changes=(), symptoms=()) for name in names]
    intake = Intake(
        inbox=store.inbox,
        incidents=store.incidents,
        audit=store.audit,
        environments=GovernedEnvironments(sources, store.graphs, lambda: T0),
        looks=looks or Looks(store.database, store.jobs),
        triages=store.triages,
        clock=lambda: T0,
    )
    return Desk(store, intake)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = open_store(Settings(data_dir=tmp_path))
    yield _desk(store)
    store.database.dispose()


def _fires(name: str = "High", deployment: str = "checkout", minute: int = 0, **labels: str) -> Object:
    return alertmanager(
        name=name,
        labels={"namespace": "shop", "deployment": deployment, **labels},
        summary=f"{name} on {deployment}",
        description="",
        expression="up",
        started=T0 + timedelta(minutes=minute),
    )[1]


def _knows_checkout(desk: Desk, environment: str) -> None:
    kind = resource("checkout", kind="Deployment")
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout", "namespace": "shop"}}
    snapshot = Snapshot(
        facet=Facet.ACTUAL, source="cluster", taken_at=T0, documents=(Document(resource=kind, body=body),)
    )
    desk.store.graphs.record(environment, snapshot, ())


def test_delivery_becomes_an_incident_that_is_looked_at(desk: Desk) -> None:
    """The time to the diagnosis counts from the receipt."""
    desk.receive("alertmanager", _fires())
    desk.read()
    [incident] = desk.store.incidents.list()
    [look] = desk.looks()
    assert look == {
        "incident": incident.id,
        "environment": incident.environment,
        "started_at": T0.isoformat(),
        "requester": ASSISTANT,
    }
    assert desk.store.inbox.pending_count() == 0


def test_repeat_of_an_alert_asks_for_nothing(desk: Desk) -> None:
    """Alertmanager repeats itself every few hours."""
    desk.receive("alertmanager", _fires())
    desk.receive("alertmanager", _fires(), key="again")
    desk.read()
    assert len(desk.store.incidents.list()) == 1
    assert len(desk.looks()) == 1


def test_resolved_alert_closes_without_a_look(desk: Desk) -> None:
    """There is nothing to find any more."""
    body = _fires()
    desk.receive("alertmanager", body)
    desk.read()
    desk.looks()
    over = {**body, "status": "resolved"}
    over["alerts"] = [{**body["alerts"][0], "status": "resolved", "endsAt": "2026-03-01T12:30:00Z"}]
    desk.receive("alertmanager", over)
    desk.read()
    assert desk.store.incidents.list()[0].status is IncidentStatus.RESOLVED
    assert desk.looks() == []


def test_unreadable_delivery_is_set_aside(desk: Desk) -> None:
    """Kept for a person, and no other delivery waits behind it."""
    desk.receive("pagerduty", b'{"event": [')
    desk.receive("alertmanager", _fires())
    desk.read()
    assert [d.body for d in desk.store.inbox.quarantined()] == [b'{"event": [']
    assert len(desk.store.incidents.list()) == 1


def test_delivery_without_an_alert_is_done(desk: Desk) -> None:
    """A ping of the sender opens nothing."""
    _, body = pagerduty(title="x", service="y", urgency="high", created=T0, now=T0)
    body["event"] |= {"event_type": "pagey.ping", "data": {"message": "Hello", "type": "ping"}}
    desk.receive("pagerduty", body)
    desk.read()
    assert desk.store.incidents.list() == []
    assert (desk.store.inbox.pending_count(), desk.store.inbox.quarantined()) == (0, [])


class _DiesOnce(Looks):
    """The process dies between the alert and the look."""

    has_died = False

    def ask(self, *args: object, **more: object) -> None:
        if not self.has_died:
            self.has_died = True
            raise Unreachable("killed")
        super().ask(*args, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_known", [False, True], ids=["new incident", "incident of another alert"])
def test_look_is_asked_for_after_a_cut_off(tmp_path: Path, is_known: bool) -> None:
    """The second reading finds the alert stored already, and asks all the same."""
    store = open_store(Settings(data_dir=tmp_path))
    desk = _desk(store)
    if is_known:
        _knows_checkout(desk, "staging")
        desk.receive("alertmanager", _fires(minute=-5, pod="a"))
        desk.read()
        desk.looks()
    cut_off = _desk(store, _DiesOnce(store.database, store.jobs))
    cut_off.receive("alertmanager", _fires())
    job = store.jobs.claim("w", kinds=[DELIVERY_JOB], lease_s=30)
    assert job is not None
    with pytest.raises(Unreachable):
        cut_off.intake.process(job, job.payload)
    assert cut_off.looks() == []
    store.jobs.take_back()
    cut_off.read()
    assert len(store.incidents.list()) == 1
    assert len(cut_off.looks()) == 1
    store.database.dispose()


def test_same_rule_about_the_same_thing_is_one_incident(desk: Desk) -> None:
    """Two pods of one workload; another rule, or another workload, is another one."""
    _knows_checkout(desk, "staging")
    for body in (_fires(pod="a"), _fires(minute=1, pod="b"), _fires("Slow", minute=2), _fires(deployment="cart")):
        desk.receive("alertmanager", body)
    desk.read()
    assert sorted(len(i.alerts) for i in desk.store.incidents.list()) == [1, 1, 2]


def test_alert_goes_to_the_environment_that_has_its_resource(desk: Desk) -> None:
    """Where no label names one."""
    _knows_checkout(desk, "prod")
    desk.receive("alertmanager", _fires())
    desk.read()
    assert desk.store.incidents.list()[0].environment == "prod"


def test_named_environment_wins(desk: Desk) -> None:
    """Both have the resource, and the alert says which."""
    _knows_checkout(desk, "staging")
    _knows_checkout(desk, "prod")
    desk.receive("alertmanager", _fires(cluster="prod"))
    desk.read()
    assert desk.store.incidents.list()[0].environment == "prod"


def test_unknown_resource_stands_alone(desk: Desk) -> None:
    """An alert that matches nothing still becomes an incident."""
    desk.receive("alertmanager", _fires(deployment="nobody-knows"))
    desk.receive("alertmanager", _fires(deployment="nobody-knows", minute=1))
    desk.read()
    assert len(desk.store.incidents.list()) == 2
