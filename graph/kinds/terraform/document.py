"""Build the Document of one Terraform resource instance, and know under which other names it goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from graph.document import Object
from graph.kinds.terraform.sensitive import masked
from graph.resource import Platform, Resource, terraform_uid
from graph.version import Document, Origin

_NAMES = ("arn", "id", "name")
_ADDRESSES: dict[str, tuple[str, ...]] = {
    "aws_s3_bucket": ("bucket", "bucket_domain_name", "bucket_regional_domain_name", "website_endpoint"),
    "aws_sqs_queue": ("url",),
    "aws_db_instance": ("endpoint", "address", "identifier", "resource_id"),
    "aws_rds_cluster": ("endpoint", "reader_endpoint", "cluster_identifier", "cluster_resource_id"),
    "aws_rds_cluster_instance": ("endpoint", "identifier"),
    "aws_elasticache_cluster": ("cluster_address", "configuration_endpoint", "cluster_id"),
    "aws_elasticache_replication_group": (
        "primary_endpoint_address",
        "reader_endpoint_address",
        "configuration_endpoint_address",
        "replication_group_id",
    ),
    "aws_kms_key": ("key_id",),
    "aws_lb": ("dns_name",),
    "aws_alb": ("dns_name",),
    "aws_elb": ("dns_name",),
    "aws_opensearch_domain": ("endpoint", "domain_name"),
    "aws_elasticsearch_domain": ("endpoint", "domain_name"),
    "aws_msk_cluster": ("cluster_name",),
    "aws_eks_cluster": ("endpoint",),
    "aws_ecr_repository": ("repository_url",),
    "aws_mq_broker": ("broker_name",),
    "aws_lambda_function": ("function_name", "invoke_arn", "qualified_arn"),
    "aws_secretsmanager_secret": (),
    "aws_iam_role": ("unique_id",),
    "aws_iam_user": ("unique_id",),
    "aws_efs_file_system": ("dns_name",),
    "aws_cloudfront_distribution": ("domain_name",),
    "aws_cloudwatch_metric_alarm": ("alarm_name",),
    "aws_apigatewayv2_api": ("api_endpoint",),
    "aws_docdb_cluster": ("endpoint", "reader_endpoint", "cluster_identifier"),
    "aws_redshift_cluster": ("endpoint", "dns_name", "cluster_identifier"),
}
"""Attributes by which other systems reach a resource, beside arn, id and name."""

_PARTS = frozenset(
    {
        "aws_sqs_queue_policy",
        "aws_sqs_queue_redrive_policy",
        "aws_sqs_queue_redrive_allow_policy",
        "aws_sns_topic_policy",
        "aws_kms_key_policy",
        "aws_secretsmanager_secret_policy",
        "aws_secretsmanager_secret_rotation",
        "aws_secretsmanager_secret_version",
        "aws_ecr_repository_policy",
        "aws_ecr_lifecycle_policy",
        "aws_lambda_permission",
        "aws_iam_role_policy_attachment",
        "aws_iam_user_policy_attachment",
        "aws_iam_group_policy_attachment",
        "aws_vpc_dhcp_options_association",
    }
)
"""Types that configure another resource and carry its name or ARN as their own id."""


def document(
    *,
    stack: str,
    type: str,
    name: str,
    address: str,
    values: Object,
    salt: bytes,
    provider: str = "",
    sensitive: Iterable[str] = (),
    origin: Origin | None = None,
    **more: Any,
) -> Document:
    """Build the Document of a managed resource instance, sensitive values hashed.

    Args:
        stack: name of the state in the uid.
        type: resource type such as `aws_iam_role`.
        name: name in the configuration.
        address: full address with module path and instance keys.
        values: attributes as state or plan give them.
        salt: key of the hashes; the same for all facets.
        provider: source address of the provider.
        sensitive: JSON pointers into `values`.
        origin: file, line and commit, for intended state.
        more: further members of the body, left out when empty: `references` (addresses it needs), `unknown` (pointers
            into the body, known only after apply), `declared` (attributes that the configuration sets),
            `ignore_changes`, `previous_address`, `planned` (`create`, `delete`: what an apply would do), `deposed`,
            `partial` (attributes that are missing were not looked at), `undeclared` (held against all declarations
            of its account, and none claims it), `status` (what is no attribute and makes no version of its own).
    """
    clean = masked(values, sensitive, salt)
    body: Object = {"type": type, "name": name, "address": address, "provider": provider, "values": clean}
    body.update({key: value for key, value in more.items() if value})
    resource = Resource(
        uid=terraform_uid(stack=stack, address=address),
        platform=Platform.TERRAFORM,
        kind=type,
        name=name,
        aliases=tuple(dict.fromkeys(aliases(type, clean))),
    )
    return Document(resource=resource, body=body, origin=origin)


def aliases(type: str, values: Object) -> Iterator[str]:
    """Yield the other names of a resource: ARN, id, name, and the addresses under which it is reached."""
    if type in _PARTS or (type.startswith("aws_s3_bucket_") and type != "aws_s3_bucket_object"):
        return
    for attribute in (*_NAMES, *_ADDRESSES.get(type, ())):
        value = values.get(attribute)
        if isinstance(value, str) and value and not value.startswith("hmac-sha256:"):
            yield value
            if attribute == "endpoint":
                host = value.partition("://")[2] or value
                yield host.partition(":")[0].partition("/")[0]


def stack_of(document: Document) -> str:
    """Return the stack that the uid of a Terraform document names."""
    return document.resource.uid.removeprefix("tf://").partition("/")[0]
