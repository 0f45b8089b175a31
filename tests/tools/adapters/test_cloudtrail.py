"""CloudTrail records as changes and denials."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.change import ActorType, Channel
from graph.document import ABSENT, Json, Object
from tools.adapters.cloudtrail import CloudTrail
from tools.ports import ChangeBatch

START = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
KEY = "arn:aws:kms:eu-west-1:111122223333:key/k1"
POLICY: Object = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY}]}


def record(number: int, source: str, name: str, request: Json, **more: object) -> Object:
    base: Object = {
        "eventID": f"id-{number}",
        "eventTime": (START + dt.timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "userIdentity": {"type": "IAMUser", "userName": "ann", "arn": "arn:aws:iam::111122223333:user/ann"},
        "requestParameters": request,
        "responseElements": None,
        "readOnly": False,
    }
    return base | more


def trail(folder: Path, lines: Sequence[Object | str]) -> CloudTrail:
    path = folder / "trail.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return CloudTrail("cloudtrail:demo", path, deployers={"deployer"}, salt=b"salt")


def read(folder: Path, lines: Sequence[Object | str]) -> ChangeBatch:
    return trail(folder, lines).changes(None)


def text(statements: int) -> str:
    return json.dumps(POLICY | {"Statement": POLICY["Statement"] * statements})


ROLE_POLICY = {"roleName": "app", "policyName": "use-key"}
RULE = {"ipProtocol": "tcp", "fromPort": 5432, "toPort": 5432, "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}]}}
TRUST = {"roleName": "app", "policyDocument": text(1)}

PATHS = {
    "key policy": ("kms", "PutKeyPolicy", {"keyId": KEY, "policy": text(1)}, KEY, "/values/policy", POLICY),
    "grant revoked": ("kms", "RevokeGrant", {"keyId": KEY, "grantId": "g"}, KEY, "/values/grants", ABSENT),
    "inline edited": (
        "iam",
        "PutRolePolicy",
        ROLE_POLICY | {"policyDocument": text(1)},
        "app:use-key",
        "/values/policy",
        POLICY,
    ),
    "inline deleted": ("iam", "DeleteRolePolicy", ROLE_POLICY, "app:use-key", "/values/policy", ABSENT),
    "detached": (
        "iam",
        "DetachRolePolicy",
        {"roleName": "app", "policyArn": "p"},
        "app",
        "/values/managed_policy_arns",
        ABSENT,
    ),
    "boundary": (
        "iam",
        "PutRolePermissionsBoundary",
        {"roleName": "app", "permissionsBoundary": "b"},
        "app",
        "/values/permissions_boundary",
        "b",
    ),
    "organisation": (
        "organizations",
        "AttachPolicy",
        {"policyId": "p-1", "targetId": "o"},
        "p-1",
        "/values/targets",
        "o",
    ),
    "endpoint": (
        "ec2",
        "ModifyVpcEndpoint",
        {"ModifyVpcEndpointRequest": {"VpcEndpointId": "vpce-1", "PolicyDocument": text(1)}},
        "vpce-1",
        "/values/policy",
        POLICY,
    ),
    "key disabled": ("kms", "DisableKey", {"keyId": KEY}, KEY, "/values/is_enabled", False),
    "key scheduled": ("kms", "ScheduleKeyDeletion", {"keyId": KEY}, KEY, "", ABSENT),
    "alias moved": (
        "kms",
        "UpdateAlias",
        {"aliasName": "alias/a", "targetKeyId": "k2"},
        "alias/a",
        "/values/target_key_id",
        "k2",
    ),
    "trust": ("iam", "UpdateAssumeRolePolicy", TRUST, "app", "/values/assume_role_policy", POLICY),
    "service role": (
        "ecs",
        "UpdateService",
        {"service": "s", "taskDefinition": "t:2"},
        "s",
        "/values/task_definition",
        "t:2",
    ),
    "function role": (
        "lambda",
        "UpdateFunctionConfiguration20150331v2",
        {"functionName": "f", "role": "r"},
        "f",
        "/values/role",
        "r",
    ),
    "tag": (
        "kms",
        "TagResource",
        {"keyId": KEY, "tags": [{"tagKey": "env", "tagValue": "x"}]},
        KEY,
        "/values/tags/env",
        "x",
    ),
    "untag": ("iam", "UntagRole", {"roleName": "app", "tagKeys": ["env"]}, "app", "/values/tags/env", ABSENT),
    "bucket policy": (
        "s3",
        "PutBucketPolicy",
        {"bucketName": "b", "bucketPolicy": POLICY},
        "b",
        "/values/policy",
        POLICY,
    ),
    "queue": (
        "sqs",
        "SetQueueAttributes",
        {"queueUrl": "https://q", "attributes": {"VisibilityTimeout": "30"}},
        "https://q",
        "/values/visibility_timeout_seconds",
        30,
    ),
    "unknown event": ("newservice", "DoThing", {"thingArn": "arn:x"}, "arn:x", "", ABSENT),
}


@pytest.mark.parametrize(
    ("service", "event", "request_", "resource", "path", "after"), PATHS.values(), ids=PATHS.keys()
)
def test_tells_which_attribute_of_which_resource_changed(
    tmp_path: Path, service: str, event: str, request_: Object, resource: str, path: str, after: Json
) -> None:
    """Every way in which a role can lose a key names the resource as Terraform knows it, and the new value."""
    (change,) = read(tmp_path, [record(1, service, event, request_)]).changes
    assert (change.uid, change.path, change.after) == (resource, path, after)
    assert change.channel is Channel.UNKNOWN


def test_takes_what_was_before_from_earlier_records(tmp_path: Path) -> None:
    """Records out of order and twice are put in order; each write knows what it replaced."""
    first = record(1, "kms", "PutKeyPolicy", {"keyId": KEY, "policy": text(2)})
    second = record(2, "kms", "PutKeyPolicy", {"keyId": KEY, "policy": text(1)})
    changes = read(tmp_path, [second, first, second]).changes
    assert [c.reference for c in changes] == ["id-1", "id-2"]
    assert changes[1].before == POLICY | {"Statement": POLICY["Statement"] * 2}
    assert changes[1].after == POLICY


def test_follows_the_versions_of_a_managed_policy(tmp_path: Path) -> None:
    """A new version takes effect when it becomes the default, at once or later."""
    arn = {"policyArn": "arn:p"}
    response = {"policyVersion": {"versionId": "v2"}}
    lines = [
        record(1, "iam", "CreatePolicyVersion", arn | {"policyDocument": text(2), "setAsDefault": True}),
        record(2, "iam", "CreatePolicyVersion", arn | {"policyDocument": text(1)}, responseElements=response),
        record(3, "iam", "SetDefaultPolicyVersion", arn | {"versionId": "v2"}),
    ]
    changes = read(tmp_path, lines).changes
    double = POLICY | {"Statement": POLICY["Statement"] * 2}
    assert [(c.before, c.after) for c in changes] == [(ABSENT, double), (double, double), (double, POLICY)]


def test_tells_security_group_rules_as_terraform_has_them(tmp_path: Path) -> None:
    """A rule that goes is the value before; its shape is that of the state."""
    request = {"groupId": "sg-1", "ipPermissions": {"items": [RULE]}}
    (change,) = read(tmp_path, [record(1, "ec2", "RevokeSecurityGroupIngress", request)]).changes
    assert (change.uid, change.path, change.kind, change.after) == ("sg-1", "/values/ingress", "network", ABSENT)
    assert isinstance(change.before, dict)
    assert (change.before["from_port"], change.before["cidr_blocks"]) == (5432, ["10.0.0.0/8"])


def role_session(session: str, role: str = "app", **more: object) -> Object:
    issuer = {"type": "Role", "userName": role, "arn": f"arn:aws:iam::111122223333:role/{role}"}
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::111122223333:assumed-role/{role}/{session}",
        "sessionContext": {"sessionIssuer": issuer, **more},
    }


@pytest.mark.parametrize(
    ("identity", "more", "name", "kind", "channel"),
    [
        (
            {"type": "IAMUser", "userName": "ann"},
            {"userAgent": "AWS Internal"},
            "ann",
            ActorType.HUMAN,
            Channel.UNKNOWN,
        ),
        ({"type": "IAMUser", "userName": "ci-bot"}, {}, "ci-bot", ActorType.UNKNOWN, Channel.UNKNOWN),
        ({"type": "IAMUser", "userName": "deployer"}, {}, "deployer", ActorType.AUTOMATION, Channel.UNKNOWN),
        (role_session("run-7", "deployer"), {}, "deployer", ActorType.AUTOMATION, Channel.UNKNOWN),
        (role_session("run-7", "deployer", sourceIdentity="ann"), {}, "ann", ActorType.HUMAN, Channel.UNKNOWN),
        (role_session("ann@example.com", "deployer"), {}, "ann@example.com", ActorType.HUMAN, Channel.UNKNOWN),
        (role_session("ann"), {"sessionCredentialFromConsole": "true"}, "ann", ActorType.HUMAN, Channel.UNKNOWN),
        (role_session("run"), {"userAgent": "console.amazonaws.com"}, "run", ActorType.UNKNOWN, Channel.UNKNOWN),
        (role_session("i-0123456789abcdef0"), {}, "i-0123456789abcdef0", ActorType.AUTOMATION, Channel.UNKNOWN),
        ({"invokedBy": "ec2.amazonaws.com"}, {}, "ec2.amazonaws.com", ActorType.AUTOMATION, Channel.PROVIDER),
        ({"type": "Root", "arn": "arn:aws:iam::1:root"}, {}, "root", ActorType.HUMAN, Channel.UNKNOWN),
    ],
    ids=["user", "robot", "deployer", "role", "source identity", "mail", "console", "agent", "instance", "aws", "root"],
)
def test_names_who_called(
    tmp_path: Path, identity: Object, more: Object, name: str, kind: ActorType, channel: Channel
) -> None:
    """The caller is read from the identity; a user agent, which anybody can forge, decides nothing."""
    line = record(1, "kms", "DisableKey", {"keyId": KEY}, userIdentity=identity, **more)
    (change,) = read(tmp_path, [line]).changes
    assert change.actor is not None
    assert (change.actor.name, change.actor.type, change.channel) == (name, kind, channel)


@pytest.mark.parametrize(
    "line",
    [
        record(1, "kms", "DisableKey", {"keyId": KEY}, errorCode="AccessDenied"),
        record(1, "kms", "Decrypt", None, readOnly=True),
        record(1, "kms", "Encrypt", {"keyId": KEY}),
        record(1, "sts", "AssumeRole", {"roleArn": "r"}),
        record(1, "s3", "PutObject", {"bucketName": "b"}, managementEvent=False),
    ],
    ids=["denied", "read", "use of a key", "credentials", "data"],
)
def test_leaves_out_what_changes_no_resource(tmp_path: Path, line: Object) -> None:
    """Failures, reads and uses are no changes."""
    assert read(tmp_path, [line]).changes == ()


def test_tells_denials_as_symptoms_of_the_role(tmp_path: Path) -> None:
    """A denied call is what the role that made it suffers from."""
    line = record(
        1,
        "kms",
        "Decrypt",
        None,
        readOnly=True,
        errorCode="AccessDenied",
        errorMessage="no",
        userIdentity=role_session("pod"),
    )
    (found,) = trail(tmp_path, [line]).symptoms(START)
    assert (found.resource, found.reason, found.text) == ("app", "AccessDenied", "kms:Decrypt denied: no")


def test_reads_delivered_files_and_goes_on_after_garbage(tmp_path: Path) -> None:
    """A file of many records on one line is read; broken lines and records are gaps."""
    good = record(1, "kms", "DisableKey", {"keyId": KEY})
    batch = read(tmp_path, [{"Records": [good, 5, {"eventID": "x"}]}, "{", json.dumps(good)[:40]])
    assert len(batch.changes) == 1
    assert len(batch.gaps) == 4


def test_keeps_no_secret_of_a_request(tmp_path: Path) -> None:
    """Parameters that look secret are hashed."""
    request = {"dBInstanceIdentifier": "db", "masterUserPassword": "hunter2secret"}
    assert "hunter2" not in repr(read(tmp_path, [record(1, "rds", "ModifyDBInstance", request)]))


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda x: (
        st.lists(x, max_size=3)
        | st.dictionaries(
            st.sampled_from(["items", "keyId", "roleName", "policy", "type", "arn", "tags"]), x, max_size=3
        )
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(sorted(PATHS)),
    st.dictionaries(
        st.sampled_from(
            [
                "userIdentity",
                "requestParameters",
                "responseElements",
                "resources",
                "readOnly",
                "eventName",
                "eventSource",
                "eventType",
                "Records",
            ]
        ),
        _ANY,
    ),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_survives_records_of_any_shape(tmp_path: Path, path: str, odd: Object) -> None:
    """No shape of a record raises."""
    service, event, request, *_ = PATHS[path]
    source = trail(tmp_path, [record(1, service, event, request) | odd])
    source.changes(None)
    source.symptoms(START)


@pytest.mark.shared
def test_names_the_resource_of_nearly_every_recorded_write(shared: Path) -> None:
    """In a real trail at most two writes can't be tied to a resource, for they name none."""
    path = shared / "data/cloudtrail/aws_dataset/events.jsonl"
    batch = CloudTrail("cloudtrail", path, deployers=(), salt=b"s").changes(None)
    assert batch.gaps == ()
    assert len(batch.changes) >= 200
    assert len([c for c in batch.changes if not c.uid]) <= 3
