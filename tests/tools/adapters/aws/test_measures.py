"""Metrics and announcements of AWS: against the emulator where it has the call, else in the documented form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("boto3", reason="needs the extra `aws`")

import boto3
from botocore.stub import Stubber

from agents.steps.gather import gather
from evals.world import World, alert_of, diagnosed, environment
from graph.errors import Refused, Unexpected, Unreachable
from graph.kinds.terraform.document import document
from graph.targets import Target, Targets, targets_of
from graph.telemetry import Signal
from tools.adapters.aws.cloudwatch import CloudWatch, period_s
from tools.adapters.aws.instance_class import cores_of
from tools.adapters.aws.metric_table import MEASURED
from tools.adapters.aws.performance_insights import PerformanceInsights
from tools.adapters.aws.rds_events import RdsEvents
from tools.adapters.aws.session import AwsAccess, AwsSession
from tools.ports import Monitoring, Window

REGION = "us-west-2"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(since=NOW - timedelta(minutes=30), until=NOW)
ACCOUNT = f"{REGION}:123456789012"
DATABASE = Target(
    uid="tf://s/aws_db_instance.ledger",
    names=("ledger",),
    kind="aws_db_instance",
    arn=f"arn:aws:rds:{ACCOUNT}:db:ledger",
)
FUNCTION = Target(
    uid="tf://s/aws_lambda_function.pay",
    names=("pay",),
    kind="aws_lambda_function",
    arn=f"arn:aws:lambda:{ACCOUNT}:function:pay",
)
BALANCER = Target(
    uid="tf://s/aws_lb.web",
    names=("web",),
    kind="aws_lb",
    arn=f"arn:aws:elasticloadbalancing:{ACCOUNT}:loadbalancer/net/web/1",
)


def session(url: str, *regions: str) -> AwsSession:
    return AwsSession(AwsAccess(regions=regions or (REGION,), endpoint_url=url))


class Stubbed:
    """A session whose clients give the answers that are put into them, in order, and refuse any other call."""

    def __init__(self, *services: str) -> None:
        self.access = AwsAccess(regions=(REGION,))
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        self._clients = {s: boto3.client(s, region_name=REGION, **keys) for s in services}
        self.stubs = {s: Stubber(c) for s, c in self._clients.items()}
        for stub in self.stubs.values():
            stub.activate()

    def client(self, service: str, region: str) -> Any:
        assert region == REGION
        return self._clients[service]


def test_reads_what_was_measured(emulated: str) -> None:
    """Readings come with their times, oldest first; what is counted becomes a rate, what nobody measured is absent."""
    client = boto3.client("cloudwatch", region_name=REGION, endpoint_url=emulated)
    for minutes, connections in ((20, 40.0), (10, 490.0)):
        at = NOW - timedelta(minutes=minutes)
        client.put_metric_data(
            Namespace="AWS/RDS",
            MetricData=[
                {
                    "MetricName": "DatabaseConnections",
                    "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "ledger"}],
                    "Timestamp": at,
                    "Value": connections,
                }
            ],
        )
        client.put_metric_data(
            Namespace="AWS/Lambda",
            MetricData=[
                {
                    "MetricName": "Errors",
                    "Dimensions": [{"Name": "FunctionName", "Value": "pay"}],
                    "Timestamp": at,
                    "Value": 30.0,
                }
            ],
        )
    measured = CloudWatch("cloudwatch", session(emulated)).series(Targets(all=(DATABASE, FUNCTION, BALANCER)), WINDOW)
    found = {(s.resource, s.metric): s for s in measured.items}
    connections = found[DATABASE.uid, "DatabaseConnections"]
    assert connections.values.tolist() == [40.0, 490.0]
    assert connections.times.tolist() == [(NOW - timedelta(minutes=m)).timestamp() for m in (20, 10)]
    assert (connections.signal, connections.unit) == (Signal.SATURATION, "Count")
    assert found[FUNCTION.uid, "Errors"].values.tolist() == [0.5, 0.5]
    assert found.keys() == {(DATABASE.uid, "DatabaseConnections"), (FUNCTION.uid, "Errors")}
    assert measured.gaps == ()


def test_names_what_it_can_not_be_asked_about() -> None:
    """A resource in a region that is not read, and one without an ARN, are gaps; others are not measured so at all."""
    far = Target(uid="a", names=("far",), kind="aws_sqs_queue", arn="arn:aws:sqs:eu-west-1:123456789012:far")
    lost = Target(uid="b", names=("lost",), kind="aws_sqs_queue")
    pods = Target(uid="c", names=("pods",), kind="Deployment")
    measured = CloudWatch("cloudwatch", Stubbed()).series(Targets(all=(far, lost, pods)), WINDOW)  # type: ignore[arg-type]
    assert [(g.resource, g.why) for g in measured.gaps] == [
        ("a", "it is in eu-west-1: add that to `regions`"),
        ("b", "its ARN is not known: give the state"),
    ]


def test_an_answer_in_part_is_a_gap() -> None:
    """A metric that may not be read is told from one that has no readings."""
    aws = Stubbed("cloudwatch")
    result = {"Id": "q0", "Label": "Errors", "Timestamps": [], "Values": [], "StatusCode": "Forbidden"}
    aws.stubs["cloudwatch"].add_response("get_metric_data", {"MetricDataResults": [result]})
    (gap,) = CloudWatch("cloudwatch", aws).series(Targets(all=(FUNCTION,)), WINDOW).gaps  # type: ignore[arg-type]
    assert gap.what == "Errors of pay in cloudwatch"
    assert "Forbidden" in gap.why


@pytest.mark.parametrize(
    ("code", "error"),
    [("AccessDenied", Refused), ("ExpiredToken", Refused), ("InternalServiceFault", Unexpected)],
)
def test_a_refusal_is_told_from_an_answer_that_is_wrong(code: str, error: type[Exception]) -> None:
    """Who must act differs: the one is a permission, the other AWS."""
    aws = Stubbed("cloudwatch", "rds")
    aws.stubs["cloudwatch"].add_client_error("get_metric_data", code)
    with pytest.raises(error, match="GetMetricData"):
        CloudWatch("cloudwatch", aws).series(Targets(all=(FUNCTION,)), WINDOW)  # type: ignore[arg-type]
    aws.stubs["rds"].add_client_error("describe_events", code)
    with pytest.raises(error, match="DescribeEvents"):
        RdsEvents("events", aws, dict, clock=lambda: NOW).symptoms(NOW)  # type: ignore[arg-type]


def test_no_answer_is_no_data() -> None:
    """A store that is out of reach says so."""
    with pytest.raises(Unreachable):
        CloudWatch("cloudwatch", AwsSession(AwsAccess(regions=(REGION,), profile="nobody"))).series(
            Targets(all=(FUNCTION,)), WINDOW
        )


def test_what_rds_announces_is_tied_to_its_database(emulated: str) -> None:
    """An event is about the database that its ARN names; those of databases nobody knows are left out."""
    client = boto3.client("rds", region_name=REGION, endpoint_url=emulated)
    size = {"DBInstanceClass": "db.t3.small", "Engine": "postgres", "AllocatedStorage": 20}
    for name in ("known", "unknown"):
        client.create_db_instance(
            DBInstanceIdentifier=name, MasterUsername="a", MasterUserPassword="not-a-secret", **size
        )
        client.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"{name}-1")
    found = {f"arn:aws:rds:{ACCOUNT}:db:known": "tf://s/aws_db_instance.known"}
    events = RdsEvents("events", session(emulated), lambda: found, clock=lambda: NOW).symptoms(NOW)
    assert {e.resource for e in events} == {"tf://s/aws_db_instance.known"}
    assert ("backup", "Backing up DB instance") in {(e.reason, e.text) for e in events}


def insights(*loads: tuple[str, list[float]]) -> Stubbed:
    """Stub Performance Insights in the form of its reference, one page for each entry."""
    aws = Stubbed("rds", "pi")
    instance = {"DBInstanceIdentifier": "ledger", "DBInstanceClass": "db.r6g.large", "DbiResourceId": "db-1"}
    aws.stubs["rds"].add_response(
        "describe_db_instances", {"DBInstances": [{**instance, "PerformanceInsightsEnabled": bool(loads)}]}
    )
    for n, (wait, values) in enumerate(loads):
        times = [WINDOW.since + timedelta(minutes=m) for m in range(len(values))]
        key: dict[str, Any] = {"Metric": "db.load.avg"}
        if wait:
            key["Dimensions"] = {"db.wait_event.name": wait}
        points = [{"Timestamp": t, "Value": v} for t, v in zip(times, values, strict=True)]
        answer: dict[str, Any] = {
            "AlignedStartTime": WINDOW.since,
            "AlignedEndTime": WINDOW.until,
            "Identifier": "db-1",
            "MetricList": [{"Key": key, "DataPoints": points}],
        }
        if n + 1 < len(loads):
            answer["NextToken"] = str(n)
        aws.stubs["pi"].add_response("get_resource_metrics", answer)
    return aws


def test_reads_what_sessions_wait_for() -> None:
    """The load, each wait event, and the cores of the machine, over all pages."""
    aws = insights(("", [1.0, 9.0]), ("Lock:tuple", [0.2, 7.0]))
    measured = PerformanceInsights("insights", aws).series(Targets(all=(DATABASE, FUNCTION)), WINDOW)  # type: ignore[arg-type]
    found = {s.metric: s.values.tolist() for s in measured.items}
    assert found == {"vCPU": [2.0], "DBLoad": [1.0, 9.0], "DBLoad:Lock:tuple": [0.2, 7.0]}


def test_insights_that_are_off_are_a_gap() -> None:
    """Nobody takes silence for a database without load."""
    measured = PerformanceInsights("insights", insights()).series(Targets(all=(DATABASE,)), WINDOW)  # type: ignore[arg-type]
    assert [g.why for g in measured.gaps] == [
        "Performance Insights is off: switch it on to know what sessions wait for"
    ]
    assert [s.metric for s in measured.items] == ["vCPU"]


def test_a_database_that_waits_for_locks_is_found_through_its_stores() -> None:
    """From the alert over the graph and the stores to the cause, as in production."""
    values = {"id": "ledger", "identifier": "ledger", "arn": DATABASE.arn}
    made = document(
        stack="s", type="aws_db_instance", name="ledger", address="aws_db_instance.ledger", values=values, salt=b"x"
    )
    graph = environment(now=NOW, actual=[made])
    alert = alert_of(title="Latency of ledger is high", at=NOW, labels={"dbinstance_identifier": "ledger"})
    (target,) = targets_of(graph, [made.resource.uid])
    assert (target.kind, target.arn) == (DATABASE.kind, DATABASE.arn)
    load, locks = [0.5] * 15 + [9.0] * 15, [0.1] * 15 + [8.0] * 15
    store = PerformanceInsights("insights", insights(("", load), ("Lock:transactionid", locks)))  # type: ignore[arg-type]
    gathered = gather(graph, [alert], Monitoring(metrics=(store,)))
    assert gathered.gaps == ()
    found = diagnosed(World(graph=graph, alerts=(alert,), telemetry=gathered.telemetry))
    assert [(c.kind, c.resource) for c in found.causes[:1]] == [("database_lock_contention", made.resource.uid)]


def test_every_type_that_is_measured_has_its_dimensions() -> None:
    """No entry of the table is without a name for what it measures."""
    arns = {"aws_lb": f"arn:aws:elasticloadbalancing:{ACCOUNT}:loadbalancer/app/web/1"}
    arns["aws_ecs_service"] = f"arn:aws:ecs:{ACCOUNT}:service/shop/orders"
    for kind, metrics in MEASURED.items():
        found = metrics.dimensions(arns.get(kind, f"arn:aws:any:{ACCOUNT}:thing/name"))
        assert all(found.values()), kind
        assert len({m.metric for m in metrics.measures}) == len(metrics.measures)


@pytest.mark.parametrize(("minutes", "seconds"), [(30, 60), (240, 60), (241, 120), (1440, 360)])
def test_long_windows_have_coarser_readings(minutes: int, seconds: int) -> None:
    """At most 240 readings, in whole minutes."""
    assert period_s(Window(since=NOW - timedelta(minutes=minutes), until=NOW)) == seconds


def test_serverless_databases_have_no_fixed_cores() -> None:
    """What the name does not tell is not guessed."""
    assert [cores_of(c) for c in ("db.r6g.4xlarge", "db.t4g.medium", "db.serverless", "")] == [16.0, 2.0, None, None]
