"""State files: identity of resources, what is left out, and that no secret gets through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.errors import Invalid
from graph.kinds.terraform.state import read_state, reading

SALT = b"salt"


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "x", "resources": list(resources)}


def resource(type: str, name: str, *instances: dict[str, Any], **more: Any) -> dict[str, Any]:
    provider = 'provider["registry.terraform.io/hashicorp/aws"]'
    return {"mode": "managed", "type": type, "name": name, "provider": provider, "instances": list(instances), **more}


def test_addresses_carry_modules_and_keys() -> None:
    """An address is the one that Terraform prints, with count and for_each keys quoted as it does."""
    data = state(
        resource("aws_sqs_queue", "q", {"index_key": 1, "attributes": {}}, module='module.a["x.y"]'),
        resource("aws_sqs_queue", "r", {"index_key": 'say "hi"', "attributes": {}}),
        resource("aws_sqs_queue", "s", {"attributes": {}}),
    )
    documents = read_state(data, stack="shop", salt=SALT)
    assert [d.resource.display for d in documents] == [
        'module.a["x.y"].aws_sqs_queue.q[1]',
        'aws_sqs_queue.r["say \\"hi\\""]',
        "aws_sqs_queue.s",
    ]
    assert documents[2].resource.uid == "tf://shop/aws_sqs_queue.s"
    assert documents[0].body["provider"] == "registry.terraform.io/hashicorp/aws"


def test_data_and_deposed_objects_stand_apart() -> None:
    """Data resources are not managed; an object that waits for its destruction is not the current one."""
    data = state(
        resource("aws_vpc", "main", {"attributes": {}}, mode="data"),
        resource(
            "aws_instance", "web", {"attributes": {"id": "new"}}, {"attributes": {"id": "old"}, "deposed": "ab12"}
        ),
    )
    read = reading(data, stack="shop", salt=SALT)
    assert read.data == ["data.aws_vpc.main"]
    assert [d.body["values"]["id"] for d in read.documents] == ["new"]
    assert [d.resource.display for d in read.deposed] == ["aws_instance.web (deposed ab12)"]


def test_aliases_are_the_names_others_use() -> None:
    """ARN, id, name and the addresses under which programs reach the resource."""
    values = {"arn": "arn:aws:rds:x", "id": "db-1", "endpoint": "db.x.rds.amazonaws.com:5432", "identifier": "orders"}
    [document] = read_state(state(resource("aws_db_instance", "d", {"attributes": values})), stack="s", salt=SALT)
    assert set(document.resource.aliases) == {*values.values(), "db.x.rds.amazonaws.com"}


def test_part_of_another_resource_does_not_take_its_name() -> None:
    """The id of a bucket's policy is the bucket's; the name must lead to the bucket."""
    data = state(resource("aws_s3_bucket_policy", "p", {"attributes": {"id": "shop-data", "bucket": "shop-data"}}))
    assert read_state(data, stack="s", salt=SALT)[0].resource.aliases == ()


def test_secrets_are_hashed_also_without_marks() -> None:
    """Marked attributes, attributes that are named like secrets, and named values inside JSON texts never stay."""
    secret = "correct-horse-battery"
    definitions = json.dumps([{"name": "app", "environment": [{"name": "DB_PASSWORD", "value": secret}]}])
    attributes = {
        "password": secret,
        "user_data": secret,
        "settings": {"inner": [secret]},
        "environment": [{"variables": {"API_KEY": secret, "MODE": "fast"}}],
        "container_definitions": definitions,
        "master_password": "",
        "db_secret": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db",
    }
    marks = [
        [{"type": "get_attr", "value": "user_data"}],
        [{"type": "get_attr", "value": "settings"}, {"type": "get_attr", "value": "inner"}],
    ]
    data = state(resource("aws_x", "x", {"attributes": attributes, "sensitive_attributes": marks}))
    [document] = read_state(data, stack="s", salt=SALT)
    assert secret not in json.dumps(document.body)
    values = document.body["values"]
    assert values["password"].startswith("hmac-sha256:")
    assert values["password"] == values["user_data"]
    assert values["environment"][0]["variables"]["MODE"] == "fast"
    assert values["master_password"] == ""
    assert values["db_secret"].startswith("arn:")


def test_version_3_is_read() -> None:
    """Flat attributes of old states become lists and maps, module paths become addresses."""
    data = {
        "version": 3,
        "modules": [
            {
                "path": ["root", "net"],
                "resources": {
                    "aws_lb.front.0": {
                        "type": "aws_lb",
                        "depends_on": ["aws_security_group.lb", "data.aws_vpc.main"],
                        "primary": {"id": "lb-1", "attributes": {"subnets.#": "2", "subnets.9": "b", "subnets.8": "a"}},
                    },
                    "data.aws_vpc.main": {"type": "aws_vpc", "primary": {"id": "vpc-1"}},
                },
            }
        ],
    }
    read = reading(data, stack="s", salt=SALT)
    assert [d.resource.display for d in read.documents] == ["module.net.aws_lb.front[0]"]
    assert read.documents[0].body["values"] == {"id": "lb-1", "subnets": ["a", "b"]}
    assert read.documents[0].body["references"] == ["module.net.aws_security_group.lb"]
    assert read.data == ["module.net.data.aws_vpc.main"]


@pytest.mark.parametrize("data", [{"version": 2}, {"resources": []}, [], {"version": 4, "resources": [{}]}])
def test_refuses_what_is_no_state(data: Any) -> None:
    """A file that is no state of a known version is named as such."""
    with pytest.raises(Invalid):
        read_state(data, stack="s", salt=SALT)


@pytest.mark.shared
def test_reads_the_resources_of_public_states(shared: Path) -> None:
    """Type and id of all resources in public states are found, but for rules that the table splits in three."""
    missed, seen = [], 0
    for path in sorted((shared / "data/terraform/states/driftctl").glob("*/expected_resources.json")):
        documents = read_state(json.loads((path.parent / "terraform.tfstate").read_text()), stack="s", salt=SALT)
        ids = {(d.resource.kind, d.body["values"].get("id")) for d in documents}
        expected = json.loads(path.read_text())
        seen += len(expected)
        missed += [e["Id"] for e in expected if (e["Type"], e["Id"]) not in ids]
    assert seen >= 150
    assert missed == ["nacl-2880546575", "nacl-1525104124", "sgrule-850043874"]


@pytest.mark.shared
def test_reads_all_public_states_of_both_formats(shared: Path) -> None:
    """Every state of the small stacks gives resources with unique uids."""
    files = [p for p in (shared / "data/terraform/states/inframap").glob("*.json") if "expected" not in p.name]
    for path in files:
        documents = read_state(json.loads(path.read_text()), stack="s", salt=SALT)
        assert documents
        assert len({d.resource.uid for d in documents}) == len(documents)
    assert len(files) == 8
