"""What carries messages and what is kept apart: queues, topics, event rules, secrets without values, log groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graph.document import Object
from tools.adapters.aws.calls import NOT_READ, Calls, Found, Way, number, shaped, tags, text, truth

_QUEUE: Final[dict[str, Way]] = {
    "arn": "QueueArn",
    "policy": text("Policy"),
    "redrive_policy": text("RedrivePolicy"),
    "redrive_allow_policy": text("RedriveAllowPolicy"),
    "visibility_timeout_seconds": number("VisibilityTimeout"),
    "message_retention_seconds": number("MessageRetentionPeriod"),
    "max_message_size": number("MaximumMessageSize"),
    "delay_seconds": number("DelaySeconds"),
    "receive_wait_time_seconds": number("ReceiveMessageWaitTimeSeconds"),
    "kms_master_key_id": "KmsMasterKeyId",
    "kms_data_key_reuse_period_seconds": number("KmsDataKeyReusePeriodSeconds"),
    "sqs_managed_sse_enabled": truth("SqsManagedSseEnabled"),
    "fifo_queue": truth("FifoQueue"),
    "content_based_deduplication": truth("ContentBasedDeduplication"),
}
_TOPIC: Final[dict[str, Way]] = {
    "id": "TopicArn",
    "arn": "TopicArn",
    "owner": "Owner",
    "display_name": "DisplayName",
    "policy": text("Policy"),
    "delivery_policy": text("DeliveryPolicy"),
    "kms_master_key_id": "KmsMasterKeyId",
    "fifo_topic": truth("FifoTopic"),
    "content_based_deduplication": truth("ContentBasedDeduplication"),
}
_SUBSCRIPTION: Final[dict[str, Way]] = {
    "id": "SubscriptionArn",
    "arn": "SubscriptionArn",
    "topic_arn": "TopicArn",
    "protocol": "Protocol",
    "endpoint": "Endpoint",
    "owner_id": "Owner",
    "filter_policy": text("attributes.FilterPolicy"),
    "raw_message_delivery": truth("attributes.RawMessageDelivery"),
    "redrive_policy": text("attributes.RedrivePolicy"),
}
_SECRET: Final[dict[str, Way]] = {
    "id": "ARN",
    "arn": "ARN",
    "name": "Name",
    "description": "Description",
    "kms_key_id": "KmsKeyId",
    "policy": text("policies.ResourcePolicy"),
    "tags": tags(),
}
_LOG_GROUP: Final[dict[str, Way]] = {
    "id": "logGroupName",
    "name": "logGroupName",
    "arn": lambda body: str(body.get("arn", "")).removesuffix(":*"),
    "retention_in_days": lambda body: body.get("retentionInDays") or 0,
    "kms_key_id": "kmsKeyId",
    "log_group_class": lambda body: body.get("logGroupClass") or "STANDARD",
    "tags": tags("tagged.tags"),
}
_EVENT_RULE: Final[dict[str, Way]] = {
    "id": "Name",
    "name": "Name",
    "arn": "Arn",
    "description": "Description",
    "event_bus_name": lambda body: body.get("EventBusName") or "default",
    "event_pattern": text("EventPattern"),
    "schedule_expression": "ScheduleExpression",
    "role_arn": "RoleArn",
    "state": "State",
    "is_enabled": lambda body: body.get("State") != "DISABLED",
    "tags": tags("tagged.Tags"),
}


def queues(calls: Calls) -> Iterator[Found]:
    for url in calls.pages("sqs", "list_queues", "QueueUrls"):
        answer = calls.part(
            "sqs",
            "get_queue_attributes",
            "AWS.SimpleQueueService.NonExistentQueue",
            "QueueDoesNotExist",
            QueueUrl=url,
            AttributeNames=["All"],
        )
        if answer == {}:
            # It went between the listing and the look.
            continue
        found = calls.part("sqs", "list_queue_tags", QueueUrl=url)
        values = {"id": url, "url": url, "name": url.rpartition("/")[2], **_shaped_part(answer, "Attributes", _QUEUE)}
        if found is not NOT_READ:
            values["tags"] = found.get("Tags") or {}
        yield Found("aws_sqs_queue", values, {})


def topics(calls: Calls) -> Iterator[Found]:
    for entry in calls.pages("sns", "list_topics", "Topics"):
        arn = entry["TopicArn"]
        answer = calls.part("sns", "get_topic_attributes", "NotFound", TopicArn=arn)
        found = calls.part("sns", "list_tags_for_resource", ResourceArn=arn)
        values = {"id": arn, "arn": arn, "name": arn.rpartition(":")[2], **_shaped_part(answer, "Attributes", _TOPIC)}
        if found is not NOT_READ:
            values["tags"] = tags()(found)
        yield Found("aws_sns_topic", values, {})


def subscriptions(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("sns", "list_subscriptions", "Subscriptions"):
        arn = str(body.get("SubscriptionArn"))
        if arn.startswith("arn:"):
            answer = calls.part("sns", "get_subscription_attributes", "NotFound", SubscriptionArn=arn)
            body["attributes"] = answer if answer is NOT_READ else answer.get("Attributes") or {}
            yield Found("aws_sns_topic_subscription", shaped(body, _SUBSCRIPTION), {})


def secrets(calls: Calls) -> Iterator[Found]:
    """Yield secrets without their values, which are never asked for."""
    for body in calls.pages("secretsmanager", "list_secrets", "SecretList"):
        if body.get("DeletedDate"):
            continue
        body["policies"] = calls.part(
            "secretsmanager", "get_resource_policy", "ResourceNotFoundException", SecretId=body["ARN"]
        )
        live = {"rotation_enabled": bool(body.get("RotationEnabled"))}
        yield Found("aws_secretsmanager_secret", shaped(body, _SECRET), live)


def log_groups(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("logs", "describe_log_groups", "logGroups"):
        arn = str(body.get("arn", "")).removesuffix(":*")
        body["tagged"] = calls.part("logs", "list_tags_for_resource", resourceArn=arn)
        yield Found("aws_cloudwatch_log_group", shaped(body, _LOG_GROUP), {})


def event_buses(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("events", "list_event_buses", "EventBuses"):
        values: Object = {"id": body["Name"], "name": body["Name"], "arn": body.get("Arn")}
        yield Found("aws_cloudwatch_event_bus", values, {"is_default": True} if body["Name"] == "default" else {})


def event_rules(calls: Calls) -> Iterator[Found]:
    for bus in calls.pages("events", "list_event_buses", "EventBuses"):
        for body in calls.pages("events", "list_rules", "Rules", EventBusName=bus["Name"]):
            body["tagged"] = calls.part("events", "list_tags_for_resource", ResourceARN=body["Arn"])
            values = shaped(body, _EVENT_RULE)
            if bus["Name"] != "default":
                values["id"] = f"{bus['Name']}/{values['name']}"
            is_default = bool(body.get("ManagedBy"))
            yield Found("aws_cloudwatch_event_rule", values, {"is_default": True} if is_default else {})
            targets = calls.listed(
                "events",
                "list_targets_by_rule",
                "Targets",
                of="aws_cloudwatch_event_target",
                Rule=body["Name"],
                EventBusName=bus["Name"],
            )
            for target in targets or ():
                part = {
                    "rule": body["Name"],
                    "event_bus_name": bus["Name"],
                    "target_id": target.get("Id"),
                    "arn": target.get("Arn"),
                    "role_arn": target.get("RoleArn"),
                    "input": target.get("Input"),
                }
                yield Found("aws_cloudwatch_event_target", part, {"is_default": True} if is_default else {})


def _shaped_part(answer: Any, member: str, ways: dict[str, Way]) -> Object:
    return {} if answer is NOT_READ else shaped(answer.get(member) or {}, ways)
