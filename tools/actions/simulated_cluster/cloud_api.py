"""The write side of a cloud account: changes of resources, each with the CloudTrail record that it leaves.

Record format: CloudTrail record contents, version 1.11 (AWS CloudTrail user guide).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from graph.document import Json, Object, canonical
from tools.actions.simulated_cluster.identity import CloudCaller
from tools.actions.simulated_cluster.store import EstateStore, copied, stamp

_TRAIL = "audit/cloudtrail.jsonl"
_NAMESPACE_OF_IDS = uuid.UUID("0b8f2a6e-2c55-5f7e-8a4d-6f0f3d1c9b70")


class Call(NamedTuple):
    """One API call: which service, which operation, with which parameters."""

    service: str
    event: str
    request: Object
    response: Json


class CloudApi:
    """Changes cloud resources of a store and records the calls that did it."""

    def __init__(self, store: EstateStore, *, region: str) -> None:
        self.store = store
        self.region = region

    def put(self, address: str, values: Object, *, by: CloudCaller, at: datetime, recorded: bool = True) -> None:
        """Give a resource new attribute values, through the call that sets what differs."""
        before = self.store.cloud.get(address)
        old = before["values"] if before else {}
        kind, _, name = address.partition(".")
        body = {"type": kind, "name": name, "address": address, "provider": "registry.terraform.io/hashicorp/aws"} | (
            {"values": values, "version": before["version"] + 1 if before else 1}
        )
        self.store.put_cloud(address, body)
        for call in _calls(kind, old, values) if recorded else ():
            self.record(call, by=by, at=at)

    def delete(self, address: str, *, by: CloudCaller, at: datetime) -> None:
        """Delete a resource."""
        body = self.store.cloud[address]
        self.store.remove_cloud(address)
        service, event, parameter = _DELETIONS.get(body["type"], ("config", "DeleteResource", _by_id))
        self.record(Call(service, event, parameter(body["values"]), None), by=by, at=at)

    def record(self, call: Call, *, by: CloudCaller, at: datetime) -> None:
        """Write the CloudTrail record of a call, also of one that changes nothing this estate holds."""
        serial = self.store.next_revision()
        role = f"arn:aws:iam::{by.account}:role{by.path}{by.role}"
        principal = "AROA" + uuid.uuid5(_NAMESPACE_OF_IDS, by.role).hex[:17].upper()
        key = "ASIA" + uuid.uuid5(_NAMESPACE_OF_IDS, by.role + by.session + stamp(at)).hex[:16].upper()
        record: Object = {
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": f"{principal}:{by.session}",
                "arn": f"arn:aws:sts::{by.account}:assumed-role/{by.role}/{by.session}",
                "accountId": by.account,
                "accessKeyId": key,
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": principal,
                        "arn": role,
                        "accountId": by.account,
                        "userName": by.role,
                    },
                    "attributes": {"creationDate": stamp(at - timedelta(minutes=21)), "mfaAuthenticated": "false"},
                },
            },
            "eventTime": stamp(at),
            "eventSource": f"{call.service}.amazonaws.com",
            "eventName": call.event,
            # IAM is a global service; its events are recorded in us-east-1.
            "awsRegion": "us-east-1" if call.service == "iam" else self.region,
            "sourceIPAddress": by.address,
            "userAgent": by.user_agent,
            "requestParameters": call.request,
            "responseElements": call.response,
            "requestID": str(uuid.uuid5(_NAMESPACE_OF_IDS, f"request {serial}")),
            "eventID": str(uuid.uuid5(_NAMESPACE_OF_IDS, f"event {serial}")),
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": by.account,
            "eventCategory": "Management",
        }
        if by.console:
            record["sessionCredentialFromConsole"] = "true"
        self.store.append(_TRAIL, record)


def _calls(kind: str, old: Object, new: Object) -> list[Call]:
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    known = _WRITES.get(kind)
    calls = known(old, new, changed) if known else []
    if not calls and changed:
        request = {"identifier": new.get("id"), **{name: copied(new.get(name)) for name in sorted(changed)}}
        calls = [Call(_SERVICES.get(kind, "cloudcontrolapi"), "UpdateResource", request, None)]
    return calls


def _inline_policy(_old: Object, new: Object, changed: set[str]) -> list[Call]:
    if "policy" not in changed:
        return []
    text = new["policy"] if isinstance(new["policy"], str) else canonical(new["policy"])
    request = {"roleName": new["role"], "policyName": new["name"], "policyDocument": text}
    return [Call("iam", "PutRolePolicy", request, None)]


def _role(_old: Object, new: Object, changed: set[str]) -> list[Call]:
    if "assume_role_policy" not in changed:
        return []
    request = {"roleName": new["name"], "policyDocument": new["assume_role_policy"]}
    return [Call("iam", "UpdateAssumeRolePolicy", request, None)]


def _key(old: Object, new: Object, changed: set[str]) -> list[Call]:
    if "policy" in changed:
        request = {"keyId": new["key_id"], "policyName": "default", "policy": new["policy"]}
        return [Call("kms", "PutKeyPolicy", request | {"bypassPolicyLockoutSafetyCheck": False}, None)]
    if "tags" in changed and old:
        tags = [{"tagKey": key, "tagValue": value} for key, value in sorted(new["tags"].items())]
        return [Call("kms", "TagResource", {"keyId": new["arn"], "tags": tags}, None)]
    if "is_enabled" in changed and old:
        return [Call("kms", "EnableKey" if new["is_enabled"] else "DisableKey", {"keyId": new["key_id"]}, None)]
    return []


def _queue(_old: Object, new: Object, changed: set[str]) -> list[Call]:
    names = {
        "visibility_timeout_seconds": "VisibilityTimeout",
        "message_retention_seconds": "MessageRetentionPeriod",
        "receive_wait_time_seconds": "ReceiveMessageWaitTimeSeconds",
        "redrive_policy": "RedrivePolicy",
        "kms_master_key_id": "KmsMasterKeyId",
    }
    attributes = {names[name]: str(new.get(name, "")) for name in sorted(changed & names.keys())}
    return [Call("sqs", "SetQueueAttributes", {"queueUrl": new["url"], "attributes": attributes}, None)] * bool(
        attributes
    )


def _database(_old: Object, new: Object, changed: set[str]) -> list[Call]:
    request = {"dBInstanceIdentifier": new["identifier"], "applyImmediately": True}
    request |= {_camel(name): new.get(name) for name in sorted(changed)}
    return [Call("rds", "ModifyDBInstance", request, {"dBInstanceIdentifier": new["identifier"]})]


def _security_group(old: Object, new: Object, changed: set[str]) -> list[Call]:
    calls = []
    for field, noun in (("ingress", "Ingress"), ("egress", "Egress")):
        if field not in changed:
            continue
        was, now = old.get(field, []), new.get(field, [])
        for verb, rules in (
            ("Revoke", [r for r in was if r not in now]),
            ("Authorize", [r for r in now if r not in was]),
        ):
            if rules:
                request = {"groupId": new["id"], "ipPermissions": {"items": [_permission(rule) for rule in rules]}}
                calls.append(Call("ec2", f"{verb}SecurityGroup{noun}", request, {"_return": True}))
    return calls


def _permission(rule: Object) -> Object:
    groups = [{"groupId": group} for group in rule["security_groups"]]
    ranges = [{"cidrIp": cidr, "description": rule["description"]} for cidr in rule["cidr_blocks"]]
    out: Object = {
        "ipProtocol": rule["protocol"],
        "fromPort": rule["from_port"],
        "toPort": rule["to_port"],
        "groups": {"items": groups} if groups else {},
        "ipRanges": {"items": ranges} if ranges else {},
        "ipv6Ranges": {},
        "prefixListIds": {},
    }
    return out


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _by_id(values: Object) -> Object:
    return {"identifier": values.get("id")}


def _policy_name(values: Object) -> Object:
    return {"roleName": values["role"], "policyName": values["name"]}


_WRITES: dict[str, Callable[[Object, Object, set[str]], list[Call]]] = {
    "aws_iam_role_policy": _inline_policy,
    "aws_iam_role": _role,
    "aws_kms_key": _key,
    "aws_sqs_queue": _queue,
    "aws_db_instance": _database,
    "aws_security_group": _security_group,
}

_DELETIONS: dict[str, tuple[str, str, Callable[[Object], Object]]] = {
    "aws_iam_role_policy": ("iam", "DeleteRolePolicy", _policy_name),
    "aws_security_group": ("ec2", "DeleteSecurityGroup", lambda values: {"groupId": values["id"]}),
    "aws_sqs_queue": ("sqs", "DeleteQueue", lambda values: {"queueUrl": values["url"]}),
    "aws_s3_bucket": ("s3", "DeleteBucket", lambda values: {"bucketName": values["bucket"]}),
}

_SERVICES = {"aws_s3_bucket": "s3", "aws_kms_alias": "kms", "aws_db_subnet_group": "rds"}
