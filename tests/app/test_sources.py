"""Settings become the adapters that they name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.settings import EnvironmentSettings
from app.sources import build_sources
from tests.tools.adapters.sources import GitFolder

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


def test_the_history_of_a_folder_is_rendered_as_its_declared_state_is(tmp_path: Path) -> None:
    """Else it would tell of an object that nobody declared, and say nothing of the one that is."""
    pytest.importorskip("helm_python", reason="needs the extra `helm`")
    folder = GitFolder(tmp_path / "repo")
    template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata: {}\n"
    chart = "apiVersion: v2\nname: app\nversion: 1.0.0\n"
    folder.commit({"app/Chart.yaml": chart, "app/templates/cm.yaml": template})
    release = {"chart": "app", "release": "live", "namespace": "shop"}
    sources = built(
        intended=[{"type": "manifests", "path": str(folder.root), "charts": [release]}],
        changes=[{"type": "git", "path": str(folder.root)}],
    )
    assert {c.uid for c in sources.changes[0].changes(None).changes} == {"k8s://shop/core/ConfigMap/shop/live"}
