"""EKS: clusters, node groups, and which roles their service accounts have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tools.adapters.aws.calls import Calls, Found, Way, block, shaped, tags

_CLUSTER: Final[dict[str, Way]] = {
    "id": "name",
    "name": "name",
    "arn": "arn",
    "version": "version",
    "role_arn": "roleArn",
    "endpoint": "endpoint",
    "platform_version": "platformVersion",
    "vpc_config": block(
        "resourcesVpcConfig",
        subnet_ids="subnetIds",
        security_group_ids="securityGroupIds",
        cluster_security_group_id="clusterSecurityGroupId",
        endpoint_private_access="endpointPrivateAccess",
        endpoint_public_access="endpointPublicAccess",
        public_access_cidrs="publicAccessCidrs",
        vpc_id="vpcId",
    ),
    "enabled_cluster_log_types": lambda body: [
        type
        for setup in (body.get("logging") or {}).get("clusterLogging") or ()
        if setup.get("enabled")
        for type in setup.get("types") or ()
    ],
    "tags": tags("tags"),
}
_NODE_GROUP: Final[dict[str, Way]] = {
    "cluster_name": "clusterName",
    "node_group_name": "nodegroupName",
    "arn": "nodegroupArn",
    "version": "version",
    "release_version": "releaseVersion",
    "node_role_arn": "nodeRole",
    "ami_type": "amiType",
    "capacity_type": "capacityType",
    "disk_size": "diskSize",
    "instance_types": "instanceTypes",
    "labels": "labels",
    "subnet_ids": "subnets",
    "scaling_config": block("scalingConfig", min_size="minSize", max_size="maxSize", desired_size="desiredSize"),
    "tags": tags("tags"),
}
_ASSOCIATION: Final[dict[str, Way]] = {
    "id": "associationId",
    "association_id": "associationId",
    "association_arn": "associationArn",
    "cluster_name": "clusterName",
    "namespace": "namespace",
    "service_account": "serviceAccount",
    "role_arn": "roleArn",
}


def eks_clusters(calls: Calls) -> Iterator[Found]:
    for name in calls.pages("eks", "list_clusters", "clusters"):
        answer = calls.part("eks", "describe_cluster", "ResourceNotFoundException", of="aws_eks_cluster", name=name)
        if not answer:
            continue
        body = answer["cluster"]
        yield Found("aws_eks_cluster", shaped(body, _CLUSTER), {"status": body.get("status")})
        for group in (
            calls.listed("eks", "list_nodegroups", "nodegroups", of="aws_eks_node_group", clusterName=name) or ()
        ):
            answer = calls.part(
                "eks", "describe_nodegroup", of="aws_eks_node_group", clusterName=name, nodegroupName=group
            )
            if answer:
                values = shaped(answer["nodegroup"], _NODE_GROUP)
                yield Found("aws_eks_node_group", {"id": f"{name}:{group}", **values}, {})
        for entry in (
            calls.listed(
                "eks",
                "list_pod_identity_associations",
                "associations",
                of="aws_eks_pod_identity_association",
                clusterName=name,
            )
            or ()
        ):
            answer = calls.part(
                "eks",
                "describe_pod_identity_association",
                of="aws_eks_pod_identity_association",
                clusterName=name,
                associationId=entry["associationId"],
            )
            if answer:
                yield Found("aws_eks_pod_identity_association", shaped(answer["association"], _ASSOCIATION), {})
