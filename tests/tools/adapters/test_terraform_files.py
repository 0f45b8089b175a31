"""Terraform source, plans and states in a tree: which stack, which facet, which line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph.resource import Facet
from tests.tools.adapters.sources import inspect, write
from tools.adapters.hcl import read_hcl, read_resources

MAIN = """# stack
resource "aws_sqs_queue" "orders" {
  name                       = "orders"
  visibility_timeout_seconds = 30
  redrive_policy             = jsonencode({ maxReceiveCount = 4 })
  tags = { team = "shop" }
}

resource "aws_iam_role" "many" {
  count = 2
  name  = "role"
}

resource "aws_iam_role" "each" {
  for_each = var.roles
  name     = each.key
}

module "db" {
  source = "./modules/db"
}
"""
MODULE = 'resource "aws_db_instance" "this" {\n  identifier = "shop"\n  password   = "hunter2secret"\n}\n'


def test_reads_literal_values_with_file_and_line(tmp_path: Path) -> None:
    """Without a plan the literal values of the source are intended; expressions are marked as unknown."""
    write(tmp_path, {"main.tf": MAIN, "modules/db/main.tf": MODULE})
    snapshot = inspect(tmp_path).snapshot
    found = {d.resource.display: d for d in snapshot.documents}
    assert set(found) == {
        "aws_sqs_queue.orders",
        "aws_iam_role.many[0]",
        "aws_iam_role.many[1]",
        "module.db.aws_db_instance.this",
    }
    queue = found["aws_sqs_queue.orders"]
    assert queue.body["values"] == {
        "name": "orders",
        "visibility_timeout_seconds": 30,
        "tags": {"team": "shop"},
    }
    assert queue.body["unknown"] == ["/values/redrive_policy"]
    assert queue.origin is not None
    assert (queue.origin.file, queue.origin.line) == ("main.tf", 2)
    assert "hunter2" not in repr(snapshot)
    assert [(u.resource.display, u.line) for u in snapshot.unreadable if u.resource] == [("aws_iam_role.each", 14)]


def plan(value: str) -> str:
    resource = {
        "address": "aws_sqs_queue.orders",
        "mode": "managed",
        "type": "aws_sqs_queue",
        "name": "orders",
        "values": {"name": value},
    }
    root = {"root_module": {"resources": [resource]}}
    return json.dumps(
        {
            "format_version": "1.2",
            "terraform_version": "1.9.0",
            "planned_values": root,
            "prior_state": {"format_version": "1.0", "values": root},
        }
    )


def state(value: str) -> str:
    instance = {"schema_version": 0, "attributes": {"id": "q", "name": value}}
    resource = {"mode": "managed", "type": "aws_sqs_queue", "name": "orders", "provider": "p", "instances": [instance]}
    return json.dumps(
        {
            "version": 4,
            "terraform_version": "1.9.0",
            "serial": 1,
            "lineage": "x",
            "outputs": {},
            "resources": [resource],
        }
    )


@pytest.mark.parametrize(
    ("facet", "files", "expected"),
    [
        (
            Facet.INTENDED,
            {"main.tf": MAIN, "plan.json": plan("planned"), "terraform.tfstate": state("held")},
            "planned",
        ),
        (Facet.ACTUAL, {"main.tf": MAIN, "plan.json": plan("planned"), "terraform.tfstate": state("held")}, "planned"),
        (Facet.APPLIED, {"main.tf": MAIN, "terraform.tfstate": state("held")}, "held"),
        (Facet.ACTUAL, {"terraform.tfstate": state("held")}, "held"),
        (Facet.INTENDED, {"terraform.tfstate": state("held")}, "held"),
        (Facet.INTENDED, {"main.tf": MAIN, "terraform.tfstate": state("held")}, "orders"),
    ],
    ids=["plan first", "plan as actual", "state as applied", "state as actual", "state alone", "source before state"],
)
def test_takes_each_facet_from_the_best_file(
    tmp_path: Path, facet: Facet, files: dict[str, str | bytes], expected: str
) -> None:
    """A plan says more than source, and source says what is intended better than a state."""
    write(tmp_path, files)
    found = {d.resource.display: d for d in inspect(tmp_path, facet=facet).snapshot.documents}
    document = found["aws_sqs_queue.orders"]
    assert document.body["values"]["name"] == expected
    assert document.resource.uid == "tf://shop/aws_sqs_queue.orders"
    assert document.origin is not None
    assert document.origin.file == ("main.tf" if "main.tf" in files else "terraform.tfstate")


def test_keeps_the_addresses_of_several_stacks_apart(tmp_path: Path) -> None:
    """Root modules side by side get names of their own."""
    write(tmp_path, {"a/main.tf": MODULE, "b/c/main.tf": MODULE})
    uids = {d.resource.uid for d in inspect(tmp_path).snapshot.documents}
    assert uids == {"tf://shop:a/aws_db_instance.this", "tf://shop:b:c/aws_db_instance.this"}


def test_names_broken_source_and_what_it_declares(tmp_path: Path) -> None:
    """Broken HCL is named with its line, and once for each resource in it."""
    write(tmp_path, {"main.tf": MAIN.replace("= 30", "= = 30"), "other.tf": MODULE, "x.tf.json": "{}"})
    snapshot = inspect(tmp_path).snapshot
    assert [d.resource.display for d in snapshot.documents] == ["aws_db_instance.this"]
    faults = [(u.where, u.line, u.resource.display if u.resource else None) for u in snapshot.unreadable]
    assert ("main.tf", 4, None) in faults
    assert ("main.tf", 2, "aws_sqs_queue.orders") in faults
    assert ("x.tf.json", None, None) in faults
    assert not snapshot.complete


def test_decodes_literals_as_terraform_does() -> None:
    """Escapes, heredocs and nested blocks come out as Terraform has them."""
    text = (
        'resource "a" "b" {\n  s = "x\\"y\\n$${z}"\n  h = <<-EOT\n    one\n      two\n  EOT\n'
        "  ingress {\n    port = 1\n    peer = var.p\n  }\n  ingress { port = 2 }\n  n = null\n"
        '  l = [1, "${var.x}"]\n}\n'
    )
    (block,) = read_hcl(text).resources
    assert block.values == {
        "s": 'x"y\n${z}',
        "h": "one\n  two\n",
        "ingress": [{"port": 1}, {"port": 2}],
        "n": None,
    }
    assert set(block.expressions) == {"/ingress/0/peer", "/l/1"}
    assert [(r.name, r.line) for r in read_resources("locals {}\n\n" + text)] == [("b", 3)]
