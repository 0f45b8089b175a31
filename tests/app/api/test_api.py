"""The JSON API: shapes, states and statuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.store.proposal_records import ProposalStatus
from graph.action import ActionKind
from graph.incident import IncidentStatus
from graph.telemetry import LogLine, Mood, Telemetry
from graph.triage import triage
from tests.app.api.conftest import CHECKOUT, CONFIG, World


def error(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_an_incident_has_the_promised_shape(world: World) -> None:
    """Status, alerts, diagnosis, blast radius and proposals stand where clients expect them."""
    id = world.incident()
    proposal = world.proposal(id)
    incident = world.client("viewer").get(f"/api/incidents/{id}").json()
    assert incident["status"] == "diagnosed"
    assert incident["alerts"][0]["title"] == "Checkout fails \ufffd\u202e"
    diagnosis = incident["diagnosis"]
    assert (diagnosis["verdict"], diagnosis["took_s"], diagnosis["model_used"]) == ("cause_found", 0.4, False)
    (cause,) = diagnosis["causes"]
    assert {"resource", "kind", "summary", "confidence", "change", "drift", "evidence", "against"} <= set(cause)
    assert (cause["resource"], cause["resource_name"]) == (CONFIG, "shop/ConfigMap/checkout-config")
    assert (cause["change"]["channel"], cause["change"]["actor"]["name"]) == ("by_hand", "mallory")
    assert cause["change"]["after"] == "inf"
    assert diagnosis["gaps"][0]["what"] == "logs"
    (affected,) = incident["blast_radius"]["affected"]
    assert (affected["resource"], affected["band"], affected["mode"]) == (CHECKOUT, "certain", "degraded")
    assert affected["path"] == [CONFIG, CHECKOUT]
    assert incident["blast_radius"]["unseen"]
    assert [p["id"] for p in incident["proposals"]] == [proposal]


def test_every_cited_observation_can_be_opened(world: World) -> None:
    """Ids in statements lead to the evidence, alone and in the list."""
    id = world.incident()
    client = world.client("viewer")
    (cause,) = client.get(f"/api/incidents/{id}").json()["diagnosis"]["causes"]
    listed = {o["id"] for o in client.get(f"/api/incidents/{id}/evidence").json()["evidence"]}
    assert {*cause["evidence"], *cause["against"]} <= listed
    one = client.get(f"/api/incidents/{id}/evidence/{cause['evidence'][0]}")
    assert one.json()["resource"] == CONFIG
    assert error(client.get(f"/api/incidents/{id}/evidence/drift-none")) == (404, "not_found")


def test_incidents_are_listed_newest_first_in_pages(world: World) -> None:
    """The last id of a page is where the next one begins."""
    ids = [world.incident(f"A{n}") for n in range(3)]
    client = world.client("viewer")
    first = client.get("/api/incidents", params={"limit": 2}).json()["incidents"]
    assert [i["id"] for i in first] == [ids[2], ids[1]]
    rest = client.get("/api/incidents", params={"before": first[-1]["id"]}).json()["incidents"]
    assert [i["id"] for i in rest] == [ids[0]]
    assert rest[0]["diagnosis"]["verdict"] == "cause_found"
    assert client.get("/api/incidents", params={"status": "resolved"}).json() == {"incidents": []}


def test_incidents_tell_what_they_are_held_for(world: World) -> None:
    """Noise is listed like the rest, can be asked for alone, and each reason leads to what was seen."""
    id, other = world.incident("A0"), world.incident("A1")
    [alert] = world.services.incidents.get(id).alerts
    ended = replace(alert, ended_at=alert.started_at + timedelta(seconds=20), form="f", firings=9)
    line = LogLine(resource=CHECKOUT, at=None, severity="", text="GC", form="f", mood=Mood.NEUTRAL, baseline=1.0)
    graph = world.services.environments.graph("demo")
    [decision] = triage(graph, [ended], telemetry=Telemetry(logs=(line,)))
    world.services.triages.save(id, [(alert, decision)])
    client = world.client("viewer")
    listed = {i["id"]: i["triage"] for i in client.get("/api/incidents").json()["incidents"]}
    assert listed == {id: "noise", other: "undecided"}
    noise = client.get("/api/incidents", params={"triage": "noise"}).json()["incidents"]
    assert [i["id"] for i in noise] == [id]
    shown = client.get(f"/api/incidents/{id}").json()
    [told] = shown["decisions"]
    assert (shown["triage"], told["rule"], told["alert"]) == ("noise", "speaks_against_it", alert.id)
    assert {"It fired 9 times within an hour."} <= {r["text"] for r in told["reasons"]}
    cited = {e for r in told["reasons"] for e in r["evidence"]}
    assert cited <= {o["id"] for o in client.get(f"/api/incidents/{id}/evidence").json()["evidence"]}
    assert all(client.get(f"/api/incidents/{id}/evidence/{e}").status_code == 200 for e in cited)
    texts = [e["text"] for e in client.get(f"/api/incidents/{id}/timeline").json()["events"]]
    assert texts[-1] == f"Held for noise: {decision.explanation}"
    assert error(client.get("/api/incidents", params={"triage": "maybe"}))[0] == 422


def test_the_timeline_tells_in_sentences(world: World) -> None:
    """Alert, diagnosis, proposal and decision stand in order."""
    id = world.incident()
    proposal = world.proposal(id)
    world.client("approver").post(f"/api/proposals/{proposal}/approve", json={})
    texts = [e["text"] for e in world.client("viewer").get(f"/api/incidents/{id}/timeline").json()["events"]]
    assert texts == [
        "Alert received: firing",
        "Diagnosis 1: cause found",
        f"{proposal} proposed: Set 1 field of shop/ConfigMap/checkout-config",
        f"{proposal} approved",
    ]


def test_another_look_is_asked_for_in_the_callers_name(world: World) -> None:
    """Who asked counts as the requester of what comes of it, and stands in the audit log."""
    id = world.incident()
    assert world.client("responder").post(f"/api/incidents/{id}/investigate").status_code == 202
    assert world.looks == [(id, "responder-user")]
    assert error(world.client("viewer").post(f"/api/incidents/{id}/investigate")) == (403, "not_allowed")
    world.services.incidents.set_status(id, IncidentStatus.RESOLVED)
    assert error(world.client("responder").post(f"/api/incidents/{id}/investigate")) == (409, "conflict")


def test_a_proposal_shows_all_that_is_approved(world: World) -> None:
    """Text, preconditions, verification, rollback, blast radius and digest."""
    id = world.proposal(world.incident())
    proposal = world.client("viewer").get(f"/api/proposals/{id}").json()
    assert "http://payments" in proposal["text"]
    assert proposal["plan"]["kind"] == ActionKind.SET_FIELDS
    assert proposal["preconditions"][0]["value"] == "http://wrong"
    assert proposal["verification"][0]["value"] == "http://payments"
    assert proposal["rollback"][0]["edits"][0]["after"] == "http://wrong"
    assert proposal["blast_radius"]["affected"]
    assert (proposal["status"], len(proposal["digest"])) == ("pending", 64)


def test_approving_what_was_shown(world: World) -> None:
    """The digest that was shown is posted back; the approval is stored under the approver's name."""
    id = world.proposal(world.incident())
    client = world.client("approver")
    shown = client.get(f"/api/proposals/{id}").json()
    answer = client.post(f"/api/proposals/{id}/approve", json={"digest": shown["digest"], "reason": "looks right"})
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["approvals"][0]["approver"]) == ("approved", "approver-user")
    assert error(world.client("approver2").post(f"/api/proposals/{id}/approve", json={})) == (409, "conflict")


