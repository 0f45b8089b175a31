"""What everybody can see: incidents, evidence, the picture, environments, the audit log."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.app.web.conftest import People
from tests.running_demo import RunningDemo

pytestmark = pytest.mark.browser


def _open(people: People, path: str, role: str = "viewer", **options: Any) -> Any:
    page = people.page(role, **options)
    page.goto(path)
    return page


def test_one_time_link_signs_in_once(site: RunningDemo, people: People) -> None:
    """The link of the demo opens the incidents for one person, and is used up by that."""
    page = people.page()
    page.goto(site.one_time_link)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Incidents")).to_be_visible()
    expect(page.get_by_text("alma · approver")).to_be_visible()
    other = people.page()
    other.goto(site.one_time_link)
    other.get_by_role("button", name="Continue").click()
    expect(other.get_by_role("alert")).to_be_visible()
    expect(other.get_by_text("Sign out")).to_have_count(0)
    assert all("403" in text for text in people.complaints)
    people.complaints.clear()


def test_strangers_are_asked_to_sign_in(people: People) -> None:
    """Without a session every page leads to the sign-in, and a wrong token is refused in words."""
    page = people.page()
    page.goto("/audit")
    assert page.url.endswith("/login")
    page.get_by_label("Access token").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    assert all("401" in text for text in people.complaints)
    people.complaints.clear()


def test_signing_out_ends_the_session(site: RunningDemo, people: People) -> None:
    """After signing out, the pages are closed again."""
    page = people.page()
    page.goto("/login")
    page.get_by_label("Access token").fill(site.credentials["tokens"]["responder"])
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto("/")
    assert page.url.endswith("/login")


def test_incident_is_listed_and_opens(site: RunningDemo, people: People) -> None:
    """The list shows what fired and the diagnosis; a click opens the incident."""
    page = _open(people, "/")
    row = page.get_by_role("row", name=re.compile("payments: charges fail"))
    expect(row).to_contain_text("cause found")
    row.get_by_role("link", name="payments: charges fail").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("payments: charges fail")
    assert page.url.endswith(site.incident("kms-permission-removed"))


def test_incident_answers_what_when_who_and_how(site: RunningDemo, people: People) -> None:
    """The first card tells the cause, the change with the statement that went, its time, its author, its channel."""
    page = _open(people, f"/incidents/{site.incident('kms-permission-removed')}")
    answer = page.locator(".answer")
    expect(answer).to_contain_text("no longer allows kms:Decrypt")
    expect(answer).to_contain_text("priya.raman@kettle.example")
    expect(answer).to_contain_text("by hand")
    expect(answer.locator(".diff .remove").filter(has_text="DecryptCardTokens")).to_have_count(1)
    expect(answer.locator(".diff .add")).to_have_count(0)


def test_evidence_opens_from_its_citation(site: RunningDemo, people: People) -> None:
    """A click on the id behind a sentence opens the observation that carries it, with its data laid out."""
    page = _open(people, f"/incidents/{site.incident('kms-permission-removed')}")
    cite = page.locator(".statements .cite:visible").filter(has_text=re.compile("^log-")).first
    observation = page.locator(f"#{cite.inner_text()}")
    expect(observation.locator("dl")).to_be_hidden()
    cite.click()
    expect(observation.locator("dl")).to_be_visible()
    expect(observation).to_contain_text("AccessDeniedException")


def test_blast_radius_is_drawn_and_explained(site: RunningDemo, people: People) -> None:
    """The picture has ink on its canvas, legible text, and tells how a row of the table is reached."""
    page = _open(people, f"/incidents/{site.incident('kms-permission-removed')}")
    expect(page.locator("#fault[data-drawn]")).to_be_visible()
    assert page.evaluate(_INK, "#fault") > 1000
    tip = page.locator("#fault-tip")
    expect(tip).to_have_text("Point at a resource to see how it is reached.")
    page.locator('tr[data-node="k8s://shop/apps/Deployment/shop/checkout"]').focus()
    expect(tip).to_contain_text("shop/Deployment/checkout: It calls shop/Service/payments")


_INK = """
selector => {
  let painted = 0;
  for (const canvas of document.querySelectorAll(`${selector} canvas`)) {
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 3; i < data.length; i += 4) painted += data[i] > 0 ? 1 : 0;
  }
  return painted;
}
"""


def test_environment_shows_drift_and_sources(people: People) -> None:
    """Environments tell how well each source was read, and lead to what differs."""
    page = _open(people, "/environments")
    expect(page.get_by_role("row", name=re.compile("estate:shop"))).to_contain_text("what runs")
    page.get_by_role("link", name="Show drift").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("shop")
    expect(page.locator(".finding").filter(has_text="aws_kms_key.data")).to_contain_text("4711")


def test_audit_tells_that_the_chain_holds(people: People) -> None:
    """The audit page verifies the chain and lists who did what."""
    page = _open(people, "/audit")
    expect(page.get_by_role("status")).to_contain_text("The log is whole")
    expect(page.get_by_role("row", name=re.compile("alert.received")).first).to_contain_text("INC-")


def test_text_of_an_alert_is_inert_and_visible(site: RunningDemo, people: People) -> None:
    """Markup in a title stays text, and characters that reorder it are spelled out."""
    title = "pricing \u202eliaf\u202c <img src=x onerror=\"document.title='owned'\"><b>bold</b>\u200b"
    id = site.alert(title)
    for path in ("/", f"/incidents/{id}"):
        page = _open(people, path)
        shown = page.locator("h1, td.title").filter(has_text="pricing").first
        expect(shown).to_contain_text("\\u{202e}liaf\\u{202c} <img src=x")
        expect(shown).to_contain_text("<b>bold</b>\\u{200b}")
        assert page.locator("main img, main b").count() == 0
        assert page.title() != "owned"
        assert "\u202e" not in page.content()


@pytest.mark.parametrize("path", ["/", "/incidents/{incident}", "/proposals/{held}", "/environments/shop", "/audit"])
def test_narrow_screens_need_no_sideways_scrolling(site: RunningDemo, people: People, path: str) -> None:
    """At 400 px everything folds; only the page's own height grows."""
    names = {"incident": site.incident("kms-permission-removed"), "held": site.proposal("emergency-fix-drift")}
    page = _open(people, path.format(**names), viewport={"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
