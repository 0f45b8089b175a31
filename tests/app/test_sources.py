"""Settings become the adapters that they name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.settings import EnvironmentSettings
from app.sources import build_sources

pytest.importorskip("boto3", reason="needs the extra `aws`")


def built(**fields: Any) -> Any:
    settings = EnvironmentSettings.model_validate({"name": "shop", **fields})
    return build_sources(settings, salt=b"salt", clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("more", "names"),
    [
        pytest.param({}, ["cloudwatch:shop", "cloudwatch:shop performance insights"], id="both"),
        pytest.param({"performance_insights": False, "name": "cw"}, ["cw"], id="without-insights"),
    ],
)
def test_cloudwatch_is_a_store_of_metrics(more: dict[str, Any], names: list[str]) -> None:
    """Databases are asked for their load, too, unless somebody switched that off."""
    monitoring = built(metrics=[{"type": "cloudwatch", "regions": ["eu-west-1"], **more}]).monitoring
    assert [s.name for s in monitoring.metrics] == names


def test_an_account_also_says_what_happens_to_its_databases() -> None:
    """Announcements are read under a name of their own, so that their refusal is no failure of the account."""
    sources = built(actual=[{"type": "aws", "regions": ["eu-west-1"]}])
    assert [s.name for s in sources.states] == ["aws:shop"]
    assert [s.name for s in sources.symptoms] == ["aws:shop database events"]
