"""Which resources an AWS call acts on, by naming conventions alone."""

from __future__ import annotations

from typing import Any

import pytest

from graph.change import ActorType, Channel
from tools.adapters.cloudtrail_identity import caller
from tools.adapters.cloudtrail_resources import resources_of
from tools.adapters.cloudtrail_writes import writes


@pytest.mark.parametrize(
    ("service", "event", "request_", "response", "expected"),
    [
        pytest.param(
            "ec2",
            "RunInstances",
            {"instancesSet": {"items": [{"imageId": "ami-1"}]}, "subnetId": "subnet-1"},
            {"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]}},
            ["i-1", "i-2"],
            id="what-is-made-is-in-the-answer",
        ),
        pytest.param(
            "ec2",
            "CreateNatGateway",
            {"allocationId": "eipalloc-1", "subnetId": "subnet-1"},
            {"natGateway": {"natGatewayId": "nat-1", "subnetId": "subnet-1"}},
            ["nat-1"],
            id="the-answer-wraps-it",
        ),
        pytest.param(
            "ec2",
            "TerminateInstances",
            {"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]}},
            None,
            ["i-1", "i-2"],
            id="several-at-once",
        ),
        pytest.param(
            "ec2", "CreateTags", {"resourcesSet": {"items": [{"resourceId": "vpc-1"}]}}, None, ["vpc-1"], id="tags"
        ),
        pytest.param(
            "ec2",
            "ReplaceRoute",
            {"coreNetworkArn": "arn:x", "routeTableId": "rtb-1", "gatewayId": "igw-1"},
            None,
            ["rtb-1"],
            id="a-noun-that-begins-a-longer-one",
        ),
        pytest.param(
            "lambda",
            "AddPermission",
            {"functionName": "resize", "sourceArn": "arn:aws:s3:::uploads", "statementId": "AllowS3"},
            None,
            ["resize"],
            id="a-source-is-another-thing",
        ),
        pytest.param(
            "events",
            "PutTargets",
            {"rule": "nightly", "targets": [{"arn": "arn:aws:lambda:eu-west-1:1:function:resize", "id": "1"}]},
            None,
            ["nightly"],
            id="targets-belong-to-a-rule",
        ),
        pytest.param(
            "ec2", "DeleteFlowLogs", {"FlowLogId": {"content": "fl-1", "tag": 1}}, None, ["fl-1"], id="xml-content"
        ),
        pytest.param(
            "rds", "RebootDBInstance", {"dBInstanceIdentifier": "orders"}, None, ["orders"], id="odd-capitals"
        ),
        pytest.param(
            "dax",
            "DecreaseReplicationFactor",
            {"clusterName": "cache", "newReplicationFactor": 1},
            None,
            ["cache"],
            id="nothing-but-a-name",
        ),
        pytest.param(
            "iam", "AddUserToGroup", {"userName": "mallory", "groupName": "admins"}, None, ["admins"], id="towards"
        ),
        pytest.param(
            "s3", "PutBucketLifecycle", {"Host": "h", "bucketName": "files"}, None, ["files"], id="never-the-host"
        ),
        pytest.param(
            "ec2",
            "EnableSerialConsoleAccess",
            {"_": ""},
            {"serialConsoleAccessEnabled": True},
            ["arn:aws:iam::123456789012:root"],
            id="a-setting-of-the-account",
        ),
    ],
)
def test_resources_by_convention(
    service: str, event: str, request_: dict[str, Any], response: Any, expected: list[str]
) -> None:
    """The parameter that the noun of a call names is its resource."""
    assert resources_of(service, event, request_, response, "123456789012") == expected


def test_an_event_of_a_service_itself_names_its_resource_in_the_details() -> None:
    """What AWS does by itself has no parameters."""
    record = {
        "eventSource": "ec2.amazonaws.com",
        "eventName": "SharedSnapshotVolumeCreated",
        "requestParameters": None,
        "serviceEventDetails": {"snapshotId": "snap-1"},
    }
    assert [w.resource for w in writes(record)] == ["snap-1"]


_PAIRS = [{"key": "team", "value": "x"}]


@pytest.mark.parametrize(
    ("service", "event", "request_"),
    [
        ("sqs", "TagResource", {"resourceArn": "a", "tags": {"team": "x"}}),
        ("iam", "TagInstanceProfile", {"instanceProfileName": "a", "tags": _PAIRS}),
        ("ec2", "CreateTags", {"resourcesSet": {"items": [{"resourceId": "a"}]}, "tagSet": {"items": _PAIRS}}),
        ("s3", "PutBucketTagging", {"bucketName": "a", "Tagging": {"TagSet": {"Tag": {"Key": "team", "Value": "x"}}}}),
    ],
    ids=["map", "list", "ec2", "s3"],
)
def test_tags_in_all_spellings(service: str, event: str, request_: dict[str, Any]) -> None:
    """A tag is the same field however its service spells the call."""
    record = {"eventSource": f"{service}.amazonaws.com", "eventName": event, "requestParameters": request_}
    assert [(w.resource, w.path, w.after) for w in writes(record)] == [("a", "/values/tags/team", "x")]


def test_a_membership_changes_group_and_member() -> None:
    """Who asks why a user may not do something any more finds it at the user."""
    record = {
        "eventSource": "iam.amazonaws.com",
        "eventName": "RemoveUserFromGroup",
        "requestParameters": {"groupName": "admins", "userName": "carol"},
    }
    assert [w.resource for w in writes(record)] == ["admins", "carol"]


def test_what_a_service_did_by_itself_is_of_the_provider() -> None:
    """A rotation of a key has no caller."""
    record = {
        "eventType": "AwsServiceEvent",
        "eventSource": "kms.amazonaws.com",
        "eventName": "RotateKey",
        "userIdentity": {"accountId": "1", "invokedBy": "AWS Internal"},
    }
    found = caller(record, deployers=())
    assert (found.channel, found.actor.type) == (Channel.PROVIDER, ActorType.AUTOMATION)
