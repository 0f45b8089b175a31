"""Instances, volumes, groups that scale, functions, and tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from graph.document import Object
from tools.adapters.aws.calls import NOT_READ, Calls, Found, Way, block, blocks, each, shaped, tags, text

_INSTANCE: Final[dict[str, Way]] = {
    "id": "InstanceId",
    "ami": "ImageId",
    "instance_type": "InstanceType",
    "instance_state": "State.Name",
    "availability_zone": "Placement.AvailabilityZone",
    "tenancy": "Placement.Tenancy",
    "subnet_id": "SubnetId",
    "vpc_security_group_ids": each("SecurityGroups", "GroupId"),
    "iam_instance_profile": lambda body: str((body.get("IamInstanceProfile") or {}).get("Arn", "")).rpartition("/")[2],
    "key_name": "KeyName",
    "private_ip": "PrivateIpAddress",
    "ebs_optimized": "EbsOptimized",
    "source_dest_check": "SourceDestCheck",
    "monitoring": lambda body: (body.get("Monitoring") or {}).get("State") in ("enabled", "pending"),
    "metadata_options": block(
        "MetadataOptions",
        http_endpoint="HttpEndpoint",
        http_put_response_hop_limit="HttpPutResponseHopLimit",
        http_tokens="HttpTokens",
    ),
    "disable_api_termination": "termination.DisableApiTermination.Value",
    "tags": tags(),
}
_VOLUME: Final[dict[str, Way]] = {
    "id": "VolumeId",
    "availability_zone": "AvailabilityZone",
    "size": "Size",
    "type": "VolumeType",
    "iops": "Iops",
    "throughput": "Throughput",
    "encrypted": "Encrypted",
    "kms_key_id": "KmsKeyId",
    "snapshot_id": "SnapshotId",
    "multi_attach_enabled": "MultiAttachEnabled",
    "tags": tags(),
}
_GROUP: Final[dict[str, Way]] = {
    "id": "AutoScalingGroupName",
    "name": "AutoScalingGroupName",
    "arn": "AutoScalingGroupARN",
    "min_size": "MinSize",
    "max_size": "MaxSize",
    "desired_capacity": "DesiredCapacity",
    "default_cooldown": "DefaultCooldown",
    "health_check_type": "HealthCheckType",
    "health_check_grace_period": "HealthCheckGracePeriod",
    "launch_configuration": "LaunchConfigurationName",
    "launch_template": block("LaunchTemplate", id="LaunchTemplateId", name="LaunchTemplateName", version="Version"),
    "availability_zones": "AvailabilityZones",
    "vpc_zone_identifier": lambda body: [s for s in str(body.get("VPCZoneIdentifier") or "").split(",") if s],
    "target_group_arns": "TargetGroupARNs",
    "load_balancers": "LoadBalancerNames",
    "protect_from_scale_in": "NewInstancesProtectedFromScaleIn",
    "suspended_processes": each("SuspendedProcesses", "ProcessName"),
    "termination_policies": lambda body: [p for p in body.get("TerminationPolicies") or () if p != "Default"],
    "service_linked_role_arn": "ServiceLinkedRoleARN",
    "tag": blocks("Tags", key="Key", value="Value", propagate_at_launch="PropagateAtLaunch"),
}
_TEMPLATE: Final[dict[str, Way]] = {
    "id": "LaunchTemplateId",
    "name": "LaunchTemplateName",
    "default_version": "DefaultVersionNumber",
    "latest_version": "LatestVersionNumber",
    "image_id": "data.ImageId",
    "instance_type": "data.InstanceType",
    "key_name": "data.KeyName",
    "user_data": "data.UserData",
    "vpc_security_group_ids": "data.SecurityGroupIds",
    "tags": tags(),
}
_FUNCTION: Final[dict[str, Way]] = {
    "id": "FunctionName",
    "function_name": "FunctionName",
    "arn": "FunctionArn",
    "role": "Role",
    "handler": "Handler",
    "runtime": "Runtime",
    "timeout": "Timeout",
    "memory_size": "MemorySize",
    "description": "Description",
    "package_type": "PackageType",
    "architectures": "Architectures",
    "environment": lambda body: (
        [{"variables": variables}] if (variables := (body.get("Environment") or {}).get("Variables")) else []
    ),
    "kms_key_arn": "KMSKeyArn",
    "layers": each("Layers", "Arn"),
    "vpc_config": lambda body: _vpc_config(body.get("VpcConfig") or {}),
    "tracing_config": block("TracingConfig", mode="Mode"),
    "dead_letter_config": block("DeadLetterConfig", target_arn="TargetArn"),
    "ephemeral_storage": block("EphemeralStorage", size="Size"),
    "source_code_hash": "CodeSha256",
    "reserved_concurrent_executions": lambda body: _concurrency(body["concurrency"]),
    "tags": tags("tagged.Tags"),
}
_MAPPING: Final[dict[str, Way]] = {
    "id": "UUID",
    "uuid": "UUID",
    "event_source_arn": "EventSourceArn",
    "function_arn": "FunctionArn",
    "function_name": "FunctionArn",
    "batch_size": "BatchSize",
    "enabled": lambda body: str(body.get("State", "")).startswith("Enab"),
    "maximum_batching_window_in_seconds": "MaximumBatchingWindowInSeconds",
}
_CLUSTER: Final[dict[str, Way]] = {
    "id": "clusterArn",
    "arn": "clusterArn",
    "name": "clusterName",
    "tags": tags("tags"),
}
_SERVICE: Final[dict[str, Way]] = {
    "id": "serviceArn",
    "arn": "serviceArn",
    "name": "serviceName",
    "cluster": "clusterArn",
    "task_definition": "taskDefinition",
    "desired_count": "desiredCount",
    "launch_type": "launchType",
    "scheduling_strategy": "schedulingStrategy",
    "enable_execute_command": "enableExecuteCommand",
    "enable_ecs_managed_tags": "enableECSManagedTags",
    "health_check_grace_period_seconds": "healthCheckGracePeriodSeconds",
    "deployment_maximum_percent": "deploymentConfiguration.maximumPercent",
    "deployment_minimum_healthy_percent": "deploymentConfiguration.minimumHealthyPercent",
    "load_balancer": blocks(
        "loadBalancers",
        target_group_arn="targetGroupArn",
        container_name="containerName",
        container_port="containerPort",
        elb_name="loadBalancerName",
    ),
    "network_configuration": block(
        "networkConfiguration.awsvpcConfiguration",
        subnets="subnets",
        security_groups="securityGroups",
        assign_public_ip=lambda body: body.get("assignPublicIp") == "ENABLED",
    ),
    "tags": tags("tags"),
}
_TASK: Final[dict[str, Way]] = {
    "id": "family",
    "arn": "taskDefinitionArn",
    "family": "family",
    "revision": "revision",
    "container_definitions": text("containerDefinitions"),
    "cpu": "cpu",
    "memory": "memory",
    "network_mode": "networkMode",
    "execution_role_arn": "executionRoleArn",
    "task_role_arn": "taskRoleArn",
    "requires_compatibilities": "requiresCompatibilities",
}
_ROOT_DEVICES: Final = ("/dev/sda1", "/dev/xvda")
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html"""
_GONE: Final = ("terminated", "shutting-down")
_DESCRIBE_SERVICES: Final = 10
"""Most services that one call describes."""


