"""Database clusters with their instances, and caches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graph.document import Object
from tools.adapters.aws.calls import NOT_READ, Calls, Found, Way, block, each, shaped, tags

_CLUSTER: Final[dict[str, Way]] = {
    "id": "DBClusterIdentifier",
    "cluster_identifier": "DBClusterIdentifier",
    "cluster_resource_id": "DbClusterResourceId",
    "arn": "DBClusterArn",
    "engine": "Engine",
    "engine_version": "EngineVersion",
    "engine_version_actual": "EngineVersion",
    "engine_mode": lambda body: body.get("EngineMode") or "provisioned",
    "database_name": "DatabaseName",
    "master_username": "MasterUsername",
    "port": "Port",
    "endpoint": "Endpoint",
    "reader_endpoint": "ReaderEndpoint",
    "availability_zones": "AvailabilityZones",
    "backup_retention_period": "BackupRetentionPeriod",
    "preferred_backup_window": "PreferredBackupWindow",
    "preferred_maintenance_window": "PreferredMaintenanceWindow",
    "db_subnet_group_name": "DBSubnetGroup",
    "db_cluster_parameter_group_name": "DBClusterParameterGroup",
    "vpc_security_group_ids": each("VpcSecurityGroups", "VpcSecurityGroupId"),
    "storage_encrypted": "StorageEncrypted",
    "kms_key_id": "KmsKeyId",
    "iam_database_authentication_enabled": lambda body: bool(body.get("IAMDatabaseAuthenticationEnabled")),
    "deletion_protection": lambda body: bool(body.get("DeletionProtection")),
    "copy_tags_to_snapshot": lambda body: bool(body.get("CopyTagsToSnapshot")),
    "enabled_cloudwatch_logs_exports": lambda body: body.get("EnabledCloudwatchLogsExports") or [],
    "replication_source_identifier": lambda body: body.get("ReplicationSourceIdentifier") or "",
    "serverlessv2_scaling_configuration": block(
        "ServerlessV2ScalingConfiguration",
        min_capacity="MinCapacity",
        max_capacity="MaxCapacity",
        seconds_until_auto_pause="SecondsUntilAutoPause",
    ),
    "cluster_members": each("DBClusterMembers", "DBInstanceIdentifier"),
    "tags": tags("TagList"),
}
_SUBNETS: Final[dict[str, Way]] = {
    "id": "CacheSubnetGroupName",
    "name": "CacheSubnetGroupName",
    "arn": "ARN",
    "description": "CacheSubnetGroupDescription",
    "subnet_ids": each("Subnets", "SubnetIdentifier"),
    "vpc_id": "VpcId",
}
_GROUP: Final[dict[str, Way]] = {
    "id": "ReplicationGroupId",
    "replication_group_id": "ReplicationGroupId",
    "arn": "ARN",
    "description": "Description",
    "node_type": "CacheNodeType",
    "member_clusters": "MemberClusters",
    "num_cache_clusters": lambda body: len(body.get("MemberClusters") or ()),
    "num_node_groups": lambda body: len(body.get("NodeGroups") or ()),
    "automatic_failover_enabled": lambda body: body.get("AutomaticFailover") in ("enabled", "enabling"),
    "multi_az_enabled": lambda body: body.get("MultiAZ") == "enabled",
    "cluster_enabled": lambda body: bool(body.get("ClusterEnabled")),
    "port": lambda body: _address(body).get("Port"),
    "primary_endpoint_address": lambda body: (_nodes(body).get("PrimaryEndpoint") or {}).get("Address"),
    "reader_endpoint_address": lambda body: (_nodes(body).get("ReaderEndpoint") or {}).get("Address"),
    "configuration_endpoint_address": lambda body: (body.get("ConfigurationEndpoint") or {}).get("Address"),
    "at_rest_encryption_enabled": lambda body: bool(body.get("AtRestEncryptionEnabled")),
    "transit_encryption_enabled": lambda body: bool(body.get("TransitEncryptionEnabled")),
    "kms_key_id": "KmsKeyId",
    "snapshot_retention_limit": "SnapshotRetentionLimit",
    "snapshot_window": "SnapshotWindow",
    "tags": tags("tagged.TagList"),
}
_OF_MEMBERS: Final[dict[str, Way]] = {
    "engine": "Engine",
    "engine_version": "EngineVersion",
    "parameter_group_name": "CacheParameterGroup.CacheParameterGroupName",
    "subnet_group_name": "CacheSubnetGroupName",
    "security_group_ids": each("SecurityGroups", "SecurityGroupId"),
    "maintenance_window": "PreferredMaintenanceWindow",
}
"""What the members of a group have in common; the group itself does not tell it."""
_CACHE: Final[dict[str, Way]] = {
    **_OF_MEMBERS,
    "id": "CacheClusterId",
    "cluster_id": "CacheClusterId",
    "arn": "ARN",
    "node_type": "CacheNodeType",
    "num_cache_nodes": "NumCacheNodes",
    "replication_group_id": lambda body: body.get("ReplicationGroupId") or "",
    "port": lambda body: (body.get("ConfigurationEndpoint") or _first_node(body)).get("Port"),
    "cluster_address": lambda body: (body.get("ConfigurationEndpoint") or {}).get("Address"),
    "availability_zone": "PreferredAvailabilityZone",
    "snapshot_retention_limit": "SnapshotRetentionLimit",
    "snapshot_window": "SnapshotWindow",
    "tags": tags("tagged.TagList"),
}


def clusters(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("rds", "describe_db_clusters", "DBClusters"):
        if body.get("Status") == "deleting":
            continue
        members = [
            {"id": m.get("DBInstanceIdentifier"), "is_writer": bool(m.get("IsClusterWriter"))}
            for m in body.get("DBClusterMembers") or ()
        ]
        yield Found("aws_rds_cluster", shaped(body, _CLUSTER), {"status": body.get("Status"), "members": members})


def parameter_groups(calls: Calls) -> Iterator[Found]:
    yield from _parameters(
        calls, "aws_db_parameter_group", "DB", "describe_db_parameter_groups", "describe_db_parameters"
    )


def cluster_parameter_groups(calls: Calls) -> Iterator[Found]:
    yield from _parameters(
        calls,
        "aws_rds_cluster_parameter_group",
        "DBCluster",
        "describe_db_cluster_parameter_groups",
        "describe_db_cluster_parameters",
    )


def _parameters(calls: Calls, type: str, kind: str, groups: str, parameters: str) -> Iterator[Found]:
    """Yield groups with those settings that somebody made; all others have the value of the engine."""
    name = f"{kind}ParameterGroupName"
    for body in calls.pages("rds", groups, f"{kind}ParameterGroups"):
        own = str(body[name])
        values: Object = {
            "id": own,
            "name": own,
            "arn": body.get(f"{kind}ParameterGroupArn"),
            "family": body.get("DBParameterGroupFamily"),
            "description": body.get("Description"),
        }
        if own.startswith("default."):
            # Nobody can change these, and there is one for every engine and version.
            yield Found(type, values, {"is_default": True})
            continue
        made = calls.listed("rds", parameters, "Parameters", of=type, **{name: own, "Source": "user"})
        if made is not NOT_READ:
            values["parameter"] = [
                {"name": p.get("ParameterName"), "value": p.get("ParameterValue"), "apply_method": p.get("ApplyMethod")}
                for p in made
                if p.get("ParameterValue") is not None
            ]
        yield Found(type, values, {})


def cache_subnet_groups(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups"):
        live = {"is_default": True} if body.get("CacheSubnetGroupName") == "default" else {}
        yield Found("aws_elasticache_subnet_group", shaped(body, _SUBNETS), live)


def caches(calls: Calls) -> Iterator[Found]:
    """Yield groups and single clusters; what all members of a group share is shown of the group, as declared."""
    members: dict[str, Object] = {}
    for body in calls.pages("elasticache", "describe_cache_clusters", "CacheClusters", ShowCacheNodeInfo=True):
        if body.get("CacheClusterStatus") == "deleting":
            continue
        members[body["CacheClusterId"]] = body
        body["tagged"] = _tagged(calls, body.get("ARN"))
        yield Found("aws_elasticache_cluster", shaped(body, _CACHE), {"status": body.get("CacheClusterStatus")})
    # Refused or not known to the service: then groups are the gap, and clusters are still shown.
    groups = calls.listed(
        "elasticache", "describe_replication_groups", "ReplicationGroups", of="aws_elasticache_replication_group"
    )
    for body in groups or ():
        body["tagged"] = _tagged(calls, body.get("ARN"))
        own = next((members[m] for m in body.get("MemberClusters") or () if m in members), None)
        shared = {k: v for k, v in shaped(own, _OF_MEMBERS).items() if v is not None} if own else {}
        values = {**shaped(body, _GROUP), **shared}
        yield Found("aws_elasticache_replication_group", values, {"status": body.get("Status")})


def _tagged(calls: Calls, arn: str | None) -> Any:
    absent = ("CacheClusterNotFound", "ReplicationGroupNotFoundFault", "InvalidARN")
    return calls.part("elasticache", "list_tags_for_resource", *absent, ResourceName=arn) if arn else NOT_READ


def _nodes(body: Object) -> Object:
    return next(iter(body.get("NodeGroups") or ()), {})


def _address(body: Object) -> Object:
    return body.get("ConfigurationEndpoint") or _nodes(body).get("PrimaryEndpoint") or {}


def _first_node(body: Object) -> Object:
    return next((node.get("Endpoint") or {} for node in body.get("CacheNodes") or ()), {})
