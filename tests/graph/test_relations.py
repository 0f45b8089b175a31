"""Relations between platforms: from a workload to the cloud resources that its settings and account name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from graph.kinds.terraform.document import document
from graph.relation import RelationType
from graph.relations import derive
from graph.version import Document
from tests.graph.kinds.kubernetes.objects import app, deployment, read, uid

ROLE_ARN = "arn:aws:iam::111122223333:role/checkout"
KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/0f0f0f0f-1111-2222-3333-444455556666"


def make(address: str, **values: Any) -> Document:
    type, name = address.split(".")
    return document(stack="shop", type=type, name=name, address=address, values=values, salt=b"salt")


CLOUD = [
    make("aws_sqs_queue.q", name="orders", url="https://sqs.eu-west-1.amazonaws.com/111122223333/orders"),
    make("aws_db_instance.d", identifier="orders", endpoint="orders.c1.eu-west-1.rds.amazonaws.com:5432"),
    make("aws_s3_bucket.b", bucket="shop-invoices", id="shop-invoices", arn="arn:aws:s3:::shop-invoices"),
    make("aws_kms_key.k", key_id="0f0f0f0f-1111-2222-3333-444455556666", arn=KEY_ARN),
    make("aws_kms_alias.a", name="alias/orders", target_key_id="0f0f0f0f-1111-2222-3333-444455556666"),
    make(
        "aws_secretsmanager_secret.s", name="shop/db", arn="arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-1"
    ),
]


@pytest.mark.parametrize(
    ("variable", "value", "address"),
    [
        pytest.param("URL", "https://sqs.eu-west-1.amazonaws.com/111122223333/orders", "aws_sqs_queue.q", id="url"),
        pytest.param("ORDERS_QUEUE", "orders", None, id="name-of-two-things"),
        pytest.param(
            "DSN",
            "postgres://u:p@orders.c1.eu-west-1.rds.amazonaws.com:5432/orders?sslmode=require",
            "aws_db_instance.d",
            id="endpoint-in-a-dsn",
        ),
        pytest.param("PGHOST", "orders.c1.eu-west-1.rds.amazonaws.com", "aws_db_instance.d", id="host"),
        pytest.param("INVOICE_BUCKET", "shop-invoices", "aws_s3_bucket.b", id="bucket"),
        pytest.param("TITLE", "shop-invoices", None, id="bare-name-elsewhere"),
        pytest.param("TARGET", "s3://shop-invoices/2026/", "aws_s3_bucket.b", id="bucket-url"),
        pytest.param("TARGET", "arn:aws:s3:::shop-invoices/2026/*", "aws_s3_bucket.b", id="arn-inside"),
        pytest.param("X", KEY_ARN, "aws_kms_key.k", id="arn"),
        pytest.param("X", "0f0f0f0f-1111-2222-3333-444455556666", "aws_kms_key.k", id="key-id"),
        pytest.param("KMS_KEY", "alias/orders", "aws_kms_alias.a", id="alias"),
        pytest.param("X", '{"region": "eu-west-1", "key": "' + KEY_ARN + '"}', "aws_kms_key.k", id="inside-json"),
        pytest.param("DB_SECRET", "shop/db", "aws_secretsmanager_secret.s", id="secret-name"),
    ],
)
def test_workloads_connect_to_what_their_settings_name(variable: str, value: str, address: str | None) -> None:
    """ARNs, URLs, hosts and, where the variable says so, bare names; a name of two things names neither."""
    table = make("aws_dynamodb_table.t", name="orders")
    web = deployment("web", container={"env": [{"name": variable, "value": value}]})
    found = [r for r in derive([web, table, *CLOUD]) if r.type is RelationType.CONNECTS_TO]
    assert [(r.source, r.target) for r in found] == ([(app("web"), f"tf://shop/{address}")] if address else [])
    assert all(r.via == "/spec/template/spec/containers/0/env/0/value" for r in found)


def test_the_way_from_a_workload_to_a_key() -> None:
    """Deployment, ServiceAccount, role, policy and key hang together although they live on two platforms."""
    statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY_ARN}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    documents = [
        deployment("web", serviceAccountName="web"),
        read("ServiceAccount", "web", metadata={"annotations": {"eks.amazonaws.com/role-arn": ROLE_ARN}}),
        make("aws_iam_role.r", arn=ROLE_ARN, name="checkout"),
        make("aws_iam_role_policy.p", role="checkout", policy=policy),
        *CLOUD,
    ]
    steps = [
        (app("web"), RelationType.RUNS_AS, uid("ServiceAccount", "web")),
        (uid("ServiceAccount", "web"), RelationType.ASSUMES, "tf://shop/aws_iam_role.r"),
        ("tf://shop/aws_iam_role.r", RelationType.HAS_POLICY, "tf://shop/aws_iam_role_policy.p"),
        ("tf://shop/aws_iam_role_policy.p", RelationType.GRANTS_ON, "tf://shop/aws_kms_key.k"),
    ]
    found = {(r.source, r.type, r.target) for r in derive(documents)}
    assert found >= set(steps)


def test_pod_identity_gives_a_role() -> None:
    """An association in the cloud is as good as an annotation in the cluster."""
    association = make(
        "aws_eks_pod_identity_association.x",
        cluster_name="demo",
        namespace="shop",
        service_account="web",
        role_arn=ROLE_ARN,
    )
    documents = [read("ServiceAccount", "web"), make("aws_iam_role.r", arn=ROLE_ARN, name="checkout"), association]
    found = {(r.source, r.target) for r in derive(documents) if r.type is RelationType.ASSUMES}
    assert (uid("ServiceAccount", "web"), "tf://shop/aws_iam_role.r") in found


def test_a_service_may_stand_for_a_cloud_resource() -> None:
    """An ExternalName of a known endpoint is another identity of it."""
    alias = read(
        "Service", "db", spec={"type": "ExternalName", "externalName": "orders.c1.eu-west-1.rds.amazonaws.com"}
    )
    found = [
        (r.source, r.target) for r in derive([alias, *CLOUD]) if r.type is RelationType.REALISES and "k8s" in r.source
    ]
    assert found == [(uid("Service", "db"), "tf://shop/aws_db_instance.d")]
