"""What kubectl and systemctl print is read back as the objects and events that it tells of."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from evals.kubectl.configuration import settings
from evals.kubectl.listed import listed
from evals.kubectl.logs import lines
from evals.kubectl.recording import Recording
from graph.diagnosis.mechanisms.nodes import UNIT_STOPPED
from graph.evidence import ObservationKind

PODS = """NAME                  READY   STATUS             RESTARTS      AGE   IP            NODE     GATES
web-6d4cf56db6-x2x4z  0/1     CrashLoopBackOff   4 (98s ago)   5m    10.0.0.1      n1       <none>
db-0                  1/1     Running            0             5m    10.0.0.2      n2       <none>
api-6d4cf56db6-aaaaa  0/1     Pending            0             5m    <none>        <none>   <none>
"""


def key(tool: str, **arguments: str | bool) -> str:
    return f"{tool}:{json.dumps(arguments, separators=(',', ':'))}"


def test_a_table_of_pods_tells_state_node_and_controller() -> None:
    """Names of pods are those of their controller and a suffix."""
    web, db, api = listed("pods", PODS, namespace="shop")
    assert web["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "CrashLoopBackOff"}}
    assert web["status"]["containerStatuses"][0]["restartCount"] == 4
    assert (web["metadata"]["ownerReferences"][0]["kind"], db["metadata"]["ownerReferences"][0]["name"]) == (
        "Deployment",
        "db",
    )
    assert (db["spec"], api["spec"], api["status"]["phase"]) == ({"nodeName": "n2"}, {}, "Pending")


def test_a_table_of_services_and_nodes() -> None:
    """Selectors, ports with their protocol, and nodes that are closed."""
    text = "NAME  TYPE       CLUSTER-IP  EXTERNAL-IP  PORT(S)                AGE  SELECTOR\n"
    text += "web   NodePort   10.1.1.1    <none>       80:30001/TCP,53/UDP    5m   app=web,tier=a\n"
    (service,) = listed("services", text, namespace="shop")
    assert service["spec"]["ports"] == [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    assert service["spec"]["selector"] == {"app": "web", "tier": "a"}
    text = "NAME  STATUS                     ROLES          AGE\nn1    Ready,SchedulingDisabled   control-plane  5d\n"
    (node,) = listed("nodes", text, namespace="")
    assert node["spec"] == {"unschedulable": True}
    assert "node-role.kubernetes.io/control-plane" in node["metadata"]["labels"]


@pytest.mark.parametrize(
    "answer",
    [
        {"patterns": [{"count": 3, "sample": "2026-11-20T12:00:00+02:00 boom"}]},
        '{"patterns": [{"count": 3, "sample": "2026-11-20T12:00:00+02:00 boom"}]}',
        {"app": {"patterns": [{"count": 3, "pattern": "2026-11-20T12:00:00.123+02:00 boom"}]}},
    ],
    ids=["object", "text", "by container"],
)
def test_a_summary_of_errors_in_each_form(answer: object) -> None:
    """Count and time are kept; the zone of the line counts."""
    (line,) = lines(answer)
    assert (line.times, line.at) == (3, datetime(2026, 11, 20, 10, 0, tzinfo=UTC))


def test_lines_without_a_zone_have_no_time() -> None:
    """Whoever guesses it is hours off."""
    assert [line.at for line in lines({"app": ["2026-11-20 12:00:00 boom", "boom"]})] == [None, None]


def test_the_entries_of_a_described_config_map_keep_their_shape() -> None:
    """Blank lines and indentation are part of a value."""
    text = (
        "Name:  c\n\nData\n====\na.yml:\n----\nx:\n\n  y: 1\n\n\nb:\n----\n2\n\n\nBinaryData\n====\n\nEvents:  <none>\n"
    )
    assert settings(text) == {"a.yml": "x:\n\n  y: 1", "b": "2"}


@pytest.mark.parametrize(
    ("state", "stopped"),
    [
        ("active (running)", False),
        ("inactive (dead)", True),
        ("failed (Result: exit-code)", True),
        ("activating (auto-restart) (Result: exit-code)", True),
    ],
)
def test_a_unit_runs_or_it_does_not(state: str, stopped: bool) -> None:
    """In every way in which systemctl says so."""
    answers = {key("CheckNodeServiceStatus", node_name="n1", service_name="kubelet"): f"   Active: {state} since Mon\n"}
    found = [e for e in Recording(answers, "shop").symptoms() if e.reason == UNIT_STOPPED]
    assert bool(found) is stopped


def test_the_recorders_clock_is_in_the_zone_of_its_tools() -> None:
    """The time of the recording has no zone; what its tools printed has."""
    described = "Name:  web\nNamespace:  shop\nStart Time:  Fri, 20 Nov 2026 12:00:00 +0200\n"
    answers = {
        key("DescribeResource", resource_type="pods", name="web", namespace="shop"): described,
        "collection_timestamp": "2026-11-20T12:05:00",
    }
    assert Recording(answers, "shop").now == datetime(2026, 11, 20, 10, 5, tzinfo=UTC)


def test_tables_stand_in_for_what_nobody_described() -> None:
    """Objects and events of the tables are used where nothing better was printed."""
    events = "LAST SEEN   TYPE      REASON    OBJECT                     MESSAGE\n"
    events += "30s         Warning   BackOff   pod/web-6d4cf56db6-x2x4z   Back-off restarting failed container\n"
    answers = {
        key("GetResources", resource_type="pods", name="", namespace="shop", output_wide=True): PODS,
        key("GetResources", resource_type="events", name="", namespace="shop"): events,
    }
    recording = Recording(answers, "shop")
    assert [d.resource.name for d in recording.live()] == ["web-6d4cf56db6-x2x4z", "db-0", "api-6d4cf56db6-aaaaa"]
    assert [(e.reason, e.kind) for e in recording.symptoms()] == [("BackOff", ObservationKind.EVENT)]
