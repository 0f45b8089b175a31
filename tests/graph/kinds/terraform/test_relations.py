"""Relations of cloud resources: IAM, keys, security groups, and what dependencies state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.kinds.terraform.document import document
from graph.kinds.terraform.relations import derive
from graph.kinds.terraform.state import read_state
from graph.relation import RelationType
from graph.version import Document

ACCOUNT = "arn:aws:iam::111122223333:"
KEY_ID = "0f0f0f0f-1111-2222-3333-444455556666"
KEY_ARN = f"arn:aws:kms:eu-west-1:111122223333:key/{KEY_ID}"
QUEUE_ARN = "arn:aws:sqs:eu-west-1:111122223333:orders"
KEY = {"id": KEY_ID, "key_id": KEY_ID, "arn": KEY_ARN}
ROLE = {"name": "checkout", "id": "checkout", "arn": f"{ACCOUNT}role/checkout"}


def make(address: str, values: dict[str, Any], **more: Any) -> Document:
    type, name = address.split(".")[-2:]
    return document(stack="shop", type=type, name=name, address=address, values=values, salt=b"salt", **more)


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def found(*documents: Document) -> set[tuple[str, str, str, str]]:
    """Derive relations as (source, type, target, detail), with addresses for uids of the stack."""
    return {
        (r.source.removeprefix("tf://shop/"), r.type.value, r.target.removeprefix("tf://shop/"), r.detail)
        for r in derive(documents)
    }


def test_role_to_policy_to_key() -> None:
    """An attached policy is reached from the role directly and through the attachment; statements name the key."""
    granted = policy(Action=["kms:Decrypt", "kms:GenerateDataKey"], Resource=KEY_ARN)
    arn = f"{ACCOUNT}policy/use-key"
    assert found(
        make("aws_iam_role.r", ROLE),
        make("aws_iam_policy.p", {"arn": arn, "id": arn, "name": "use-key", "policy": granted}),
        make("aws_iam_role_policy_attachment.a", {"role": "checkout", "policy_arn": arn, "id": "checkout-1"}),
        make("aws_kms_key.k", KEY),
    ) == {
        ("aws_iam_role.r", "has_policy", "aws_iam_policy.p", ""),
        ("aws_iam_role.r", "has_policy", "aws_iam_role_policy_attachment.a", ""),
        ("aws_iam_role_policy_attachment.a", "has_policy", "aws_iam_policy.p", ""),
        ("aws_iam_policy.p", "grants_on", "aws_kms_key.k", "kms:Decrypt,kms:GenerateDataKey"),
    }


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        pytest.param(QUEUE_ARN, {"aws_sqs_queue.q"}, id="exact"),
        pytest.param("arn:aws:sqs:*:*:ord*", {"aws_sqs_queue.q"}, id="pattern"),
        pytest.param("arn:aws:s3:::shop-data/in/*", {"aws_s3_bucket.b"}, id="inside-a-bucket"),
        pytest.param("arn:aws:sqs:eu-west-1:111122223333:other", set(), id="unknown"),
        pytest.param("*", {"aws_sqs_queue.q"}, id="all-of-the-service"),
    ],
)
def test_what_an_inline_policy_grants(resource: str, expected: set[str]) -> None:
    """ARNs, patterns and everything of a service lead to the resources that are known."""
    relations = found(
        make("aws_iam_role.r", ROLE),
        make("aws_iam_role_policy.p", {"role": "checkout", "policy": policy(Action="sqs:*", Resource=resource)}),
        make("aws_sqs_queue.q", {"arn": QUEUE_ARN, "id": "https://sqs/orders"}),
        make("aws_s3_bucket.b", {"arn": "arn:aws:s3:::shop-data", "id": "shop-data", "bucket": "shop-data"}),
    )
    assert ("aws_iam_role.r", "has_policy", "aws_iam_role_policy.p", "") in relations
    assert {target for _, type, target, _ in relations if type == "grants_on"} == expected


def test_deny_statements_grant_nothing() -> None:
    """Only Allow statements give access."""
    denied = json.dumps({"Statement": [{"Effect": "Deny", "Action": "kms:*", "Resource": KEY_ARN}]})
    assert not found(make("aws_iam_policy.p", {"name": "x", "policy": denied}), make("aws_kms_key.k", KEY))


def test_encryption_by_id_arn_and_alias() -> None:
    """Whatever names the key, the resource leads to the key itself; a bucket also through its split configuration."""
    rule = [{"apply_server_side_encryption_by_default": [{"kms_master_key_id": KEY_ARN}]}]
    relations = found(
        make("aws_kms_key.k", KEY),
        make("aws_kms_alias.a", {"name": "alias/orders", "id": "alias/orders", "target_key_id": KEY_ID}),
        make("aws_sqs_queue.q", {"arn": QUEUE_ARN, "kms_master_key_id": "alias/orders"}),
        make("aws_db_instance.d", {"id": "db-1", "kms_key_id": KEY_ARN}),
        make("aws_s3_bucket.b", {"id": "shop-data", "bucket": "shop-data"}),
        make("aws_s3_bucket_server_side_encryption_configuration.e", {"bucket": "shop-data", "rule": rule}),
    )
    to_key = {source for source, type, target, _ in relations if type == "encrypts_with" and target == "aws_kms_key.k"}
    assert to_key == {
        "aws_sqs_queue.q",
        "aws_db_instance.d",
        "aws_s3_bucket.b",
        "aws_s3_bucket_server_side_encryption_configuration.e",
    }
    assert ("aws_kms_alias.a", "realises", "aws_kms_key.k", "") in relations


def test_policy_of_a_key_admits_principals() -> None:
    """A key's own policy acts on the roles it names, also when it is declared apart, and for sessions of a role."""
    named = policy(Action="kms:Decrypt", Resource="*", Principal={"AWS": ROLE["arn"]})
    session = policy(Action="kms:Encrypt", Principal={"AWS": "arn:aws:sts::111122223333:assumed-role/checkout/pod"})
    relations = found(
        make("aws_iam_role.r", ROLE),
        make("aws_kms_key.k", {**KEY, "policy": named}),
        make("aws_kms_key_policy.p", {"key_id": KEY_ID, "policy": session}),
    )
    assert ("aws_kms_key.k", "allows", "aws_iam_role.r", "kms:Decrypt") in relations
    assert ("aws_kms_key.k", "allows", "aws_iam_role.r", "kms:Encrypt") in relations
    assert ("aws_kms_key_policy.p", "guards", "aws_kms_key.k", "") in relations


