"""Every page, light and dark, passes the checks of axe-core."""

from __future__ import annotations

from importlib.resources import files

import pytest

from tests.app.web.conftest import People
from tests.running_demo import RunningDemo

pytestmark = pytest.mark.browser

_PAGES = {
    "incidents": "/",
    "cause": "/incidents/{kms}",
    "held": "/incidents/{emergency}",
    "proposals": "/proposals",
    "proposal": "/proposals/{fix}",
    "hold": "/proposals/{held}",
    "environments": "/environments",
    "drift": "/environments/shop",
    "memories": "/memories",
    "audit": "/audit",
    "missing": "/incidents/INC-999",
}


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core, as a package of the test environment brings it."""
    pytest.importorskip("axe_playwright_python", reason="no axe-core: pip install axe-playwright-python")
    return files("axe_playwright_python").joinpath("axe.min.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_pass_axe(site: RunningDemo, people: People, axe: str, scheme: str) -> None:
    """Labels, roles, headings, landmarks and contrast are right on every page, with everything opened."""
    names = {
        "kms": site.incident("kms-permission-removed"),
        "emergency": site.incident("emergency-fix-drift"),
        "fix": site.proposal("kms-permission-removed"),
        "held": site.proposal("emergency-fix-drift"),
    }
    faults = []
    page = people.page("approver", color_scheme=scheme)
    for name, path in _PAGES.items():
        page.goto(path.format(**names))
        page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
        page.evaluate(axe)
        found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
        faults += [f"{name}: {v['id']} {v['nodes'][0]['html'][:120]}" for v in found["violations"]]
    assert faults == []
    assert all("404" in text for text in people.complaints)
    people.complaints.clear()


def test_sign_in_passes_axe(people: People, axe: str) -> None:
    """The page that strangers see is right, too."""
    page = people.page()
    page.goto("/login")
    page.evaluate(axe)
    assert page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"] == []
