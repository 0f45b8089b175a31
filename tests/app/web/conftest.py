"""One real service with the demo estate, and a real Chromium, for all tests of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.app.web.chromium import HOW_TO_GET_IT, found, launched
from tests.running_demo import RunningDemo, running_demo

_EXPECT_MS = 20_000


@pytest.fixture(scope="package")
def site(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A service in which two incidents happened, of which one has its fix on hold."""
    with running_demo(tmp_path_factory.mktemp("site")) as made:
        made.incident("emergency-fix-drift")
        yield made


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    if found() is None:
        pytest.skip(HOW_TO_GET_IT)
    from playwright.sync_api import expect

    expect.set_options(timeout=_EXPECT_MS)
    with launched() as made:
        yield made


@dataclass
class People:
    """Opens pages as somebody, and keeps what the browser complains about."""

    site: RunningDemo
    browser: Any
    sessions: dict[str, Any]
    contexts: list[Any] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def page(self, role: str | None = None, **options: Any) -> Any:
        """Return a page of somebody who is signed in, or of a stranger."""
        if role and role not in self.sessions:
            self.sessions[role] = self._sign_in(role)
        state = self.sessions[role] if role else None
        shape = {"viewport": {"width": 1280, "height": 900}, **options}
        context = self.browser.new_context(base_url=self.site.base_url, storage_state=state, **shape)
        context.set_default_timeout(_EXPECT_MS)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _listen(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _sign_in(self, role: str) -> Any:
        page = self.page()
        page.goto("/login")
        page.get_by_label("Access token").fill(self.site.credentials["tokens"][role])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        return page.context.storage_state()


@pytest.fixture(scope="package")
def sessions() -> dict[str, Any]:
    """Sessions of those who signed in once."""
    return {}


@pytest.fixture
def people(browser: Any, site: RunningDemo, sessions: dict[str, Any]) -> Iterator[People]:
    """Pages for one test. Afterwards the browser must have complained of nothing, policy violations included."""
    made = People(site, browser, sessions)
    yield made
    for context in made.contexts:
        context.close()
    assert made.complaints == []
