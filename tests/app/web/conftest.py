"""One real service with the demo estate, and a real Chromium, for all tests of the pages."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.client import Client, connect
from app.demo.alerts import pagerduty
from app.demo.trigger import signed_headers, trigger_and_wait

_BINARIES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--no-first-run",
)
_PATIENCE_S = 60.0
_EXPECT_MS = 20_000


@dataclass
class Site:
    """The running service and the incidents that were made to happen in it."""

    data_dir: Path
    base_url: str
    one_time_link: str
    """Of the approver."""
    credentials: dict[str, Any]
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)

    def client(self, role: str = "viewer") -> Client:
        """Return a client of the API."""
        return connect(data_dir=self.data_dir, role=role)

    def incident(self, name: str) -> str:
        """Return the id of the incident that a scenario makes, with its diagnosis; it happens when first asked for."""
        if name not in self.incidents:
            self.incidents[name] = trigger_and_wait(name, data_dir=self.data_dir)
        return str(self.incidents[name]["id"])

    def proposal(self, name: str, *, requester: str | None = None) -> str:
        """Return the id of the newest proposal of a scenario's incident, as soon as it has one (of that requester)."""
        incident, client = self.incident(name), self.client()
        return str(self._soon(lambda: self._proposal(client, incident, requester))["id"])

    def hostile(self, title: str) -> str:
        """Deliver an alert with a title of one's own, and return the id of its incident once it is diagnosed."""
        now = datetime.now(UTC)
        sender, payload = pagerduty(title=title, service="pricing", urgency="low", created=now, now=now)
        body = json.dumps(payload).encode()
        secret = self.credentials["webhook_secrets"][sender]
        client = self.client()
        client.post_raw(f"/webhooks/{sender}", body, signed_headers(sender, body, secret))
        found = self._soon(
            lambda: next((i for i in _incidents(client) if i["title"] == title and i["diagnosis"]), None)
        )
        return str(found["id"])

    def _proposal(self, client: Client, incident: str, requester: str | None) -> dict[str, Any] | None:
        found = client.get(f"/api/incidents/{incident}")["proposals"]
        return next((p for p in found if requester in (None, p["requester"])), None)

    def _soon(self, look: Any) -> Any:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(0.1)
        raise AssertionError("it did not come about in time")


def _incidents(client: Client) -> list[dict[str, Any]]:
    return list(client.get("/api/incidents")["incidents"])


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service in which two incidents happened, of which one has its fix on hold."""
    folder = tmp_path_factory.mktemp("site")
    data_dir, log = folder / "data", folder / "log"
    options = ["--data-dir", str(data_dir), "--port", "0", "--trigger", "kms-permission-removed"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "up", "--demo", *options], stdout=output, stderr=output
        )
    try:
        made = _started(process, data_dir, log)
        made.incidents["kms-permission-removed"] = _incidents(made.client())[0]
        made.incident("emergency-fix-drift")
        yield made
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def _started(process: subprocess.Popen[bytes], data_dir: Path, log: Path) -> Site:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        if link := re.search(r"(http://\S+)(/login/\S+)", log.read_text()):
            credentials = json.loads((data_dir / "credentials.json").read_text())
            return Site(data_dir, link[1], link[2], credentials)
        time.sleep(0.1)
    raise AssertionError(f"the service did not start:\n{log.read_text()[-2000:]}")


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

    site: Site
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
def people(site: Site, browser: Any, sessions: dict[str, Any]) -> Iterator[People]:
    """Pages for one test. Afterwards the browser must have complained of nothing, policy violations included."""
    made = People(site, browser, sessions)
    yield made
    for context in made.contexts:
        context.close()
    assert made.complaints == []