def instances(calls: Calls) -> Iterator[Found]:
    for reservation in calls.pages("ec2", "describe_instances", "Reservations"):
        for body in reservation.get("Instances") or ():
            # AWS lists a terminated instance for an hour.
            if body.get("State", {}).get("Name") in _GONE:
                continue
            body["termination"] = calls.part(
                "ec2", "describe_instance_attribute", InstanceId=body["InstanceId"], Attribute="disableApiTermination"
            )
            values = shaped(body, _INSTANCE)
            values["arn"] = calls.account.arn("ec2", f"instance/{values['id']}")
            yield Found("aws_instance", values, {})


def volumes(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ec2", "describe_volumes", "Volumes"):
        values = shaped(body, _VOLUME)
        values["arn"] = calls.account.arn("ec2", f"volume/{values['id']}")
        attachments = body.get("Attachments") or []
        is_root = any(_came_with_instance(a) for a in attachments)
        yield Found("aws_ebs_volume", values, {"belongs_to": attachments[0].get("InstanceId")} if is_root else {})
        for attachment in attachments:
            if not _came_with_instance(attachment):
                part = {
                    "volume_id": attachment.get("VolumeId"),
                    "instance_id": attachment.get("InstanceId"),
                    "device_name": attachment.get("Device"),
                }
                yield Found("aws_volume_attachment", part, {})


def _came_with_instance(attachment: Object) -> bool:
    """Whether a volume was made with its instance: its root, or one that goes with it."""
    return bool(attachment.get("DeleteOnTermination")) or attachment.get("Device") in _ROOT_DEVICES


def scaling_groups(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        members = [{"id": i.get("InstanceId"), "health": i.get("HealthStatus")} for i in body.get("Instances") or ()]
        yield Found("aws_autoscaling_group", shaped(body, _GROUP), {"instances": members[:500]})


def launch_templates(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ec2", "describe_launch_templates", "LaunchTemplates"):
        name = body["LaunchTemplateId"]
        found = calls.part("ec2", "describe_launch_template_versions", LaunchTemplateId=name, Versions=["$Latest"])
        versions = found.get("LaunchTemplateVersions") if found is not NOT_READ else None
        body["data"] = (versions[0].get("LaunchTemplateData") or {}) if versions else NOT_READ
        values = shaped(body, _TEMPLATE)
        values["arn"] = calls.account.arn("ec2", f"launch-template/{name}")
        yield Found("aws_launch_template", values, {})


_ALIAS: Final[dict[str, Way]] = {
    "id": "AliasArn",
    "arn": "AliasArn",
    "name": "Name",
    "description": lambda body: body.get("Description") or "",
    "function_version": "FunctionVersion",
    "routing_config": block("RoutingConfig", additional_version_weights="AdditionalVersionWeights"),
}


def functions(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("lambda", "list_functions", "Functions"):
        name = body["FunctionName"]
        body["tagged"] = calls.part("lambda", "list_tags", Resource=body["FunctionArn"])
        body["concurrency"] = calls.part("lambda", "get_function_concurrency", FunctionName=name)
        yield Found("aws_lambda_function", shaped(body, _FUNCTION), {})
        yield from _permissions(calls, name)
        for alias in calls.listed("lambda", "list_aliases", "Aliases", of="aws_lambda_alias", FunctionName=name) or ():
            yield Found("aws_lambda_alias", {**shaped(alias, _ALIAS), "function_name": name}, {})


def event_sources(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("lambda", "list_event_source_mappings", "EventSourceMappings"):
        yield Found("aws_lambda_event_source_mapping", shaped(body, _MAPPING), {"state": body.get("State")})


def clusters(calls: Calls) -> Iterator[Found]:
    for arns in _batches(calls.pages("ecs", "list_clusters", "clusterArns"), 100):
        for body in calls.get("ecs", "describe_clusters", clusters=arns, include=["TAGS"]).get("clusters", ()):
            if body.get("status") != "INACTIVE":
                yield Found("aws_ecs_cluster", shaped(body, _CLUSTER), {})


def services(calls: Calls) -> Iterator[Found]:
    for cluster in calls.pages("ecs", "list_clusters", "clusterArns"):
        names = calls.pages("ecs", "list_services", "serviceArns", cluster=cluster)
        for arns in _batches(names, _DESCRIBE_SERVICES):
            answer = calls.get("ecs", "describe_services", cluster=cluster, services=arns, include=["TAGS"])
            for body in answer.get("services", ()):
                if body.get("status") != "INACTIVE":
                    counts = {"running": body.get("runningCount"), "pending": body.get("pendingCount")}
                    yield Found("aws_ecs_service", shaped(body, _SERVICE), counts)


def task_definitions(calls: Calls) -> Iterator[Found]:
    """Yield what services run and the newest revision of each family: older ones are history, not state."""
    newest: dict[str, str] = {}
    for arn in calls.pages("ecs", "list_task_definitions", "taskDefinitionArns", sort="ASC"):
        family, _, revision = arn.rpartition(":")
        if int(revision) >= int(newest.get(family, ":0").rpartition(":")[2]):
            newest[family] = arn
    used = {f.values["task_definition"] for f in services(calls) if f.values.get("task_definition")}
    for arn in sorted({*newest.values(), *used}):
        answer = calls.part(
            "ecs", "describe_task_definition", of="aws_ecs_task_definition", taskDefinition=arn, include=["TAGS"]
        )
        if answer:
            body = {**answer["taskDefinition"], "tags": answer.get("tags")}
            yield Found("aws_ecs_task_definition", shaped(body, {**_TASK, "tags": tags("tags")}), {})


def _permissions(calls: Calls, function: str) -> Iterator[Found]:
    answer = calls.part(
        "lambda", "get_policy", "ResourceNotFoundException", of="aws_lambda_permission", FunctionName=function
    )
    if not answer:
        return
    for statement in json.loads(answer.get("Policy") or "{}").get("Statement", ()):
        principal = statement.get("Principal")
        holder = principal if isinstance(principal, str) else next(iter((principal or {}).values()), "")
        condition = statement.get("Condition") or {}
        source = next((v for c in condition.values() for k, v in c.items() if k.lower() == "aws:sourcearn"), None)
        values = {
            "statement_id": statement.get("Sid"),
            "function_name": function,
            "action": statement.get("Action"),
            "principal": holder,
            "source_arn": source,
        }
        yield Found("aws_lambda_permission", values, {})


def _vpc_config(found: Object) -> list[Object]:
    if not found.get("VpcId") and not found.get("SubnetIds"):
        return []
    names = {"subnet_ids": "SubnetIds", "security_group_ids": "SecurityGroupIds", "vpc_id": "VpcId"}
    return [{name: found.get(member) for name, member in names.items()}]


def _concurrency(answer: Any) -> Any:
    return answer if answer is NOT_READ else answer.get("ReservedConcurrentExecutions", -1)


def _batches(entries: Iterator[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
