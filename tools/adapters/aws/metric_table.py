"""Which CloudWatch metrics tell how a resource of AWS does, by Terraform type: namespace, dimensions and statistics.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html. A statistic is the
one that shows trouble: what is left of something as its least, what waits as its most, what is counted as a sum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from graph.telemetry import Signal


class Measure(NamedTuple):
    """One metric as it is asked for."""

    metric: str
    statistic: str
    """`Average`, `Minimum`, `Maximum`, `Sum` (then given for each second) or a percentile."""
    signal: Signal
    unit: str = ""
    """As CloudWatch gives it."""


class Metrics(NamedTuple):
    """What is measured of one type of resource."""

    namespace: str
    dimensions: Callable[[str], dict[str, str]]
    """From the ARN; empty when the resource is of a sort that is not measured so."""
    measures: tuple[Measure, ...]


def _last(name: str, mark: str = ":") -> Callable[[str], dict[str, str]]:
    return lambda arn: {name: arn.rpartition(mark)[2]}


def _balancer(arn: str) -> dict[str, str]:
    path = arn.partition(":loadbalancer/")[2]
    return {"LoadBalancer": path} if path.startswith("app/") else {}


def _service(arn: str) -> dict[str, str]:
    parts = arn.partition(":service/")[2].split("/")
    return {"ClusterName": parts[0], "ServiceName": parts[1]} if len(parts) == 2 else {}


_CPU: Final = Measure("CPUUtilization", "Average", Signal.CPU, "Percent")
_DATABASE: Final = Metrics(
    "AWS/RDS",
    _last("DBInstanceIdentifier"),
    (
        _CPU,
        Measure("FreeableMemory", "Minimum", Signal.MEMORY, "Bytes"),
        Measure("DatabaseConnections", "Average", Signal.SATURATION, "Count"),
        Measure("FreeStorageSpace", "Minimum", Signal.SATURATION, "Bytes"),
        Measure("ReplicaLag", "Maximum", Signal.LAG, "Seconds"),
        Measure("DiskQueueDepth", "Average", Signal.OTHER, "Count"),
        Measure("ReadLatency", "Average", Signal.OTHER, "Seconds"),
        Measure("WriteLatency", "Average", Signal.OTHER, "Seconds"),
        Measure("CommitLatency", "Average", Signal.OTHER, "Milliseconds"),
        Measure("ReadIOPS", "Average", Signal.OTHER, "Count/Second"),
        Measure("WriteIOPS", "Average", Signal.OTHER, "Count/Second"),
        Measure("SwapUsage", "Maximum", Signal.OTHER, "Bytes"),
        Measure("BurstBalance", "Minimum", Signal.OTHER, "Percent"),
        Measure("EBSIOBalance%", "Minimum", Signal.OTHER, "Percent"),
        Measure("MaximumUsedTransactionIDs", "Maximum", Signal.OTHER, "Count"),
        Measure("TransactionLogsGeneration", "Average", Signal.OTHER, "Bytes/Second"),
        Measure("NetworkReceiveThroughput", "Average", Signal.OTHER, "Bytes/Second"),
    ),
)
MEASURED: Final[dict[str, Metrics]] = {
    "aws_db_instance": _DATABASE,
    "aws_rds_cluster_instance": _DATABASE,
    "aws_sqs_queue": Metrics(
        "AWS/SQS",
        _last("QueueName"),
        (
            Measure("ApproximateAgeOfOldestMessage", "Maximum", Signal.LAG, "Seconds"),
            Measure("ApproximateNumberOfMessagesVisible", "Maximum", Signal.SATURATION, "Count"),
            Measure("NumberOfMessagesSent", "Sum", Signal.TRAFFIC, "Count/Second"),
        ),
    ),
    "aws_lambda_function": Metrics(
        "AWS/Lambda",
        _last("FunctionName"),
        (
            Measure("Errors", "Sum", Signal.ERRORS, "Count/Second"),
            Measure("Throttles", "Sum", Signal.SATURATION, "Count/Second"),
            Measure("Duration", "p95", Signal.LATENCY, "Milliseconds"),
            Measure("Invocations", "Sum", Signal.TRAFFIC, "Count/Second"),
        ),
    ),
    "aws_lb": Metrics(
        "AWS/ApplicationELB",
        _balancer,
        (
            Measure("HTTPCode_Target_5XX_Count", "Sum", Signal.ERRORS, "Count/Second"),
            Measure("HTTPCode_ELB_5XX_Count", "Sum", Signal.ERRORS, "Count/Second"),
            Measure("TargetResponseTime", "p95", Signal.LATENCY, "Seconds"),
            Measure("RequestCount", "Sum", Signal.TRAFFIC, "Count/Second"),
            Measure("RejectedConnectionCount", "Sum", Signal.SATURATION, "Count/Second"),
        ),
    ),
    "aws_apigatewayv2_api": Metrics(
        "AWS/ApiGateway",
        _last("ApiId", "/"),
        (
            Measure("5xx", "Sum", Signal.ERRORS, "Count/Second"),
            Measure("Latency", "p95", Signal.LATENCY, "Milliseconds"),
            Measure("Count", "Sum", Signal.TRAFFIC, "Count/Second"),
        ),
    ),
    "aws_dynamodb_table": Metrics(
        "AWS/DynamoDB",
        _last("TableName", "/"),
        (
            Measure("ReadThrottleEvents", "Sum", Signal.SATURATION, "Count/Second"),
            Measure("WriteThrottleEvents", "Sum", Signal.SATURATION, "Count/Second"),
        ),
    ),
    "aws_elasticache_cluster": Metrics(
        "AWS/ElastiCache",
        _last("CacheClusterId"),
        (
            _CPU,
            Measure("EngineCPUUtilization", "Average", Signal.CPU, "Percent"),
            Measure("DatabaseMemoryUsagePercentage", "Maximum", Signal.MEMORY, "Percent"),
            Measure("CurrConnections", "Maximum", Signal.SATURATION, "Count"),
            Measure("ReplicationLag", "Maximum", Signal.LAG, "Seconds"),
        ),
    ),
    "aws_instance": Metrics("AWS/EC2", _last("InstanceId", "/"), (_CPU,)),
    "aws_ecs_service": Metrics(
        "AWS/ECS",
        _service,
        (_CPU, Measure("MemoryUtilization", "Average", Signal.MEMORY, "Percent")),
    ),
    "aws_kinesis_stream": Metrics(
        "AWS/Kinesis",
        _last("StreamName", "/"),
        (
            Measure("GetRecords.IteratorAgeMilliseconds", "Maximum", Signal.LAG, "Milliseconds"),
            Measure("WriteProvisionedThroughputExceeded", "Sum", Signal.SATURATION, "Count/Second"),
            Measure("ReadProvisionedThroughputExceeded", "Sum", Signal.SATURATION, "Count/Second"),
        ),
    ),
}
"""Terraform type to what is measured of it."""
