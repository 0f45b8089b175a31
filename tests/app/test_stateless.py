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
