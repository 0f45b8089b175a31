"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of third-party test data; tests that need it are skipped, saying so, when it is absent."""
    path = Path(os.environ.get("PLUMBLINE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not path.is_dir():
        pytest.skip(f"no third-party data at {path}: set PLUMBLINE_SHARED to its folder")
    return path
