"""The ten incidents of the demo, from their sources through the store to a diagnosis: each ends as it should."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.demo.build import build, environment_config
from app.demo.scenarios import SCENARIOS, Scenario
from app.environments import GovernedEnvironments
from app.senders import SENDERS
from app.settings import EnvironmentSettings
from app.sources import build_sources
from app.store.database import Database
from app.store.graph import GraphStore
from graph.change import Channel
from graph.diagnosis.engine import diagnose, subjects_of
from graph.diagnosis.result import Diagnosis
from graph.drift import compare_graph
from graph.incident import Alert, OpenIncident
from tools.adapters.delivery import Ignored

NOW = datetime.now(UTC).replace(microsecond=0)
ONE_READING_BEFORE = timedelta(minutes=45)
"""The environment was read once before anything happened."""


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo estate as built, to be copied."""
    folder = tmp_path_factory.mktemp("demo")
    build(folder, now=NOW - ONE_READING_BEFORE)
    return folder


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW - ONE_READING_BEFORE

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def environments(pristine: Path, tmp_path: Path) -> Iterator[tuple[GovernedEnvironments, Clock, Path]]:
    """A governed copy of the demo that was read once."""
    shutil.copytree(pristine / "demo", tmp_path / "demo")
    clock = Clock()
    database = Database(f"sqlite:///{tmp_path / 'plumbline.db'}")
    database.migrate()
    settings = EnvironmentSettings.model_validate(environment_config(tmp_path))
    sources = build_sources(settings, salt=b"salt", clock=clock)
    governed = GovernedEnvironments([sources], GraphStore(database, clock=clock), clock)
    governed.refresh("shop")
    yield governed, clock, tmp_path / "demo" / "estate"
    database.dispose()


def _received(sent: tuple[str, object]) -> list[Alert]:
    sender, payload = sent
    found = SENDERS[sender].parse(json.dumps(payload).encode(), received_at=NOW)
    assert not isinstance(found, Ignored)
    return found


def _diagnosed(scenario: Scenario, environments: tuple[GovernedEnvironments, Clock, Path]) -> Diagnosis:
    governed, clock, estate = environments
    prior = [alert for sent in scenario.prior_alerts(NOW) for alert in _received(sent)]
    subjects = tuple(c.uid for c in subjects_of(governed.graph("shop"), prior))
    open_incidents = [
        OpenIncident(id="before", title=a.title, subjects=subjects, opened_at=a.started_at) for a in prior
    ]
    scenario.inject(estate, NOW)
    clock.now = NOW + timedelta(seconds=1)
    governed.refresh("shop")
    graph = governed.graph("shop")
    return diagnose(
        graph,
        _received(scenario.alert(NOW)),
        drift=compare_graph(graph),
        deployers=governed.deployers("shop"),
        open_incidents=open_incidents,
    )


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_the_incident_is_diagnosed_as_it_should(
    name: str, environments: tuple[GovernedEnvironments, Clock, Path]
) -> None:
    """Verdict, cause and resource are right, and each sentence cites an observation that is there."""
    scenario = SCENARIOS[name]
    found = _diagnosed(scenario, environments)
    expected = scenario.expected
    assert found.verdict is expected.verdict
    if expected.cause_kind:
        top = found.causes[0]
        assert (top.kind, top.resource) == (expected.cause_kind, expected.cause_resource)
    known = {o.id for o in found.observations}
    sentences = [s for c in found.causes for s in (*c.statements, *c.against)]
    assert all(s.evidence and set(s.evidence) <= known for s in sentences)


def test_the_permission_incident_names_who_when_and_how(
    environments: tuple[GovernedEnvironments, Clock, Path],
) -> None:
    """The lost permission is told with its statement before and after, the instant, the person and the channel."""
    change = _diagnosed(SCENARIOS["kms-permission-removed"], environments).causes[0].change
    assert change is not None
    assert (change.channel, change.earliest) == (Channel.BY_HAND, change.latest)
    assert isinstance(change.before, dict)
    assert "kms:Decrypt" in json.dumps(change.before)
    assert "kms:Decrypt" not in json.dumps(change.after, default=str)
    assert change.actor is not None
    assert "@" in change.actor.name
    assert change.evidence


def test_the_rollout_incident_is_a_deployment(environments: tuple[GovernedEnvironments, Clock, Path]) -> None:
    """The pipeline inside its run, with the value of its commit, is a deployment and no drift."""
    top = _diagnosed(SCENARIOS["bad-image-rollout"], environments).causes[0]
    assert top.drift is None
    assert top.change is not None
    assert top.change.channel is Channel.DEPLOYMENT


def test_the_unknown_incident_says_what_is_missing(environments: tuple[GovernedEnvironments, Clock, Path]) -> None:
    """Without evidence there is no leading story in the summary, but what could not be seen."""
    found = _diagnosed(SCENARIOS["cause-unknown"], environments)
    assert any("logs" in gap.what for gap in found.gaps)
    assert "Nothing that is known explains" in found.summary
    assert found.missing