@pytest.mark.parametrize("shape", ["inline", "rule", "new-rule"])
def test_security_groups_guard_and_admit(shape: str) -> None:
    """A group guards its members and admits the groups its rules name, whichever way a rule is declared."""
    ports = {"from_port": 5432, "to_port": 5432}
    rules = {
        "inline": [],
        "rule": [
            make(
                "aws_security_group_rule.r",
                {
                    "type": "ingress",
                    "security_group_id": "sg-0d",
                    "source_security_group_id": "sg-0a",
                    "protocol": "tcp",
                    **ports,
                },
            )
        ],
        "new-rule": [
            make(
                "aws_vpc_security_group_ingress_rule.r",
                {"security_group_id": "sg-0d", "referenced_security_group_id": "sg-0a", "ip_protocol": "tcp", **ports},
            )
        ],
    }[shape]
    inline = [{"protocol": "tcp", "security_groups": ["sg-0a"], **ports}] if shape == "inline" else []
    relations = found(
        make("aws_security_group.app", {"id": "sg-0a"}),
        make("aws_security_group.db", {"id": "sg-0d", "ingress": inline}),
        make("aws_db_instance.d", {"id": "db-1", "vpc_security_group_ids": ["sg-0d"]}),
        *rules,
    )
    assert ("aws_security_group.db", "allows", "aws_security_group.app", "tcp 5432") in relations
    assert ("aws_security_group.db", "guards", "aws_db_instance.d", "") in relations
    if rules:
        own = rules[0].resource.display
        assert (own, "guards", "aws_security_group.db", "tcp 5432") in relations
        assert (own, "allows", "aws_security_group.app", "tcp 5432") in relations


