"""The Chromium of this machine, headless."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HOW_TO_GET_IT = "no Chromium on this machine for the browser tests: apt-get install chromium"

_BINARIES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--no-first-run",
)


def found() -> str | None:
    """Return the path of the binary, or None when there is none."""
    return next((path for name in _BINARIES if (path := shutil.which(name))), None)


@contextmanager
def launched() -> Iterator[Any]:
    """Start it, and end it afterwards."""
    from playwright.sync_api import sync_playwright

    binary = found()
    if binary is None:
        raise SystemExit(HOW_TO_GET_IT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=list(_FLAGS))
        yield browser
        browser.close()
