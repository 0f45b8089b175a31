"""The demo's incidents as worlds to be diagnosed: built in a folder of its own, read by the real sources."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from agents.steps.gather import Gathered, gather
from app.demo.build import build, environment_config
from app.demo.scenarios import SCENARIOS, Scenario
from app.environments import GovernedEnvironments
from app.senders import SENDERS
from app.settings import EnvironmentSettings
from app.sources import build_sources
from app.store.database import Database
from app.store.graph import GraphStore
from graph.diagnosis.engine import subjects_of
from graph.environment import EnvironmentGraph
from graph.held import held
from graph.incident import Alert, OpenIncident
from tools.adapters.delivery import Ignored

_READ_BEFORE = timedelta(minutes=45)
"""The environment is read once before anything happens."""
_ENVIRONMENT = "shop"


class DemoWorld(NamedTuple):
    """One incident of the demo, as an investigation would find it."""

    scenario: Scenario
    graph: EnvironmentGraph
    alerts: tuple[Alert, ...]
    before: tuple[OpenIncident, ...]
    """Incidents that were open already"""
    deployers: frozenset[str]
    gathered: Gathered
    """What monitoring says around the alert"""


def worlds() -> Iterator[DemoWorld]:
    """Yield each scenario with everything that an investigation would find."""
    for scenario in SCENARIOS.values():
        with tempfile.TemporaryDirectory(prefix="plumbline-incident-") as folder:
            yield _world(scenario, Path(folder))


def _world(scenario: Scenario, folder: Path) -> DemoWorld:
    now = datetime.now(UTC).replace(microsecond=0)
    clock = _Clock(now - _READ_BEFORE)
    build(folder, now=clock.now)
    settings = EnvironmentSettings.model_validate(environment_config(folder))
    database = Database(f"sqlite:///{folder / 'incident.db'}")
    database.migrate()
    try:
        store = GraphStore(database, clock=clock)
        governed = GovernedEnvironments([build_sources(settings, salt=b"demo", clock=clock)], store, clock)
        governed.refresh(_ENVIRONMENT)
        estate = folder / "demo" / "estate"
        scenario.prelude(estate, now)
        prior = [a for sent in scenario.prior_alerts(now) for a in _received(sent, now)]
        subjects = tuple(c.uid for c in subjects_of(governed.graph(_ENVIRONMENT), prior))
        before = (OpenIncident(id="before", title=a.title, subjects=subjects, opened_at=a.started_at) for a in prior)
        scenario.inject(estate, now)
        clock.now = now + timedelta(seconds=1)
        governed.refresh(_ENVIRONMENT)
        alerts = tuple(_received(scenario.alert(now), now))
        graph = governed.graph(_ENVIRONMENT)
        return DemoWorld(
            scenario=scenario,
            graph=held(graph),
            alerts=alerts,
            before=tuple(before),
            deployers=governed.deployers(_ENVIRONMENT),
            gathered=gather(graph, alerts, governed.monitoring(_ENVIRONMENT)),
        )
    finally:
        database.dispose()


def _received(sent: tuple[str, Any], now: datetime) -> list[Alert]:
    sender, payload = sent
    found = SENDERS[sender].parse(json.dumps(payload).encode(), received_at=now)
    return [] if isinstance(found, Ignored) else found


class _Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now
