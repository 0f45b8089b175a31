"""Every way to lose a permission, read from disk by the real adapters, is answered with the change that took it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.permission_scenarios import SCENARIOS, Scenario
from evals.permissions import VARIANTS, run

FIRST_OF_EACH = {s.path: s for s in reversed(SCENARIOS)}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("scenario", [FIRST_OF_EACH[n] for n in sorted(FIRST_OF_EACH)], ids=lambda s: s.name)
def test_the_right_change_is_blamed(tmp_path: Path, scenario: Scenario, variant: str) -> None:
    """Cause, time, actor, channel, values and revert are right, and the harmless change is not blamed."""
    result = run(tmp_path, scenario, variant)
    assert result.is_right, (result.checks, result.summary)
