"""One emulator process for all tests of a session: it takes longer to start than any of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("moto", reason="needs the emulator of the dev extra")
pytest.importorskip("boto3", reason="needs the extra `aws`")

from tests.tools.adapters.aws.account import emulator


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the emulator; credentials that it takes are in the environment meanwhile."""
    folder: Path = tmp_path_factory.mktemp("emulator")
    with pytest.MonkeyPatch.context() as patch, emulator(folder / "log.txt") as url:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
            patch.setenv(name, str(folder / "none"))
        yield url
