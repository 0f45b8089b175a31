"""Buckets, databases and tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graph.document import Object
from tools.adapters.aws.calls import NOT_READ, Calls, Found, Way, block, blocks, each, shaped, tags

_BUCKET: Final[dict[str, Way]] = {
    "id": "Name",
    "bucket": "Name",
    "policy": "policies.Policy",
    "versioning": lambda body: _versioning(body["versioning"]),
    "server_side_encryption_configuration": lambda body: _encryption(body["encryption"]),
    "logging": block(
        "logging.LoggingEnabled", target_bucket="TargetBucket", target_prefix=lambda b: b.get("TargetPrefix") or ""
    ),
    "tags": tags("tagging.TagSet"),
}
_PUBLIC_TYPE: Final = "aws_s3_bucket_public_access_block"
_PUBLIC: Final[dict[str, Way]] = {
    "block_public_acls": "BlockPublicAcls",
    "block_public_policy": "BlockPublicPolicy",
    "ignore_public_acls": "IgnorePublicAcls",
    "restrict_public_buckets": "RestrictPublicBuckets",
}
_DATABASE: Final[dict[str, Way]] = {
    "id": "DBInstanceIdentifier",
    "identifier": "DBInstanceIdentifier",
    "resource_id": "DbiResourceId",
    "arn": "DBInstanceArn",
    "engine": "Engine",
    "engine_version": "EngineVersion",
    "engine_version_actual": "EngineVersion",
    "instance_class": "DBInstanceClass",
    "allocated_storage": "AllocatedStorage",
    "max_allocated_storage": "MaxAllocatedStorage",
    "storage_type": "StorageType",
    "storage_encrypted": "StorageEncrypted",
    "kms_key_id": "KmsKeyId",
    "iops": "Iops",
    "db_name": "DBName",
    "username": "MasterUsername",
    "port": lambda body: (body.get("Endpoint") or {}).get("Port") or body.get("DbInstancePort"),
    "address": "Endpoint.Address",
    "endpoint": lambda body: _endpoint(body.get("Endpoint") or {}),
    "availability_zone": "AvailabilityZone",
    "multi_az": "MultiAZ",
    "publicly_accessible": "PubliclyAccessible",
    "deletion_protection": "DeletionProtection",
    "backup_retention_period": "BackupRetentionPeriod",
    "backup_window": "PreferredBackupWindow",
    "maintenance_window": "PreferredMaintenanceWindow",
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
    "iam_database_authentication_enabled": "IAMDatabaseAuthenticationEnabled",
    "copy_tags_to_snapshot": "CopyTagsToSnapshot",
    "ca_cert_identifier": "CACertificateIdentifier",
    "license_model": "LicenseModel",
    "monitoring_interval": "MonitoringInterval",
    "monitoring_role_arn": "MonitoringRoleArn",
    "performance_insights_enabled": "PerformanceInsightsEnabled",
    "db_subnet_group_name": "DBSubnetGroup.DBSubnetGroupName",
    "parameter_group_name": lambda body: _first(body.get("DBParameterGroups"), "DBParameterGroupName"),
    "option_group_name": lambda body: _first(body.get("OptionGroupMemberships"), "OptionGroupName"),
    "vpc_security_group_ids": each("VpcSecurityGroups", "VpcSecurityGroupId"),
    "replicate_source_db": "ReadReplicaSourceDBInstanceIdentifier",
    "tags": tags("TagList"),
}
_MEMBER: Final[dict[str, Way]] = {
    **{
        name: _DATABASE[name]
        for name in (
            *("id", "identifier", "arn", "engine", "engine_version", "engine_version_actual", "instance_class", "port"),
            *("publicly_accessible", "availability_zone", "monitoring_interval", "monitoring_role_arn"),
            *("performance_insights_enabled", "auto_minor_version_upgrade", "ca_cert_identifier", "kms_key_id"),
            *("copy_tags_to_snapshot", "db_subnet_group_name", "storage_encrypted", "tags"),
        )
    },
    "cluster_identifier": "DBClusterIdentifier",
    "dbi_resource_id": "DbiResourceId",
    "db_parameter_group_name": lambda body: _first(body.get("DBParameterGroups"), "DBParameterGroupName"),
    "endpoint": "Endpoint.Address",
    "preferred_backup_window": "PreferredBackupWindow",
    "preferred_maintenance_window": "PreferredMaintenanceWindow",
    "promotion_tier": lambda body: body.get("PromotionTier", NOT_READ),
}
_SUBNET_GROUP: Final[dict[str, Way]] = {
    "id": "DBSubnetGroupName",
    "name": "DBSubnetGroupName",
    "arn": "DBSubnetGroupArn",
    "description": "DBSubnetGroupDescription",
    "subnet_ids": each("Subnets", "SubnetIdentifier"),
    "vpc_id": "VpcId",
}
_TABLE: Final[dict[str, Way]] = {
    "id": "TableName",
    "name": "TableName",
    "arn": "TableArn",
    "billing_mode": lambda body: (body.get("BillingModeSummary") or {}).get("BillingMode") or "PROVISIONED",
    "hash_key": lambda body: _key(body, "HASH"),
    "range_key": lambda body: _key(body, "RANGE"),
    "attribute": blocks("AttributeDefinitions", name="AttributeName", type="AttributeType"),
    "read_capacity": "ProvisionedThroughput.ReadCapacityUnits",
    "write_capacity": "ProvisionedThroughput.WriteCapacityUnits",
    "stream_enabled": lambda body: bool((body.get("StreamSpecification") or {}).get("StreamEnabled")),
    "stream_view_type": lambda body: (body.get("StreamSpecification") or {}).get("StreamViewType") or "",
    "stream_arn": lambda body: body.get("LatestStreamArn") or "",
    "deletion_protection_enabled": lambda body: bool(body.get("DeletionProtectionEnabled")),
    "global_secondary_index": blocks(
        "GlobalSecondaryIndexes",
        name="IndexName",
        hash_key=lambda index: _key(index, "HASH"),
        range_key=lambda index: _key(index, "RANGE"),
        projection_type="Projection.ProjectionType",
        non_key_attributes=lambda index: (index.get("Projection") or {}).get("NonKeyAttributes") or [],
        read_capacity="ProvisionedThroughput.ReadCapacityUnits",
        write_capacity="ProvisionedThroughput.WriteCapacityUnits",
    ),
    "server_side_encryption": block(
        "SSEDescription",
        enabled=lambda sse: sse.get("Status") in ("ENABLED", "ENABLING"),
        kms_key_arn="KMSMasterKeyArn",
    ),
    "point_in_time_recovery": lambda body: _recovery(body["backups"]),
    "ttl": lambda body: _ttl(body["ttl"]),
    "tags": tags("tagged.Tags"),
}


def buckets(calls: Calls) -> Iterator[Found]:
    """Yield the buckets of this region, and of each the parts that Terraform may declare apart."""
    for entry in calls.pages("s3", "list_buckets", "Buckets"):
        name = entry["Name"]
        place = calls.part("s3", "get_bucket_location", Bucket=name)
        region = place.get("LocationConstraint") or "us-east-1" if place is not NOT_READ else calls.account.region
        if {"EU": "eu-west-1"}.get(region, region) != calls.account.region:
            continue
        body = {"Name": name, **_settings(calls, name)}
        values = shaped(body, _BUCKET)
        values["arn"] = f"arn:{calls.account.partition}:s3:::{name}"
        yield Found("aws_s3_bucket", values, {})
        yield from _public_access(body["public"], name)


def _settings(calls: Calls, name: str) -> Object:
    parts = {
        "policies": ("get_bucket_policy", "NoSuchBucketPolicy", ""),
        "versioning": ("get_bucket_versioning", "", ""),
        "encryption": ("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError", ""),
        "logging": ("get_bucket_logging", "", ""),
        "tagging": ("get_bucket_tagging", "NoSuchTagSet", ""),
        "public": ("get_public_access_block", "NoSuchPublicAccessBlockConfiguration", _PUBLIC_TYPE),
    }
    return {
        key: calls.part("s3", operation, absent, of=type, Bucket=name)
        for key, (operation, absent, type) in parts.items()
    }


def _public_access(answer: Any, bucket: str) -> Iterator[Found]:
    found = answer.get("PublicAccessBlockConfiguration") if answer else None
    if found:
        values = {"id": bucket, "bucket": bucket, **shaped(found, _PUBLIC)}
        # Every new bucket has all four since 2023; what is there by itself is nobody's change.
        is_default = all(values[name] for name in _PUBLIC)
        yield Found(_PUBLIC_TYPE, values, {"is_default": True} if is_default else {})


def databases(calls: Calls) -> Iterator[Found]:
    """Yield databases that stand alone, and the instances of clusters, which Terraform knows as another type."""
    for body in calls.pages("rds", "describe_db_instances", "DBInstances"):
        if body.get("DBInstanceStatus") == "deleting":
            continue
        live = {"status": body.get("DBInstanceStatus")}
        if body.get("DBClusterIdentifier"):
            yield Found("aws_rds_cluster_instance", shaped(body, _MEMBER), live)
        else:
            yield Found("aws_db_instance", shaped(body, _DATABASE), live)


def subnet_groups(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("rds", "describe_db_subnet_groups", "DBSubnetGroups"):
        is_default = body.get("DBSubnetGroupName") == "default"
        yield Found("aws_db_subnet_group", shaped(body, _SUBNET_GROUP), {"is_default": True} if is_default else {})


def tables(calls: Calls) -> Iterator[Found]:
    for name in calls.pages("dynamodb", "list_tables", "TableNames"):
        answer = calls.part(
            "dynamodb", "describe_table", "ResourceNotFoundException", of="aws_dynamodb_table", TableName=name
        )
        body = answer["Table"] if answer else {"TableStatus": "DELETING"}
        if body.get("TableStatus") == "DELETING":
            continue
        body["tagged"] = calls.part("dynamodb", "list_tags_of_resource", ResourceArn=body["TableArn"])
        body["backups"] = calls.part("dynamodb", "describe_continuous_backups", TableName=name)
        body["ttl"] = calls.part("dynamodb", "describe_time_to_live", TableName=name)
        yield Found("aws_dynamodb_table", shaped(body, _TABLE), {"status": body.get("TableStatus")})


def _versioning(answer: Any) -> Any:
    if answer is NOT_READ:
        return NOT_READ
    return [{"enabled": answer.get("Status") == "Enabled", "mfa_delete": answer.get("MFADelete") == "Enabled"}]


def _encryption(answer: Any) -> Any:
    if answer is NOT_READ:
        return NOT_READ
    rules = (answer.get("ServerSideEncryptionConfiguration") or {}).get("Rules") or []
    found = [
        {
            "bucket_key_enabled": bool(rule.get("BucketKeyEnabled")),
            "apply_server_side_encryption_by_default": [
                {
                    "sse_algorithm": rule["ApplyServerSideEncryptionByDefault"].get("SSEAlgorithm"),
                    "kms_master_key_id": rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID") or "",
                }
            ],
        }
        for rule in rules
        if rule.get("ApplyServerSideEncryptionByDefault")
    ]
    return [{"rule": found}] if found else []


def _recovery(answer: Any) -> Any:
    if answer is NOT_READ:
        return NOT_READ
    found = (answer.get("ContinuousBackupsDescription") or {}).get("PointInTimeRecoveryDescription") or {}
    return [{"enabled": found.get("PointInTimeRecoveryStatus") == "ENABLED"}]


def _ttl(answer: Any) -> Any:
    if answer is NOT_READ:
        return NOT_READ
    found = answer.get("TimeToLiveDescription") or {}
    is_enabled = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return [{"enabled": True, "attribute_name": found.get("AttributeName")}] if is_enabled else []


def _key(body: Object, type: str) -> Any:
    return next((k.get("AttributeName") for k in body.get("KeySchema") or () if k.get("KeyType") == type), None)


def _endpoint(found: Object) -> str:
    return f"{found['Address']}:{found['Port']}" if found.get("Address") else ""


def _first(entries: Any, member: str) -> Any:
    return next((entry.get(member) for entry in entries or ()), None)
