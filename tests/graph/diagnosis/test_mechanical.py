"""When what the platform shows to be wrong harms nobody, and when that is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graph.diagnosis.engine import diagnose
from graph.diagnosis.mechanisms.scene import MONITOR_OK
from graph.drift import DriftReport
from graph.environment import EnvironmentGraph
from graph.evidence import SymptomEvent
from graph.incident import Alert, AlertStatus
from graph.relations import derive
from graph.resource import Facet
from graph.version import Document
from tests.graph.builders import resource_of, service, workload
from tests.graph.diagnosis.mechanisms.scenes import NOW, POD, WEB, event, line, pod, version_of

WORKS = replace(line(POD, "tick done in 12ms"), reason="info")
PASSED = event(WEB, MONITOR_OK, "[web] error rate")
RESTARTED = pod("web", restartCount=2, lastState={"terminated": {"reason": "OOMKilled", "exitCode": 137}})
BODIES = [workload("web", replicas=1, ready=1), RESTARTED, service("web", selector={"app": "wbe"})]


def strengths(said: list[SymptomEvent]) -> dict[str, float]:
    """Map kinds of cause to their strength, for a web that was killed once and that its Service does not select."""
    documents = [Document(resource=resource_of(body), body=body) for body in BODIES]
    graph = EnvironmentGraph(
        name="t",
        as_of=NOW,
        versions=[version_of(body, Facet.ACTUAL) for body in BODIES],
        relations=derive(documents),
        symptoms=said,
    )
    alert = Alert(
        id="a",
        sender="t",
        key="a",
        status=AlertStatus.FIRING,
        title="web",
        description="",
        severity="",
        service="web",
        labels={"deployment": "web", "namespace": "shop"},
        started_at=NOW,
        ended_at=None,
    )
    found = diagnose(graph, [alert], drift=DriftReport(resources=len(graph), findings=()), deployers=frozenset())
    return {c.kind: c.strength or 0.0 for c in found.causes}


@pytest.mark.parametrize("sign", [WORKS, PASSED], ids=["it works", "its users are well"])
def test_what_happened_to_a_workload_that_serves_counts_for_little(sign: SymptomEvent) -> None:
    """Killed once, and at work again."""
    assert strengths([sign])["oom_killed"] < 0.3 < strengths([])["oom_killed"]


def test_work_that_goes_on_does_not_show_that_users_arrive() -> None:
    """A Service that selects nothing stays the cause unless a check of what users feel says otherwise."""
    assert strengths([WORKS])["selector_mismatch"] > strengths([PASSED])["selector_mismatch"]
