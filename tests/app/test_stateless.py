"""Comparison of files without a service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.stateless import compare_paths
from graph.errors import NotFound

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": {"k": "1"}}


@pytest.mark.parametrize("facet", ["intended", "actual", "applied"])
def test_a_path_without_any_state_is_an_error(tmp_path: Path, facet: str) -> None:
    """An empty folder or a dump that failed is no evidence that everything was deleted, or that nothing drifted."""
    (tmp_path / "a.json").write_text(json.dumps(CONFIG))
    (tmp_path / "empty").mkdir()
    paths = {"intended": tmp_path / "a.json", "applied": None, "actual": tmp_path / "a.json"}
    with pytest.raises(NotFound, match=r"empty.*check the path"):
        compare_paths(**{**paths, facet: tmp_path / "empty"})  # type: ignore[arg-type]


def test_an_empty_list_of_objects_says_that_all_is_gone(tmp_path: Path) -> None:
    """`kubectl get` that finds nothing is an observation."""
    (tmp_path / "a.json").write_text(json.dumps(CONFIG))
    (tmp_path / "live.json").write_text('{"apiVersion": "v1", "kind": "List", "items": []}')
    report = compare_paths(intended=tmp_path / "a.json", applied=None, actual=tmp_path / "live.json")
    assert [f.verdict.value for f in report.findings] == ["deleted_out_of_band"]


def _side(color: str) -> dict[str, object]:
    return {"address": "x_thing.a", "mode": "managed", "type": "x_thing", "name": "a", "values": {"color": color}}


@pytest.mark.parametrize(
    ("is_drifted", "verdict"), [(False, "pending_rollout"), (True, "out_of_band_change")], ids=["pending", "drifted"]
)
def test_a_plan_tells_its_pending_changes_from_drift(tmp_path: Path, is_drifted: bool, verdict: str) -> None:
    """A plan knows the state before its refresh, so what is not applied yet is not called a change by hand."""
    change = {
        "address": "x_thing.a",
        "mode": "managed",
        "type": "x_thing",
        "name": "a",
        "provider_name": "x",
    }
    update = {"actions": ["update"], "before": {"color": "red"}, "after": {"color": "blue"}, "after_unknown": {}}
    refresh = {"actions": ["update"], "before": {"color": "blue"}, "after": {"color": "red"}, "after_unknown": {}}
    plan = {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": [_side("blue")]}},
        "prior_state": {"format_version": "1.0", "values": {"root_module": {"resources": [_side("red")]}}},
        "resource_changes": [{**change, "change": update}],
        "resource_drift": [{**change, "change": refresh}] if is_drifted else [],
        "configuration": {"root_module": {}},
    }
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan))
    (finding,) = compare_paths(intended=path, applied=None, actual=path).findings
    assert (finding.path, finding.verdict.value) == ("/values/color", verdict)