def test_functions_assume_roles_and_connect() -> None:
    """A function runs as a role and reaches what its environment names."""
    environment = [{"variables": {"QUEUE": "https://sqs.eu-west-1.amazonaws.com/1/orders", "MODE": "x"}}]
    relations = found(
        make("aws_iam_role.r", ROLE),
        make("aws_lambda_function.f", {"role": ROLE["arn"], "environment": environment}),
        make("aws_sqs_queue.q", {"url": "https://sqs.eu-west-1.amazonaws.com/1/orders", "arn": QUEUE_ARN}),
    )
    assert relations == {
        ("aws_lambda_function.f", "assumes", "aws_iam_role.r", ""),
        ("aws_lambda_function.f", "connects_to", "aws_sqs_queue.q", ""),
    }


def test_dependencies_reach_all_instances() -> None:
    """An address without keys means every instance; one that nothing is known at stays as a dangling relation."""
    user = make("x_y.user", {}, references=["module.m.x_y.many", "x_y.gone"])
    many = [make(f"module.m.x_y.many[{i}]", {}) for i in range(2)]
    assert found(user, *many) == {
        ("x_y.user", "references", "module.m.x_y.many[0]", ""),
        ("x_y.user", "references", "module.m.x_y.many[1]", ""),
        ("x_y.user", "references", "x_y.gone", ""),
    }


def test_ids_in_attributes_are_references() -> None:
    """Without dependencies, as in a cloud inventory, ids and ARNs still connect."""
    relations = found(
        make("aws_subnet.s", {"id": "subnet-0123456789abcdef0", "vpc_id": "vpc-0123456789abcdef0"}),
        make("aws_vpc.v", {"id": "vpc-0123456789abcdef0"}),
    )
    assert relations == {("aws_subnet.s", "references", "aws_vpc.v", "")}


@pytest.mark.parametrize(
    "values", [{"policy": 3}, {"policy": "{"}, {"ingress": "x"}, {"environment": [1]}, {"role": []}]
)
@pytest.mark.parametrize("type", ["aws_iam_policy", "aws_security_group", "aws_lambda_function", "aws_iam_role_policy"])
def test_malformed_attributes_state_nothing(type: str, values: dict[str, Any]) -> None:
    """Attributes of a wrong shape never make derivation fail."""
    assert derive([make(f"{type}.x", values)]) == []


@pytest.mark.shared
@pytest.mark.parametrize("name", ["aws_state_sg.json", "aws_state_sgr.json"])
def test_reaches_what_security_groups_connect_in_public_states(shared: Path, name: str) -> None:
    """Each connection that the table draws through security groups is a way from group to admitted group."""
    folder = shared / "data/terraform/states/inframap"
    relations = derive(read_state(json.loads((folder / name).read_text()), stack="s", salt=b"s"))
    # These states keep no membership attributes, so a member shows by its dependency on the group.
    groups: dict[str, set[str]] = {}
    for r in relations:
        if r.type is RelationType.REFERENCES and ".aws_security_group." in r.target:
            member = r.source.partition("[")[0].removeprefix("tf://s/")
            groups.setdefault(member, set()).add(r.target)
    allows = {(r.source, r.target) for r in relations if r.type is RelationType.ALLOWS}
    for case in json.loads((folder / "expected_graphs.json").read_text())[name]:
        edges = [e for e in case["edges"] if not e["source"].startswith("im_out")]
        assert edges
        for edge in edges:
            ways = {(other, own) for own in groups[edge["source"]] for other in groups[edge["target"]]}
            assert ways & allows, edge