@pytest.mark.parametrize("role", ["viewer", "responder", "agent"])
def test_who_may_not_approve(world: World, role: str) -> None:
    """Lower roles and programs never approve, not even a program that is an admin."""
    id = world.proposal(world.incident())
    assert error(world.client(role).post(f"/api/proposals/{id}/approve", json={})) == (403, "not_allowed")


def test_nobody_approves_what_they_asked_for(world: World) -> None:
    """The requester is never the approver."""
    id = world.proposal(world.incident(), requester="approver-user")
    assert error(world.client("approver").post(f"/api/proposals/{id}/approve", json={})) == (403, "not_allowed")
    assert world.client("approver2").post(f"/api/proposals/{id}/approve", json={}).status_code == 200


def test_what_is_on_hold_expired_or_not_what_was_shown_is_a_conflict(world: World) -> None:
    """None of these is approved; the state says why."""
    incident = world.incident()
    client = world.client("approver")
    held = world.proposal(incident, hold="An incident is open.", cause="one")
    assert error(client.post(f"/api/proposals/{held}/approve", json={})) == (409, "conflict")
    other = world.proposal(world.incident("A2"), cause="two")
    assert error(client.post(f"/api/proposals/{other}/approve", json={"digest": "0" * 64})) == (409, "conflict")
    world.clock.pass_(hours=2)
    assert error(client.post(f"/api/proposals/{other}/approve", json={})) == (409, "conflict")
    assert world.services.proposals.get(other).status is ProposalStatus.EXPIRED


def test_rejecting_needs_a_reason(world: World) -> None:
    """The reason is kept; a second no is a conflict."""
    id = world.proposal(world.incident())
    client = world.client("approver")
    assert error(client.post(f"/api/proposals/{id}/reject", json={"reason": ""})) == (422, "invalid")
    answer = client.post(f"/api/proposals/{id}/reject", json={"reason": "not now"})
    assert (answer.json()["status"], answer.json()["outcome"]) == ("rejected", "not now")
    assert error(client.post(f"/api/proposals/{id}/reject", json={"reason": "again"})) == (409, "conflict")


