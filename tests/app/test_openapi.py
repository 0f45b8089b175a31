"""The description of the API, and that the API does what it says, for any input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from app.main import create_app
from tests.app.api.conftest import World, build

_EXAMPLES = 8
"""For each operation; with the systematic cases about 1,000 requests, some ten seconds on two cores."""


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[World]:
    """An installation in which INC-1 and FIX-1 exist."""
    world = build(tmp_path)
    world.proposal(world.incident())
    yield world
    world.services.database.dispose()


def test_keeps_what_its_description_promises(filled: World) -> None:
    """Statuses, bodies, media types, methods and credentials, for right and wrong requests; all checks are on."""
    settings = {
        "headers": {"Authorization": f"Bearer {filled.tokens['admin']}"},
        "generation": {"max-examples": _EXAMPLES, "database": "none"},
        "seed": 1,
    }
    config = SchemathesisConfig.from_dict(settings)
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(filled.services), config=config)
    requests, problems = 0, []
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            problems.append(str(vars(event) if hasattr(event, "__dict__") else event))
        elif isinstance(event, events.ScenarioFinished):
            requests += len(event.recorder.cases)
            problems += _failures(event)
    assert not problems, "\n\n".join(problems[:5])
    assert requests > 500


def test_every_operation_documents_its_refusals(filled: World) -> None:
    """Each one names what it answers without a credential, and all errors have the one body."""
    paths = create_app(filled.services).openapi()["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            if path in ("/healthz", "/readyz"):
                continue
            assert "401" in operation["responses"], (method, path)
            for status, response in operation["responses"].items():
                if status >= "400":
                    reference = response["content"]["application/json"]["schema"]["$ref"]
                    assert reference.endswith("/Error"), (method, path, status)


def _failures(event: Any) -> list[str]:
    nodes = [node for checks in event.recorder.checks.values() for node in checks if node.failure_info]
    return [f"{event.label}: {n.failure_info.failure}\n{n.failure_info.code_sample}" for n in nodes]
