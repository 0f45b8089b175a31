"""The catalogue of what is read of an AWS account: which reader gives which Terraform types, with which clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tools.adapters.aws import (
    clusters,
    compute,
    databases,
    edge,
    gateways,
    identity,
    messages,
    network,
    organisation,
    services,
    storage,
    traffic,
)
from tools.adapters.aws.calls import Calls, Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One listing and what hangs on it."""

    read: Callable[[Calls], Iterator[Found]]
    types: tuple[str, ...]
    """Terraform types that it gives."""
    services: tuple[str, ...]
    """boto3 clients that it calls."""
    is_global: bool = False
    """The answer is the same in every region."""


def _reader(read: Callable[[Calls], Iterator[Found]], services: str, *types: str, is_global: bool = False) -> Reader:
    return Reader(read=read, types=types, services=tuple(services.split()), is_global=is_global)


READERS: Final = (
    _reader(network.vpcs, "ec2", "aws_vpc"),
    _reader(network.subnets, "ec2", "aws_subnet"),
    _reader(network.security_groups, "ec2", "aws_security_group"),
    _reader(network.route_tables, "ec2", "aws_route_table", "aws_route_table_association"),
    _reader(network.network_acls, "ec2", "aws_network_acl"),
    _reader(network.endpoints, "ec2", "aws_vpc_endpoint"),
    _reader(network.nat_gateways, "ec2", "aws_nat_gateway"),
    _reader(network.internet_gateways, "ec2", "aws_internet_gateway"),
    _reader(network.addresses, "ec2", "aws_eip"),
    _reader(compute.instances, "ec2", "aws_instance"),
    _reader(compute.volumes, "ec2", "aws_ebs_volume", "aws_volume_attachment"),
    _reader(compute.launch_templates, "ec2", "aws_launch_template"),
    _reader(compute.scaling_groups, "autoscaling", "aws_autoscaling_group"),
    _reader(compute.functions, "lambda", "aws_lambda_function", "aws_lambda_permission", "aws_lambda_alias"),
    _reader(compute.event_sources, "lambda", "aws_lambda_event_source_mapping"),
    _reader(compute.clusters, "ecs", "aws_ecs_cluster"),
    _reader(compute.services, "ecs", "aws_ecs_service"),
    _reader(compute.task_definitions, "ecs", "aws_ecs_task_definition"),
    _reader(
        identity.identities,
        "iam",
        "aws_iam_role",
        "aws_iam_policy",
        "aws_iam_user",
        "aws_iam_user_policy",
        "aws_iam_user_policy_attachment",
        "aws_iam_user_group_membership",
        "aws_iam_group",
        "aws_iam_group_policy",
        "aws_iam_group_policy_attachment",
        is_global=True,
    ),
    _reader(identity.instance_profiles, "iam", "aws_iam_instance_profile", is_global=True),
    _reader(identity.keys, "kms", "aws_kms_key", "aws_kms_grant"),
    _reader(identity.aliases, "kms", "aws_kms_alias"),
    _reader(storage.buckets, "s3", "aws_s3_bucket", "aws_s3_bucket_public_access_block"),
    _reader(storage.databases, "rds", "aws_db_instance", "aws_rds_cluster_instance"),
    _reader(databases.clusters, "rds", "aws_rds_cluster"),
    _reader(databases.parameter_groups, "rds", "aws_db_parameter_group"),
    _reader(databases.cluster_parameter_groups, "rds", "aws_rds_cluster_parameter_group"),
    _reader(databases.cache_subnet_groups, "elasticache", "aws_elasticache_subnet_group"),
    _reader(databases.caches, "elasticache", "aws_elasticache_cluster", "aws_elasticache_replication_group"),
    _reader(storage.subnet_groups, "rds", "aws_db_subnet_group"),
    _reader(storage.tables, "dynamodb", "aws_dynamodb_table"),
    _reader(traffic.balancers, "elbv2", "aws_lb", "aws_lb_listener", "aws_lb_listener_rule"),
    _reader(traffic.target_groups, "elbv2", "aws_lb_target_group", "aws_lb_target_group_attachment"),
    _reader(messages.queues, "sqs", "aws_sqs_queue"),
    _reader(messages.topics, "sns", "aws_sns_topic"),
    _reader(messages.subscriptions, "sns", "aws_sns_topic_subscription"),
    _reader(messages.secrets, "secretsmanager", "aws_secretsmanager_secret"),
    _reader(messages.log_groups, "logs", "aws_cloudwatch_log_group"),
    _reader(messages.event_buses, "events", "aws_cloudwatch_event_bus"),
    _reader(messages.event_rules, "events", "aws_cloudwatch_event_rule", "aws_cloudwatch_event_target"),
    _reader(clusters.eks_clusters, "eks", "aws_eks_cluster", "aws_eks_node_group", "aws_eks_pod_identity_association"),
    _reader(
        gateways.rest_apis,
        "apigateway",
        "aws_api_gateway_rest_api",
        "aws_api_gateway_resource",
        "aws_api_gateway_method",
        "aws_api_gateway_integration",
        "aws_api_gateway_deployment",
        "aws_api_gateway_stage",
    ),
    _reader(
        gateways.http_apis,
        "apigatewayv2",
        "aws_apigatewayv2_api",
        "aws_apigatewayv2_integration",
        "aws_apigatewayv2_route",
        "aws_apigatewayv2_stage",
    ),
    _reader(services.repositories, "ecr", "aws_ecr_repository"),
    _reader(services.certificates, "acm", "aws_acm_certificate"),
    _reader(services.streams, "kinesis", "aws_kinesis_stream"),
    _reader(services.alarms, "cloudwatch", "aws_cloudwatch_metric_alarm"),
    _reader(services.state_machines, "stepfunctions", "aws_sfn_state_machine"),
    _reader(services.parameters, "ssm", "aws_ssm_parameter"),
    _reader(services.scaled_targets, "application-autoscaling", "aws_appautoscaling_target"),
    _reader(services.identity_providers, "iam", "aws_iam_openid_connect_provider", is_global=True),
    _reader(
        organisation.policies,
        "organizations",
        "aws_organizations_policy",
        "aws_organizations_policy_attachment",
        is_global=True,
    ),
    _reader(
        organisation.members,
        "organizations",
        "aws_organizations_organizational_unit",
        "aws_organizations_account",
        is_global=True,
    ),
    _reader(edge.distributions, "cloudfront", "aws_cloudfront_distribution", is_global=True),
    _reader(traffic.zones, "route53", "aws_route53_zone", "aws_route53_record", is_global=True),
)