@pytest.mark.parametrize("id", ["INC-9", "INC-0", "x", "INC-99999999999999", "%00", "FIX-1"])
def test_unknown_ids_are_not_found(world: World, id: str) -> None:
    """Ids of any form that name nothing are a 404."""
    client = world.client("viewer")
    assert client.get(f"/api/incidents/{id}").status_code == 404
    assert client.get(f"/api/proposals/{id}").status_code == 404


def test_resources_are_found_by_name(world: World) -> None:
    """Search, and one resource with its facets and relations, by uid or by a short name."""
    client = world.client("viewer")
    assert client.get("/api/graph/environments").json()["environments"][0]["resources"] == 3
    found = client.get("/api/graph/demo/resources", params={"q": "checkout", "limit": 2}).json()
    assert (found["total"], len(found["resources"])) == (3, 2)
    for name in (CONFIG, "shop/ConfigMap/checkout-config", "configmap/checkout-config", "checkout-config"):
        one = client.get("/api/graph/demo/resource", params={"uid": name}).json()
        assert one["uid"] == CONFIG
    assert set(one["states"]) == {"intended", "applied", "actual"}
    assert one["incoming"][0]["source"] == CHECKOUT
    assert error(client.get("/api/graph/demo/resource", params={"uid": "checkout"})) == (409, "conflict")
    assert error(client.get("/api/graph/demo/resource", params={"uid": "nothing"})) == (404, "not_found")
    assert error(client.get("/api/graph/other/drift")) == (404, "not_found")


def test_the_past_can_be_asked_for(world: World) -> None:
    """Before anything was observed there is nothing."""
    params = {"as_of": "2020-01-01T00:00:00+05:00"}
    assert world.client("viewer").get("/api/graph/demo/resources", params=params).json()["total"] == 0


def test_drift_why_and_blast(world: World) -> None:
    """A field that was changed out of band is found, explained, and what reads it is named."""
    client = world.client("viewer")
    (finding,) = client.get("/api/graph/demo/drift").json()["findings"]
    assert (finding["path"], finding["actual"]) == ("/data/PAYMENTS_URL", "http://wrong")
    why = client.get(
        "/api/graph/demo/why", params={"resource": "shop/ConfigMap/checkout-config#/data/PAYMENTS_URL"}
    ).json()
    assert why["findings"][0]["path"] == "/data/PAYMENTS_URL"
    assert [d["resource"] for d in why["dependents"]] == [CHECKOUT]
    assert "differs from its declaration" in why["summary"]
    fine = client.get("/api/graph/demo/why", params={"resource": CHECKOUT}).json()
    assert "as it was declared" in fine["summary"]
    slip = client.get("/api/graph/demo/why", params={"resource": "shop/ConfigMap/checkout-config#/data/PAYMENT"}).json()
    assert slip["summary"] == "/data/PAYMENT is set neither where it is declared nor where it runs."
    blast = client.get("/api/graph/demo/blast", params={"resource": CONFIG}).json()
    assert CHECKOUT in {a["resource"] for a in blast["affected"]}


@pytest.mark.parametrize("pointer", ["/data/²", "data", "/data/" + "9" * 5000])
def test_a_field_that_cannot_exist_is_not_found(world: World, pointer: str) -> None:
    """Digits of other scripts and endless positions are no field."""
    for question in ("why", "blast"):
        response = world.client("viewer").get(
            f"/api/graph/demo/{question}", params={"resource": f"{CONFIG}#{pointer}"[:2048]}
        )
        assert response.status_code == 404


def test_the_audit_log_is_served_and_checked(world: World) -> None:
    """Entries come oldest first from a number on, and the chain is verified."""
    client = world.client("viewer")
    entries = client.get("/api/audit", params={"limit": 3}).json()["entries"]
    assert [e["seq"] for e in entries] == [1, 2, 3]
    later = client.get("/api/audit", params={"after": 3, "limit": 1}).json()["entries"]
    assert later[0]["seq"] == 4
    assert client.get("/api/audit/verify").json()["ok"] is True


def test_me_tells_what_the_role_includes(world: World) -> None:
    """A page can ask what to offer."""
    me = world.client("approver").get("/api/me").json()
    assert (me["name"], me["role"], me["may"]) == ("approver-user", "approver", ["viewer", "responder", "approver"])


def test_coverage_names_shares_kinds_and_blind_spots(world: World) -> None:
    """Resources and fields are counted by detector, and the page of blind spots knows how many there are."""
    found = world.client("viewer").get("/api/graph/demo/coverage", params={"limit": 1}).json()
    assert found["fields"]["total"] == found["fields"]["live"] + found["fields"]["poll"] + found["fields"]["blind"] > 0
    assert 0 <= found["fields"]["share"] <= 1
    assert {k["kind"] for k in found["kinds"]} >= {"Deployment", "ConfigMap"}
    assert len(found["blind"]) == min(1, found["total_blind"])
