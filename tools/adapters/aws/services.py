"""What others lean on: images, certificates, streams, alarms, state machines, parameters, identity providers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from graph.document import Object
from tools.adapters.aws.calls import NOT_READ, Calls, Found, Way, block, shaped, tags

_REPOSITORY: Final[dict[str, Way]] = {
    "id": "repositoryName",
    "name": "repositoryName",
    "arn": "repositoryArn",
    "repository_url": "repositoryUri",
    "registry_id": "registryId",
    "image_tag_mutability": "imageTagMutability",
    "image_scanning_configuration": block("imageScanningConfiguration", scan_on_push="scanOnPush"),
    "encryption_configuration": block(
        "encryptionConfiguration", encryption_type="encryptionType", kms_key=lambda body: body.get("kmsKey") or ""
    ),
    "tags": tags("tagged.tags"),
}
_CERTIFICATE: Final[dict[str, Way]] = {
    "id": "CertificateArn",
    "arn": "CertificateArn",
    "domain_name": "DomainName",
    "key_algorithm": lambda body: str(body.get("KeyAlgorithm") or "").replace("-", "_"),
    "tags": tags("tagged.Tags"),
}
_STREAM: Final[dict[str, Way]] = {
    "id": "StreamARN",
    "arn": "StreamARN",
    "name": "StreamName",
    "retention_period": "RetentionPeriodHours",
    "encryption_type": lambda body: body.get("EncryptionType") or "NONE",
    "kms_key_id": lambda body: body.get("KeyId") or "",
    "stream_mode_details": block("StreamModeDetails", stream_mode="StreamMode"),
    "tags": tags("tagged.Tags"),
}
_ALARM: Final[dict[str, Way]] = {
    "id": "AlarmName",
    "alarm_name": "AlarmName",
    "arn": "AlarmArn",
    "alarm_description": lambda body: body.get("AlarmDescription") or "",
    "actions_enabled": "ActionsEnabled",
    "alarm_actions": "AlarmActions",
    "ok_actions": "OKActions",
    "insufficient_data_actions": "InsufficientDataActions",
    "comparison_operator": "ComparisonOperator",
    "evaluation_periods": "EvaluationPeriods",
    "datapoints_to_alarm": lambda body: body.get("DatapointsToAlarm") or 0,
    "metric_name": lambda body: body.get("MetricName") or "",
    "namespace": lambda body: body.get("Namespace") or "",
    "period": lambda body: body.get("Period") or 0,
    "statistic": lambda body: body.get("Statistic") or "",
    "threshold": "Threshold",
    "treat_missing_data": lambda body: body.get("TreatMissingData") or "missing",
    "dimensions": lambda body: {d.get("Name"): d.get("Value") for d in body.get("Dimensions") or ()},
}
_MACHINE: Final[dict[str, Way]] = {
    "id": "stateMachineArn",
    "arn": "stateMachineArn",
    "name": "name",
    "type": "type",
    "role_arn": "roleArn",
    "definition": "definition",
    "tags": tags("tagged.tags"),
}
_PARAMETER: Final[dict[str, Way]] = {
    "id": "Name",
    "name": "Name",
    "arn": "ARN",
    "type": "Type",
    "key_id": lambda body: body.get("KeyId") or "",
    "description": lambda body: body.get("Description") or "",
    "tier": lambda body: body.get("Tier") or "Standard",
    "allowed_pattern": lambda body: body.get("AllowedPattern") or "",
}
_PROVIDER: Final[dict[str, Way]] = {
    "url": "Url",
    "client_id_list": "ClientIDList",
    "thumbprint_list": "ThumbprintList",
    "tags": tags(),
}
_SCALED: Final[dict[str, Way]] = {
    "id": "ResourceId",
    "resource_id": "ResourceId",
    "service_namespace": "ServiceNamespace",
    "scalable_dimension": "ScalableDimension",
    "min_capacity": "MinCapacity",
    "max_capacity": "MaxCapacity",
}


def repositories(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ecr", "describe_repositories", "repositories"):
        body["tagged"] = calls.part("ecr", "list_tags_for_resource", resourceArn=body["repositoryArn"])
        yield Found("aws_ecr_repository", shaped(body, _REPOSITORY), {})


def certificates(calls: Calls) -> Iterator[Found]:
    for entry in calls.pages("acm", "list_certificates", "CertificateSummaryList"):
        arn = entry["CertificateArn"]
        answer = calls.part(
            "acm", "describe_certificate", "ResourceNotFoundException", of="aws_acm_certificate", CertificateArn=arn
        )
        if not answer:
            continue
        body = answer["Certificate"]
        body["tagged"] = calls.part("acm", "list_tags_for_certificate", CertificateArn=arn)
        ends = body.get("NotAfter")
        live = {"status": body.get("Status"), "not_after": ends.isoformat() if ends else None}
        yield Found("aws_acm_certificate", shaped(body, _CERTIFICATE), live)


def streams(calls: Calls) -> Iterator[Found]:
    for name in calls.pages("kinesis", "list_streams", "StreamNames"):
        answer = calls.part(
            "kinesis", "describe_stream_summary", "ResourceNotFoundException", of="aws_kinesis_stream", StreamName=name
        )
        if not answer:
            continue
        body = answer["StreamDescriptionSummary"]
        body["tagged"] = calls.part("kinesis", "list_tags_for_stream", StreamName=name)
        values = shaped(body, _STREAM)
        # A stream on demand has as many shards as it needs; only the number of a provisioned one is anybody's wish.
        if (body.get("StreamModeDetails") or {}).get("StreamMode") != "ON_DEMAND":
            values["shard_count"] = body.get("OpenShardCount")
        yield Found("aws_kinesis_stream", values, {"status": body.get("StreamStatus")})


def alarms(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("cloudwatch", "describe_alarms", "MetricAlarms", AlarmTypes=["MetricAlarm"]):
        live: Object = {"state": body.get("StateValue")}
        if str(body.get("AlarmName")).startswith("TargetTracking-") and any(
            ":scalingPolicy:" in action for action in body.get("AlarmActions") or ()
        ):
            # A scaling policy makes its own alarms, and changes them as it sees fit.
            live["belongs_to"] = "a scaling policy"
        yield Found("aws_cloudwatch_metric_alarm", shaped(body, _ALARM), live)


def state_machines(calls: Calls) -> Iterator[Found]:
    for entry in calls.pages("stepfunctions", "list_state_machines", "stateMachines"):
        arn = entry["stateMachineArn"]
        body = calls.part(
            "stepfunctions",
            "describe_state_machine",
            "StateMachineDoesNotExist",
            of="aws_sfn_state_machine",
            stateMachineArn=arn,
        )
        if body:
            body["tagged"] = calls.part("stepfunctions", "list_tags_for_resource", resourceArn=arn)
            yield Found("aws_sfn_state_machine", shaped(body, _MACHINE), {"status": body.get("status")})


def parameters(calls: Calls) -> Iterator[Found]:
    """Yield parameters without their values, which are never asked for."""
    for body in calls.pages("ssm", "describe_parameters", "Parameters"):
        values = shaped(body, _PARAMETER)
        values["arn"] = values["arn"] or calls.account.arn("ssm", f"parameter/{str(values['name']).lstrip('/')}")
        yield Found("aws_ssm_parameter", values, {"version": body.get("Version")})


def identity_providers(calls: Calls) -> Iterator[Found]:
    for entry in calls.pages("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList"):
        arn = entry["Arn"]
        answer = calls.part(
            "iam", "get_open_id_connect_provider", "NoSuchEntity", of=_OIDC, OpenIDConnectProviderArn=arn
        )
        if answer is not NOT_READ and answer:
            yield Found(_OIDC, {"id": arn, "arn": arn, **shaped(answer, _PROVIDER)}, {})


_OIDC: Final = "aws_iam_openid_connect_provider"
_NAMESPACES: Final = ("ecs", "dynamodb", "rds", "lambda")


def scaled_targets(calls: Calls) -> Iterator[Found]:
    for namespace in _NAMESPACES:
        for body in calls.pages(
            "application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace=namespace
        ):
            yield Found("aws_appautoscaling_target", shaped(body, _SCALED), {})
