"""One real service with the demo estate, and a real Chromium, for all tests of the pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.running_demo import RunningDemo, running_demo

_BINARIES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--no-first-run",
)
_EXPECT_MS = 20_000


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A service in which two incidents happened, of which one has its fix on hold."""
    with running_demo(tmp_path_factory.mktemp("site")) as made:
        made.incident("emergency-fix-drift")
        yield made


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    binary = next((path for name in _BINARIES if (path := shutil.which(name))), None)
    if binary is None:
        pytest.skip("no Chromium for the browser tests: apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_EXPECT_MS)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=binary, args=list(_FLAGS))
        yield made
        made.close()


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
def people(site: RunningDemo, browser: Any, sessions: dict[str, Any]) -> Iterator[People]:
    """Pages for one test. Afterwards the browser must have complained of nothing, policy violations included."""
    made = People(site, browser, sessions)
    yield made
    for context in made.contexts:
        context.close()
    assert made.complaints == []
