"""The pages. They show what the API shows, through the same bodies, and change things through the same calls."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app import auth
from app.api.bodies import Change, plain
from app.api.coverage import coverage_body
from app.api.incidents import evidence_of, incident_body, incident_summary, investigate
from app.api.outcomes import Memory, OutcomeRequest, RemoveRequest, remove_memory, tell_outcome
from app.api.proposals import ApproveRequest, Proposal, ProposalSummary, RejectRequest, approve, reject
from app.api.timeline import events
from app.services import Services, services_of
from app.stateless import report_json
from app.store.inbox import Delivery
from app.store.proposal_records import ProposalStatus
from app.store.users import PrincipalKind, Role, User
from app.web.before_after import before_after, difference
from app.web.filters import FILTERS
from app.web.picture import elements
from graph import change as domain
from graph.attribution import attribute
from graph.diagnosis.result import Diagnosis, DiagnosisVerdict
from graph.document import Object, digest
from graph.drift import compare_graph
from graph.errors import NotAllowed, NotFound
from graph.ignoring import sift
from graph.incident import IncidentStatus
from graph.plan_text import LineKind, describe, diff_lines
from graph.remediation import advice
from graph.resource import display_uid
from graph.source_gaps import is_complete, source_gaps
from graph.triage import Verdict

router = APIRouter(include_in_schema=False)

_HERE = Path(__file__).parent
_STATIC = {p.relative_to(_HERE / "static").as_posix(): p for p in (_HERE / "static").rglob("*") if p.is_file()}
_MOVING = {IncidentStatus.OPEN, IncidentStatus.INVESTIGATING, IncidentStatus.FIXING}
_UNDECIDED = {ProposalStatus.PENDING, ProposalStatus.APPROVED, ProposalStatus.RUNNING}

_MOST_BLIND = 50
"""Blind spots on a page; the API gives all of them."""

_MOST_ATTRIBUTED = 100
"""Findings on a page of which is told who and when; more than a person reads, and each costs a look at the history."""

_CHOICES = (
    ("", "All"),
    (Verdict.REAL.value, "Real"),
    (Verdict.UNDECIDED.value, "Undecided"),
    (Verdict.KNOWN.value, "Known already"),
    (Verdict.NOISE.value, "Probably noise"),
)
"""What the list of incidents can be narrowed to, and its name."""

_MARKS = {LineKind.ADD: "+", LineKind.REMOVE: "\u2212"}

_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(FILTERS)

_MOST_UNREAD = 100
"""Deliveries that are counted; for more than that the number no longer matters."""

Viewer = Annotated[User, auth.require(Role.VIEWER)]


@router.get("/")
def incidents(request: Request, user: Viewer, triage: Verdict | None = None) -> Response:
    """All incidents, or those held for one thing, newest first."""
    services = services_of(request)
    listed = services.incidents.list(limit=100, triage=triage)
    found = [incident_summary(services, i).model_dump(mode="json") for i in listed]
    return _page(
        "incidents",
        "Incidents",
        request,
        user,
        incidents=found,
        unread=_unread(services),
        state=_state(found),
        choices=_CHOICES,
        chosen=triage.value if triage else "",
    )


def _unread(services: Services) -> list[Delivery]:
    """Deliveries of the last day that nobody could read, newest first: each may be an alert that no incident shows."""
    since = services.clock() - timedelta(days=1)
    return [d for d in services.inbox.quarantined(limit=_MOST_UNREAD) if d.received_at > since]


@router.get("/incidents/{id}")
def incident(request: Request, user: Viewer, id: str) -> Response:
    """One incident: diagnosis, evidence, reach, timeline, proposals."""
    services = services_of(request)
    body = incident_body(services, id)
    shown = body.model_dump(mode="json")
    saved = services.incidents.latest_diagnosis(id)
    if saved and body.diagnosis:
        for cause, found in zip(shown["diagnosis"]["causes"], saved.diagnosis.causes, strict=True):
            if found.change:
                cause["change"]["before_after"] = before_after(found.change, found.drift)
        shown["diagnosis"]["model"] = {"used": False, "note": "", "name": "", "comments": []} | body.diagnosis.model
    evidence = [o.model_dump(mode="json") for o in evidence_of(services, id)]
    timeline = [e.model_dump(mode="json") for e in events(services.incidents.timeline(id))]
    is_live = body.diagnosis is None or body.status in _MOVING or _is_moving(body.proposals)
    return _page(
        "incident",
        "Incidents",
        request,
        user,
        i=shown,
        evidence=evidence,
        timeline_events=timeline,
        advice=_advice(services, body.environment, saved.diagnosis) if saved and not body.proposals else (),
        fault_picture=elements(shown["blast_radius"], display_uid) if shown["blast_radius"] else [],
        live=is_live,
        state=_state(
            [
                shown["status"],
                shown["diagnosis"] and shown["diagnosis"]["number"],
                shown["proposals"],
                shown["decisions"],
            ]
        ),
        may_respond=user.role.includes(Role.RESPONDER),
        may_tell=user.kind is PrincipalKind.HUMAN and user.role.includes(Role.RESPONDER),
        told=[Memory.of(m).model_dump(mode="json") for m in services.memories.of_incident(id)],
        may_approve=user.kind is PrincipalKind.HUMAN and user.role.includes(Role.APPROVER),
    )


@router.post("/incidents/{id}/investigate")
def look_again(request: Request, user: Annotated[User, auth.require(Role.RESPONDER)], id: str) -> Response:
    """Ask for another look."""
    investigate(request, id, user)
    return RedirectResponse(f"/incidents/{id}", 303)


@router.post("/incidents/{id}/outcome")
def outcome(
    request: Request,
    user: Annotated[User, auth.require(Role.RESPONDER)],
    id: str,
    cause: Annotated[str, Form(pattern=r"^([0-9]{1,3}|none)$")],
    note: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Say which of the causes it was, or none of them."""
    chosen = None if cause == "none" else int(cause)
    tell_outcome(request, id, OutcomeRequest(cause=chosen, note=note), user)
    return RedirectResponse(f"/incidents/{id}#outcome", 303)


