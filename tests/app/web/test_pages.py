"""The pages as HTML, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.web.pages import problem_page, router
from graph.change import Actor, ActorType, Change
from graph.diagnosis.result import DiagnosisVerdict, Statement
from graph.incident import Alert, AlertStatus
from graph.triage import Decision, Rule
from tests.app.api import conftest as api
from tests.graph.builders import k8s


@pytest.fixture
def world(tmp_path: Path) -> Iterator[api.World]:
    """An empty installation with one user for each role."""
    made = api.build(tmp_path)
    yield made
    made.services.database.dispose()


@pytest.fixture
def viewer(world: api.World) -> Iterator[TestClient]:
    """The pages, as a viewer."""
    pages = create_app(world.services, web=router, problem_page=problem_page)
    headers = {"Authorization": f"Bearer {world.tokens['viewer']}", "Accept": "text/html"}
    with TestClient(pages, headers=headers, base_url=api.BASE_URL) as client:
        yield client


def test_the_page_of_an_environment_is_named_after_it_and_shows_coverage_once(viewer: TestClient) -> None:
    """The name of the tab is the name of the environment, and nothing else."""
    page = viewer.get("/environments/demo").text
    assert "<title>demo · Plumbline</title>" in page
    assert page.count("What would be noticed") == 1


def test_drift_is_listed_with_who_and_since_when(world: api.World, viewer: TestClient) -> None:
    """A finding tells who changed it, when and through which channel, as far as the history does."""
    page = viewer.get("/environments/demo").text
    assert "shop/ConfigMap/checkout-config" in page
    assert "<dt>Who</dt><dd>not known</dd>" in page
    change = Change(
        id="change-1",
        uid=k8s("ConfigMap", "checkout-config"),
        kind="config",
        path="/data/PAYMENTS_URL",
        before="http://payments",
        after="http://wrong",
        earliest=world.clock.now - timedelta(minutes=6),
        latest=world.clock.now - timedelta(minutes=6),
        actor=Actor(name="mira", type=ActorType.HUMAN),
        source="audit",
    )
    world.services.graph_store.record_changes("demo", [change])
    page = viewer.get("/environments/demo").text
    assert "<dt>Who</dt><dd>mira</dd>" in page
    assert f"{change.latest:%H:%M:%S} UTC" in page


def test_drift_of_sources_that_are_late_is_not_called_all(world: api.World, viewer: TestClient) -> None:
    """An old reading hides what came since, which the page says, and never that all is as declared."""
    assert "There may be more drift" not in viewer.get("/environments/demo").text
    world.clock.pass_(hours=2)
    page = viewer.get("/environments/demo").text
    assert "There may be more drift" in page
    assert "what came later is unseen" in page


@pytest.mark.parametrize(
    ("path", "back"), [("/incidents/INC-99", "/"), ("/proposals/FIX-99", "/proposals"), ("/nothing", "/")]
)
def test_what_does_not_exist_leads_on(viewer: TestClient, path: str, back: str) -> None:
    """The page of an error leads to a page that exists, not to itself."""
    page = viewer.get(path)
    assert page.status_code == 404
    assert f'class="button" href="{back}"' in page.text
    assert viewer.get(back).status_code == 200


def test_cause_without_a_fix_says_why(world: api.World, viewer: TestClient) -> None:
    """A missing Secret has no proposal, and the page tells that secret values are never handled."""
    found = api.diagnosis(world.clock.now)
    secret = replace(found.causes[0], resource=k8s("Secret", "card-keys"), kind="missing_secret", change=None)
    id = _incident(world)
    world.services.incidents.save_diagnosis(
        id, replace(found, causes=(secret,)), api.radius(), took_s=0.4, model={"used": False, "note": "none"}
    )
    page = viewer.get(f"/incidents/{id}").text
    assert "secret values are never handled here" in page


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (DiagnosisVerdict.INCONCLUSIVE, "Nothing is proposed without a cause."),
        (DiagnosisVerdict.HEALTHY, "Nothing is wrong, so nothing is proposed."),
    ],
    ids=["inconclusive", "healthy"],
)
def test_no_cause_says_that_nothing_is_proposed(
    world: api.World, viewer: TestClient, verdict: DiagnosisVerdict, words: str
) -> None:
    """The panel of the fix is never empty."""
    id = _incident(world)
    found = replace(api.diagnosis(world.clock.now), verdict=verdict, missing=("logs of checkout",))
    world.services.incidents.save_diagnosis(id, found, api.radius(), took_s=0.4, model={})
    page = viewer.get(f"/incidents/{id}").text
    assert words in page
    assert "logs of checkout" in page


def test_noise_is_marked_and_not_hidden(world: api.World, viewer: TestClient) -> None:
    """It stands in the list of all with its mark, alone in the list of noise, and its page says why."""
    id, other = world.incident("A0"), world.incident("A1")
    [alert] = world.services.incidents.get(id).alerts
    decision = Decision(
        alert=alert.id,
        rule=Rule.SPEAKS_AGAINST_IT,
        is_page=False,
        points=-2.0,
        most=-1.0,
        reasons=(Statement(text="It cleared <b>by itself</b>.", evidence=("alert-1",)),),
        unknown=("what its metric did since",),
    )
    world.services.triages.save(id, [(alert, decision)])
    everything, noise = viewer.get("/").text, viewer.get("/?triage=noise").text
    assert f"/incidents/{id}" in everything
    assert f"/incidents/{other}" in everything
    assert f"/incidents/{id}" in noise
    assert f"/incidents/{other}" not in noise
    assert everything.count('<span class="badge held_for">probably noise</span>') == 1
    assert 'data-refresh="/?triage=noise"' in noise
    assert "None" in viewer.get("/?triage=known").text
    page = viewer.get(f"/incidents/{id}").text
    for text in (
        decision.explanation,
        "It cleared &lt;b&gt;by itself&lt;/b&gt;.",
        "Unknown: what its metric did since",
    ):
        assert text in page


def test_a_delivery_that_could_not_be_read_is_shown(world: api.World, viewer: TestClient) -> None:
    """It may be an alert, and an alert that nobody sees is worse than one too many."""
    assert "could not be read" not in viewer.get("/").text
    inbox = world.services.inbox
    now = world.services.clock()
    for key, at in (("old", now - timedelta(days=2)), ("new", now)):
        came = inbox.receive(sender="alertmanager", key=key, body=b"<html>", headers={}, received_at=at)
        inbox.quarantine(came.delivery_id, "the body is not JSON")
    page = viewer.get("/").text
    assert "1 delivery could not be read" in page
    assert "the body is not JSON" in page


def test_empty_pages_say_what_to_do(viewer: TestClient) -> None:
    """An installation in which nothing happened yet explains itself."""
    assert "All quiet" in viewer.get("/").text
    assert "Nothing waits for you" in viewer.get("/proposals").text


def test_pages_take_no_inline_code(world: api.World, viewer: TestClient) -> None:
    """No script or style inside the HTML, as the content security policy refuses both."""
    page = viewer.get(f"/incidents/{world.incident()}").text
    assert " style=" not in page
    assert "<style" not in page
    assert all('type="application/json"' in part or part.startswith(" src=") for part in page.split("<script")[1:])


def test_static_files_are_those_of_the_list(viewer: TestClient) -> None:
    """Nothing outside the folder can be asked for."""
    assert viewer.get("/static/app.css").status_code == 200
    for path in ("/static/..%2fpages.py", "/static/%2e%2e/pages.py", "/static/vendor"):
        assert viewer.get(path).status_code == 404


def _incident(world: api.World) -> str:
    alert = Alert(
        id="alert-1",
        sender="pagerduty",
        key="A1",
        status=AlertStatus.FIRING,
        title="Checkout fails",
        started_at=world.clock.now,
    )
    return world.services.incidents.receive_alert(alert, environment="demo").incident_id
