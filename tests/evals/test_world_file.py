"""A world as a file gives the same diagnosis, and the demo's suite asks it like any other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evals.command import run_set
from evals.report import evaluate
from evals.world import World, diagnosed
from evals.world_file import FILE, read_world, write_case, write_world
from graph.codec import encode
from graph.errors import Invalid
from graph.evidence import Gap
from graph.telemetry import LogLine, Series, Signal, Telemetry
from tests.fakes.investigation import ScriptedModel, broken_shop
from tests.graph.builders import NOW, k8s
from tests.graph.diagnosis.scene import DEPLOYER, alert


@pytest.fixture
def world() -> World:
    series = Series(
        resource=k8s("Deployment", "checkout"),
        metric="error_rate",
        signal=Signal.ERRORS,
        times=np.array([NOW.timestamp() - 60, NOW.timestamp()]),
        values=np.array([np.nan, 0.5]),
    )
    line = LogLine(resource=series.resource, at=NOW.timestamp(), severity="error", text="no", count=3, baseline=0.0)
    return World(
        graph=broken_shop().graph(),
        alerts=(alert(),),
        telemetry=Telemetry(series=(series,), logs=(line,)),
        gaps=(Gap(what="traces", why="no data"),),
        deployers=frozenset({DEPLOYER}),
        is_declared=True,
    )


def test_a_world_that_was_written_gives_the_same_diagnosis(world: World, tmp_path: Path) -> None:
    """Graph, history, changes, alerts, readings and gaps: nothing that bears on the answer is lost."""
    write_world(world, tmp_path)
    found = read_world(tmp_path)
    assert encode(diagnosed(found)) == encode(diagnosed(world))
    assert np.isnan(found.telemetry.series[0].values[0])
    before = (tmp_path / FILE).read_bytes()
    write_world(found, tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_file_that_is_no_world_is_told(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(Invalid, match="has no world"):
        read_world(tmp_path)
    (tmp_path / FILE).write_bytes(b"no")
    with pytest.raises(Invalid, match="no world"):
        read_world(tmp_path)


def test_the_demo_is_a_set_like_the_others_and_a_model_is_timed_apart(world: World, tmp_path: Path) -> None:
    """The reading of the model stands beside the answer, and changes neither ranking nor seconds."""
    write_case(world, tmp_path, "broken")
    truth = diagnosed(world)
    answer = {"case": "broken", "verdict": truth.verdict.value, "cause": truth.causes[0].resource}
    (tmp_path / "truth.jsonl").write_text(json.dumps(answer) + "\n")
    (plain,) = run_set("demo", data=tmp_path, out=tmp_path / "plain.jsonl")
    (told,) = run_set(
        "demo", data=tmp_path, out=tmp_path / "told.jsonl", model=ScriptedModel({"comments": [], "missing": []})
    )
    assert plain.prediction["ranked"] == told.prediction["ranked"]
    assert "model" not in plain.prediction
    assert told.prediction["model"]["used"] is True
    assert {"elapsed_s", "parse_s", "model_s"} <= told.prediction.keys()
    (score,) = evaluate("demo", tmp_path, tmp_path / "plain.jsonl").scores
    assert score.is_right