@router.get("/memories")
def memories(request: Request, user: Viewer) -> Response:
    """What people said of diagnoses, and what it was used for."""
    found = [Memory.of(m).model_dump(mode="json") for m in services_of(request).memories.list(limit=200)]
    may_remove = user.kind is PrincipalKind.HUMAN and user.role.includes(Role.RESPONDER)
    return _page("memories", "Memories", request, user, memories=found, may_remove=may_remove)


@router.post("/memories/{id}/remove")
def remove(
    request: Request,
    user: Annotated[User, auth.require(Role.RESPONDER)],
    id: str,
    reason: Annotated[str, Form(min_length=1, max_length=1000)],
) -> Response:
    """Take a memory out of use."""
    remove_memory(request, id, RemoveRequest(reason=reason), user)
    return RedirectResponse("/memories", 303)


@router.get("/proposals")
def proposals(request: Request, user: Viewer) -> Response:
    """All proposals; those that wait stand first."""
    found = [ProposalSummary.of(p).model_dump(mode="json") for p in services_of(request).proposals.list()]
    found.sort(key=lambda p: p["status"] not in ("pending", "held"))
    return _page("proposals", "Approvals", request, user, proposals=found, state=_state(found))


@router.get("/proposals/{id}")
def proposal(request: Request, user: Viewer, id: str) -> Response:
    """One proposal, exactly as it would be executed."""
    services = services_of(request)
    found = services.proposals.get(id)
    shown = Proposal.of(found).model_dump(mode="json")
    lines = diff_lines(found.plan)
    shown["lines"] = [{"kind": i.kind.value, "mark": _MARKS.get(i.kind, ""), "text": i.text} for i in lines]
    shown["before"] = [describe(c) for c in found.plan.preconditions]
    shown["after"] = [describe(c) for c in found.plan.verification]
    timeline = [e for e in services.incidents.timeline(found.incident_id) if e.subject == id]
    obstacle = _obstacle(user, found.requester)
    return _page(
        "proposal",
        "Approvals",
        request,
        user,
        p=shown,
        fix_picture=elements(shown["blast_radius"], display_uid, begins="fix"),
        timeline_events=[e.model_dump(mode="json") for e in events(timeline)],
        live=found.status in _UNDECIDED,
        state=_state([shown["status"], len(shown["approvals"])]),
        may_decide=not obstacle,
        may_not=obstacle,
    )


