"""Whether those who use a workload are served: what shows it, and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from graph.diagnosis.mechanisms.scene import MONITOR, MONITOR_OK, Scene
from graph.diagnosis.mechanisms.served import served
from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.evidence import SymptomEvent
from graph.resource import Facet
from graph.telemetry import Telemetry
from tests.graph.builders import workload
from tests.graph.diagnosis.mechanisms.scenes import NOW, POD, WEB, event, found, line, pod, version_of

RUNS = [workload("web", replicas=1, ready=1), pod("web")]
OK = event(WEB, MONITOR_OK, "[web] error rate")
WORKS = replace(line(POD, "GET /cart 200 31ms"), reason="info")
FAILS = replace(line(POD, "POST https://pay.example: 503 Service Unavailable"), reason="error")


def is_served(objects: Sequence[Object], said: Sequence[SymptomEvent]) -> bool:
    versions = [version_of(body, Facet.ACTUAL) for body in objects]
    scene = Scene(EnvironmentGraph(name="t", as_of=NOW, versions=versions, relations=(), symptoms=said), Telemetry())
    return served(scene, scene.workloads[0]) is not None


def earlier(said: SymptomEvent, minutes: int) -> SymptomEvent:
    return replace(said, at=NOW - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([OK], id="a check of what users feel is passed"),
        pytest.param([WORKS], id="it is seen to work"),
        pytest.param([OK, event(WEB, MONITOR, "[web] CPU above 80 %")], id="a check of its insides is in alarm"),
        pytest.param([OK, replace(FAILS, text="GET /x 404 not found")], id="clients ask wrongly"),
        pytest.param([OK, WORKS, event(WEB, MONITOR, "[web] p95 latency")], id="an alarm that nothing else bears out"),
        pytest.param([earlier(FAILS, 4), replace(WORKS, text="upstream recovered")], id="it is over"),
    ],
)
def test_there_must_be_something_that_shows_it(said: list[SymptomEvent]) -> None:
    """Beside pods that are ready."""
    assert is_served(RUNS, said)


def stuck(**status: Any) -> list[Object]:
    return [*RUNS, pod("web", ready=False, **status) | {"metadata": pod("web")["metadata"] | {"name": "web-2"}}]


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        pytest.param(RUNS, [], id="nothing is known"),
        pytest.param(RUNS, [OK, FAILS], id="it complains"),
        pytest.param(RUNS, [WORKS, event(WEB, MONITOR, "[web] p95 latency")], id="its users feel something"),
        pytest.param(
            RUNS,
            [OK, WORKS, event(WEB, MONITOR, "[web] p95 latency"), replace(FAILS, reason="warn")],
            id="its users feel something, and it complains",
        ),
        pytest.param([RUNS[0], pod("web", ready=False)], [OK], id="its pod is not ready"),
        pytest.param(stuck(state={"waiting": {"reason": "CrashLoopBackOff"}}), [OK], id="a new pod can't start"),
        pytest.param(RUNS, [OK, event(POD, "BackOff", "Back-off restarting failed container")], id="it restarts"),
    ],
)
def test_what_speaks_against_it(objects: list[Object], said: list[SymptomEvent]) -> None:
    """One of these is enough."""
    assert not is_served(objects, said)


def test_an_alarm_about_its_insides_is_no_trouble_while_users_are_served() -> None:
    """Without anything that shows that they are, it is."""
    alarm = event(WEB, MONITOR, "[web] CPU above 80 %")
    assert (found(RUNS, [alarm, OK]), list(found(RUNS, [alarm]))) == ({}, ["failing_unexplained"])
