"""A demo estate for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.demo.build import DemoEstate
from tests.demo_estates import built, copied


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data directory with a demo that no test changes."""
    return built(tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def demo(pristine: Path, tmp_path: Path) -> DemoEstate:
    """A demo of one's own."""
    return copied(pristine, tmp_path)