@router.post("/proposals/{id}/approve")
def approve_proposal(
    request: Request,
    user: Annotated[User, auth.require(Role.APPROVER)],
    id: str,
    digest: Annotated[str, Form(max_length=128)],
) -> Response:
    """Approve what was shown; the form always sends back its digest."""
    approve(request, id, user, ApproveRequest(digest=digest))
    return RedirectResponse(f"/proposals/{id}", 303)


@router.post("/proposals/{id}/reject")
def reject_proposal(
    request: Request,
    user: Annotated[User, auth.require(Role.APPROVER)],
    id: str,
    reason: Annotated[str, Form(min_length=1, max_length=1000)],
) -> Response:
    """Reject with a reason."""
    reject(request, id, RejectRequest(reason=reason), user)
    return RedirectResponse(f"/proposals/{id}", 303)


@router.get("/environments")
def environments(request: Request, user: Viewer) -> Response:
    """All environments and how well their sources were read."""
    services = services_of(request)
    graphs = [services.environments.graph(name) for name in services.environments.names()]
    found = [{"name": g.name, "resources": len(g), "sources": [plain(s) for s in g.sources]} for g in graphs]
    return _page("environments", "Environments", request, user, environments=found)


@router.get("/environments/{name}")
def environment(request: Request, user: Viewer, name: str) -> Response:
    """What was declared beside what runs."""
    graph = services_of(request).environments.graph(name)
    rules = services_of(request).environments.ignore_rules(name)
    sifted = sift(compare_graph(graph), rules, today=graph.as_of.date())
    report = sifted.report
    shown = {**plain(report_json(report)), "ignored": len(sifted.ignored), "expired": list(sifted.expired)}
    deployers = services_of(request).environments.deployers(name)
    findings = [
        {
            **body,
            "lines": difference(found.intended, found.actual),
            "change": _change(attribute(graph, found, deployers=deployers)) if number < _MOST_ATTRIBUTED else None,
        }
        for number, (body, found) in enumerate(zip(shown["findings"], report.findings, strict=True))
    ]
    return _page(
        "environment",
        "Environments",
        request,
        user,
        name=name,
        report=shown,
        findings=findings,
        attributed=_MOST_ATTRIBUTED,
        complete=is_complete(graph),
        gaps=[plain(gap) for gap in source_gaps(graph)],
        seen=coverage_body(graph, report, limit=_MOST_BLIND).model_dump(mode="json"),
    )


@router.get("/audit")
def audit(request: Request, user: Viewer) -> Response:
    """The newest entries of the audit log, and whether the chain holds."""
    log = services_of(request).audit
    newest_first = sorted((plain(e) for e in log.latest(300)), key=lambda e: -e["seq"])
    return _page("audit", "Audit", request, user, report=log.verify(), entries=newest_first)


@router.get("/login", dependencies=[auth.PUBLIC])
def login_form(request: Request) -> Response:
    """Ask for an access token."""
    return HTMLResponse(_render("login", "", request, None, problem=""))


@router.post("/login", dependencies=[auth.PUBLIC])
def login(request: Request, token: Annotated[str, Form(max_length=512)]) -> Response:
    """Sign in with an access token."""
    user = services_of(request).users.by_token(token.strip())
    if user is None:
        problem = "This token is not valid. Ask an administrator for a new one."
        return HTMLResponse(_render("login", "", request, None, problem=problem), 401)
    return _signed_in(request, user)


@router.get("/login/{code}", dependencies=[auth.PUBLIC])
def login_once_form(request: Request, code: str) -> Response:
    """Show a button for a one-time link, so that whatever previews links does not use it up."""
    if not re.fullmatch(r"[\w-]{1,256}", code):
        raise NotFound("this sign-in link is not complete: copy all of it")
    return HTMLResponse(_render("login_once", "", request, None, code=code))


