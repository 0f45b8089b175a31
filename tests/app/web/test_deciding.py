"""Approving and rejecting: who may, who may not, and what they see."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.app.web.conftest import People
from tests.running_demo import RunningDemo

pytestmark = pytest.mark.browser

_APPROVE = re.compile("Approve")


def test_approved_fix_is_executed_and_shown_without_reload(site: RunningDemo, people: People) -> None:
    """An approver sees the exact change and what it touches, approves it, and the page itself tells the end."""
    id = site.proposal("kms-permission-removed")
    page = people.page("approver")
    page.goto(f"/proposals/{id}")
    added = page.locator("#plan .add")
    expect(added.filter(has_text="kms:Decrypt")).to_have_count(1)
    expect(page.locator("#plan .remove")).to_have_count(0)
    expect(page.get_by_text("shop/Deployment/payments is healthy").first).to_be_visible()
    expect(page.locator("#fix[data-drawn]")).to_be_visible()
    expect(page.locator('tr[data-node-of="fix"]').first).to_contain_text("recovers")
    page.get_by_role("button", name=_APPROVE).click()
    expect(page.get_by_role("status").filter(has_text="Succeeded")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(f"{id} approved")).to_be_visible()
    page.get_by_role("link", name=site.incident("kms-permission-removed")).click()
    expect(page.locator(".head .badge")).to_have_text("mitigated")


def test_whole_approval_works_by_keyboard_alone(site: RunningDemo, people: People) -> None:
    """From the list of incidents to the executed fix without a pointer; each stop is visible."""
    id, incident = site.proposal("secret-removed"), site.incident("secret-removed")
    page = people.page("approver")
    page.goto("/")
    page.keyboard.press("Tab")
    assert _focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    _tab_to(page, incident)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/incidents/{incident}*")
    _tab_to(page, "Review and decide")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/proposals/{id}*")
    _tab_to(page, "Approve and run")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Succeeded")).to_be_visible(timeout=60_000)


def test_requester_cannot_approve_what_came_of_their_look(site: RunningDemo, people: People) -> None:
    """Who asks for another look counts as the requester of its proposal; somebody else decides on it."""
    name = "service-selector-mismatch"
    theirs = site.proposal(name, requester="agent:plumbline")
    page = people.page("approver")
    page.goto(f"/incidents/{site.incident(name)}")
    page.get_by_role("button", name="Look again").click()
    own = site.proposal(name, requester="alma")
    page.goto(f"/proposals/{own}")
    expect(page.get_by_text("somebody else has to approve it")).to_be_visible()
    expect(page.get_by_role("button", name=_APPROVE)).to_have_count(0)
    digest = site.client().get(f"/api/proposals/{own}")["digest"]
    assert _posted(page, f"/proposals/{own}/approve", digest) == 403
    people.complaints.clear()
    page.goto(f"/proposals/{theirs}")
    expect(page.locator(".head .badge").first).to_have_text("superseded")
    other = people.page("approver_2")
    other.goto(f"/proposals/{own}")
    expect(other.get_by_role("button", name=_APPROVE)).to_be_visible()


def test_rejecting_needs_a_reason(site: RunningDemo, people: People) -> None:
    """Without a reason the form stays; with one the proposal is rejected and the reason is kept."""
    id = site.proposal("bad-image-rollout")
    page = people.page("approver_2")
    page.goto(f"/proposals/{id}")
    page.get_by_role("button", name="Reject").click()
    assert page.evaluate("document.activeElement.id") == "reason"
    expect(page.locator(".head .badge").first).to_have_text("pending")
    page.get_by_label("Reason for rejecting").fill("the release is rolled forward <b>today</b>")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator(".head .badge").first).to_have_text("rejected")
    expect(page.get_by_text("the release is rolled forward <b>today</b>").first).to_be_visible()


@pytest.mark.parametrize("role", ["viewer", "responder"])
def test_only_approvers_see_buttons(site: RunningDemo, people: People, role: str) -> None:
    """Others read the same page, and are told who decides."""
    page = people.page(role)
    page.goto(f"/proposals/{site.proposal('emergency-fix-drift')}")
    expect(page.get_by_text("Somebody with the role approver has to decide")).to_be_visible()
    expect(page.locator("main button")).to_have_count(0)
    page.goto(f"/incidents/{site.incident('kms-permission-removed')}")
    expect(page.get_by_role("button", name="Look again")).to_have_count(1 if role == "responder" else 0)


def test_proposal_on_hold_cannot_be_approved(site: RunningDemo, people: People) -> None:
    """An emergency fix is not reverted yet: the page says why, offers no approval, and the server refuses one."""
    id = site.proposal("emergency-fix-drift")
    page = people.page("approver")
    page.goto(f"/proposals/{id}")
    expect(page.get_by_role("alert")).to_contain_text("Do not do this yet.")
    expect(page.get_by_role("button", name=_APPROVE)).to_have_count(0)
    expect(page.get_by_role("button", name="Reject")).to_be_visible()
    digest = site.client().get(f"/api/proposals/{id}")["digest"]
    answer = _posted(page, f"/proposals/{id}/approve", digest)
    assert answer == 409
    assert all("409" in text for text in people.complaints)
    people.complaints.clear()


def test_approval_from_a_foreign_page_is_refused(site: RunningDemo, people: People) -> None:
    """A form without the page's own token changes nothing, even with a valid session."""
    id = site.proposal("emergency-fix-drift")
    page = people.page("approver")
    page.goto(f"/proposals/{id}")
    assert _posted(page, f"/proposals/{id}/approve", "0" * 64, csrf="forged") == 403
    people.complaints.clear()


def _posted(page: Any, path: str, digest: str, csrf: str | None = None) -> int:
    script = """async ([path, digest, csrf]) => {
      const token = csrf ?? document.querySelector("[name=csrf_token]").value;
      const response = await fetch(path, { method: "POST", body: new URLSearchParams({ csrf_token: token, digest }) });
      return response.status;
    }"""
    return int(page.evaluate(script, [path, digest, csrf]))


def _focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def _tab_to(page: Any, text: str) -> None:
    for _ in range(120):
        page.keyboard.press("Tab")
        if _focused(page) == text:
            return
    raise AssertionError(f"{text!r} can't be reached with the Tab key")