@router.post("/login/once", dependencies=[auth.PUBLIC])
def login_once(request: Request, code: Annotated[str, Form(max_length=256)]) -> Response:
    """Sign in with a one-time link."""
    try:
        return _signed_in(request, services_of(request).users.redeem(code))
    except NotAllowed as error:
        return HTMLResponse(_render("login", "", request, None, problem=str(error)), 403)


@router.post("/logout")
def logout(request: Request, user: Viewer) -> Response:  # noqa: ARG001  (only somebody signed in can sign out)
    """Sign out."""
    response = RedirectResponse("/login", 303)
    auth.end_session(request, response)
    return response


@router.get("/static/{path:path}", dependencies=[auth.PUBLIC])
def static(path: str) -> Response:
    """Style, script and icon; nothing outside the list made at start can be asked for."""
    if path not in _STATIC:
        raise NotFound(f"there is no file {path!r}")
    return FileResponse(_STATIC[path], headers={"Cache-Control": "public, max-age=300"})


def problem_page(request: Request, status: int, message: str) -> Response:
    """Build the page for an error: what failed, and a way back. Somebody who is not signed in is sent to sign in."""
    if status == 401:
        return RedirectResponse("/login", 303)
    title = {403: "Not allowed", 404: "Not found", 409: "Not possible now", 503: "No answer"}.get(
        status, "Not possible"
    )
    user = auth.current_user(request) if status < 500 else None
    way, back = _way_back(request)
    content = _render("error", "", request, user, title=title, message=message, way=way, back=back)
    return HTMLResponse(content, status)


def _way_back(request: Request) -> tuple[str, str]:
    """Name and path of where to go on: a page that failed leads to its list, a form to the page it stands on."""
    place = request.url.path.split("/")[1]
    known = {"proposals": "approvals", "environments": "environments", "memories": "memories"}
    if request.method != "GET" and place in ("incidents", "proposals"):
        return "Go back", "/".join(request.url.path.split("/")[:3])
    return f"All {known.get(place, 'incidents')}", f"/{place if place in known else ''}"


def _signed_in(request: Request, user: User) -> Response:
    response = RedirectResponse("/", 303)
    auth.start_session(request, response, user)
    return response


def _obstacle(user: User, requester: str) -> str:
    """Why this person can't decide; empty when they can."""
    if user.kind is not PrincipalKind.HUMAN or not user.role.includes(Role.APPROVER):
        return f"You are signed in as {user.role.value}. Somebody with the role approver has to decide."
    if user.name == requester:
        return "You asked for this; somebody else has to approve it."
    return ""


def _advice(services: Services, environment: str, diagnosis: Diagnosis) -> tuple[str, ...]:
    """Why nothing is proposed although there is a cause."""
    if diagnosis.verdict is not DiagnosisVerdict.CAUSE_FOUND:
        return ()
    graph = services.environments.graph(environment, as_of=diagnosis.as_of)
    told = advice(graph, diagnosis, now=services.clock())
    return told or ("No action that policy allows answers this cause.",)


def _change(change: domain.Change) -> Object:
    """A change without the values, which stand in the difference beside it."""
    return Change.of(change).model_dump(mode="json") | {"path": "", "before_after": ()}


def _is_moving(found: list[ProposalSummary]) -> bool:
    return any(p.status in _UNDECIDED for p in found)


def _state(value: Any) -> str:
    """A short mark of what a page shows; the page loads itself again when it changes."""
    return digest(value)[:16]


def _page(template: str, page: str, request: Request, user: User, **content: Any) -> Response:
    return HTMLResponse(_render(template, page, request, user, **content))


def _render(template: str, page: str, request: Request, user: User | None, **content: Any) -> str:
    waiting = len(services_of(request).proposals.list(ProposalStatus.PENDING)) if user else 0
    return _templates.get_template(f"{template}.html").render(
        page=page, user=user, csrf=auth.csrf_token(request), waiting=waiting, **content
    )
