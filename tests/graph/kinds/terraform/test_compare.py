"""Comparing three facets of cloud resources: what is drift, what is spelling, and where exactly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from graph.document import ABSENT
from graph.drift import Finding, Severity, Verdict
from graph.kinds.terraform.compare import compare
from graph.kinds.terraform.document import document
from graph.version import Document

KEY = "arn:aws:kms:eu-west-1:111122223333:key/0f0f0f0f-1111-2222-3333-444455556666"
QUEUE = "arn:aws:sqs:eu-west-1:111122223333:orders"


def make(address: str, values: dict[str, Any], **more: Any) -> Document:
    type, name = address.split(".")[-2:]
    return document(stack="shop", type=type, name=name, address=address, values=values, salt=b"salt", **more)


def facets(type: str, intended: Any, applied: Any, actual: Any) -> tuple[list[Finding], list[Finding]]:
    """Compare one resource; returns findings and tolerated differences."""
    made = [[make(f"{type}.x", values)] for values in (intended, applied, actual)]
    findings, mild, unclear = compare(intended=made[0], applied=made[1], actual=made[2])
    assert not unclear
    return findings, mild


def live(type: str, declared: Any, actual: Any) -> tuple[list[Finding], list[Finding]]:
    """Compare a resource that was applied as declared with what runs."""
    return facets(type, declared, declared, actual)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


SEND, USE = allow(["sqs:SendMessage"], QUEUE, Sid="Send"), allow(["kms:Decrypt", "kms:GenerateDataKey"], KEY, Sid="Use")


@pytest.mark.parametrize(
    ("intended", "applied", "actual", "verdict"),
    [
        pytest.param(1, 1, 2, Verdict.OUT_OF_BAND_CHANGE, id="changed-by-hand"),
        pytest.param(2, 1, 1, Verdict.PENDING_ROLLOUT, id="not-applied-yet"),
        pytest.param(2, 1, 3, Verdict.CONFLICT, id="both"),
        pytest.param(2, 1, 2, Verdict.CONVERGED_BY_HAND, id="done-by-hand"),
        pytest.param(1, 1, None, Verdict.OUT_OF_BAND_CHANGE, id="removed-by-hand"),
        pytest.param(None, None, 1, Verdict.OUT_OF_BAND_CHANGE, id="set-by-hand"),
        pytest.param(1, 1, 1, None, id="in-sync"),
    ],
)
def test_verdict_of_a_field(intended: Any, applied: Any, actual: Any, verdict: Verdict | None) -> None:
    """The three values decide, as in the verdict table."""
    findings, mild = facets("x_y", {"size": intended}, {"size": applied}, {"size": actual})
    assert [(f.path, f.verdict) for f in findings + mild] == ([("/values/size", verdict)] if verdict else [])


@pytest.mark.parametrize(
    ("present", "verdict"),
    [
        pytest.param("ILA", None, id="everywhere"),
        pytest.param("IL-", Verdict.DELETED_OUT_OF_BAND, id="deleted"),
        pytest.param("I--", Verdict.NEVER_APPLIED, id="never-applied"),
        pytest.param("-LA", Verdict.PRUNE_PENDING, id="prune"),
        pytest.param("--A", Verdict.UNMANAGED, id="unmanaged"),
        pytest.param("-L-", None, id="gone"),
        pytest.param("I-A", None, id="not-in-the-state"),
    ],
)
def test_verdict_of_a_whole_resource(present: str, verdict: Verdict | None) -> None:
    """A resource that only some facets hold is one finding; another one keeps the facets known."""
    sides = [[make("x_y.other", {})] + ([make("x_y.x", {"a": 1})] if letter in present else []) for letter in "ILA"]
    findings, _, _ = compare(intended=sides[0], applied=sides[1], actual=sides[2])
    assert [(f.resource.display, f.path, f.verdict) for f in findings] == ([("x_y.x", "", verdict)] if verdict else [])


def test_names_the_removed_action() -> None:
    """One action taken out of one statement is one finding that points into the policy text."""
    findings, mild = live(
        "aws_iam_policy",
        {"policy": policy(SEND, USE)},
        {"policy": policy({**USE, "Action": "kms:GenerateDataKey"}, SEND)},
    )
    assert not mild
    [found] = findings
    assert found.path == "/values/policy/Statement/1/Action"
    findings, _ = live(
        "aws_iam_policy",
        {"policy": policy(SEND, USE)},
        {"policy": policy({**USE, "Action": ["kms:GenerateDataKey"]}, SEND)},
    )
    [found] = findings
    assert (found.path, found.intended, found.actual) == ("/values/policy/Statement/1/Action/0", "kms:Decrypt", ABSENT)
    assert found.actual_path == ""
    assert found.rule == "T06"


def test_names_the_removed_statement() -> None:
    """A statement that is gone is one finding that carries it; the others do not show although they moved."""
    other = allow("s3:GetObject", "arn:aws:s3:::shop/*", Sid="Read")
    findings, _ = live("aws_iam_policy", {"policy": policy(SEND, USE, other)}, {"policy": policy(other, SEND)})
    assert [(f.path, f.intended, f.actual) for f in findings] == [("/values/policy/Statement/1", USE, ABSENT)]
    assert findings[0].actual_path == ""


def test_names_the_added_statement() -> None:
    """A statement nobody declared stands at its position in the live policy."""
    deny = {"Effect": "Deny", "Action": "kms:*", "Resource": "*"}
    findings, _ = live("aws_iam_policy", {"policy": policy(SEND, USE)}, {"policy": policy(deny, SEND, USE)})
    assert [(f.path, f.intended, f.actual) for f in findings] == [("/values/policy/Statement/0", ABSENT, deny)]


def test_names_the_changed_condition_and_principal() -> None:
    """Inside a changed statement the smallest place is named."""
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:role/b"]},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:PrincipalTag/team": "shop"}},
    }
    now = {
        **trust,
        "Principal": {"AWS": "arn:aws:iam::111122223333:role/a"},
        "Condition": {"StringEquals": {"aws:PrincipalTag/team": "ops"}},
    }
    findings, _ = live("aws_iam_role", {"assume_role_policy": policy(trust)}, {"assume_role_policy": policy(now)})
    assert [f.path for f in findings] == [
        "/values/assume_role_policy/Statement/0/Principal/AWS",
        "/values/assume_role_policy/Statement/0/Condition/StringEquals/aws:PrincipalTag~1team",
    ]


MERGED = allow(["sqs:SendMessage", "sqs:ReceiveMessage"], QUEUE)
SPLIT = (allow("sqs:SendMessage", QUEUE), allow("sqs:ReceiveMessage", QUEUE))


@pytest.mark.parametrize(
    ("intended", "applied", "actual", "found"),
    [
        pytest.param((MERGED,), (MERGED,), SPLIT, [], id="by-hand"),
        pytest.param((MERGED,), SPLIT, SPLIT, [], id="not-applied"),
        pytest.param((MERGED,), SPLIT, (MERGED, *SPLIT), [], id="three-ways"),
        pytest.param(
            (allow("sqs:SendMessage", QUEUE),),
            (MERGED,),
            SPLIT,
            [("/values/policy/Statement/0/Action", Verdict.PENDING_ROLLOUT)],
            id="one-apart",
        ),
    ],
)
def test_policies_that_grant_the_same_are_no_drift(intended: Any, applied: Any, actual: Any, found: Any) -> None:
    """A policy split or repeated is another writing; one facet that grants something else still is a difference."""
    sides = [{"policy": policy(*side)} for side in (intended, applied, actual)]
    findings, mild = facets("aws_iam_policy", *sides)
    assert [(f.path, f.verdict) for f in findings] == found
    assert found or [(f.path, f.rule, f.verdict) for f in mild] == [
        ("/values/policy", "A14", Verdict.REPRESENTATION_ONLY)
    ]


def test_a_policy_that_grants_more_or_less_says_so() -> None:
    """The finding names a request that was not allowed before, or no longer is."""
    statements = (allow("sqs:SendMessage", QUEUE), allow("sqs:PurgeQueue", QUEUE))
    findings, _ = live("aws_iam_policy", {"policy": policy(statements[0])}, {"policy": policy(*statements)})
    (found,) = findings
    assert found.note.startswith("broader: grants more than is declared; sqs:PurgeQueue on arn:aws:sqs:")
    findings, _ = live("aws_iam_policy", {"policy": policy(*statements)}, {"policy": policy(statements[1])})
    assert findings[0].note.startswith("narrower: grants less than is declared; sqs:SendMessage on arn:aws:sqs:")


def test_names_of_statements_stay_a_cosmetic_finding() -> None:
    """That a statement lost its name is shown as a difference of no effect, and not hidden by the second tier."""
    findings, _ = live("aws_iam_policy", {"policy": policy(SEND)}, {"policy": policy({**SEND, "Sid": ""})})
    assert [(f.path, f.severity, f.note) for f in findings] == [
        ("/values/policy/Statement/0/Sid", Severity.COSMETIC, "")
    ]


@pytest.mark.parametrize(
    ("live_names", "renamed"),
    [(("Sent", "Use"), [0]), (("Use", "Send"), [0, 1]), ((None, "Used"), [0, 1])],
    ids=["another name", "names exchanged", "one lost"],
)
def test_another_name_of_a_statement_is_cosmetic(live_names: tuple[str | None, str], renamed: list[int]) -> None:
    """What it grants is found by its content, so that only the name differs."""
    named = [{k: v for k, v in {**s, "Sid": n}.items() if v} for s, n in zip((SEND, USE), live_names, strict=True)]
    findings, _ = live("aws_iam_policy", {"policy": policy(SEND, USE)}, {"policy": policy(*named)})
    assert [(f.path, f.severity) for f in findings] == [
        (f"/values/policy/Statement/{n}/Sid", Severity.COSMETIC) for n in renamed
    ]
    wider = {**named[0], "Action": ["sqs:*"]}
    findings, _ = live("aws_iam_policy", {"policy": policy(SEND, USE)}, {"policy": policy(wider, named[1])})
    assert any(f.severity is Severity.NORMAL for f in findings)


def test_three_facets_of_a_policy() -> None:
    """A pending action and one removed by hand are told apart within one statement."""
    findings, _ = facets(
        "aws_iam_policy",
        {"policy": policy({**USE, "Action": ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]})},
        {"policy": policy(USE)},
        {"policy": policy({**USE, "Action": ["kms:GenerateDataKey"]})},
    )
    assert {(f.path.rpartition("/")[2], f.intended, f.verdict) for f in findings} == {
        ("0", "kms:Decrypt", Verdict.OUT_OF_BAND_CHANGE),
        ("1", "kms:Encrypt", Verdict.PENDING_ROLLOUT),
    }


ALIASED = {"id": "0f0f0f0f-1111-2222-3333-444455556666", "arn": KEY}


@pytest.mark.parametrize(
    ("type", "attribute", "declared", "actual", "rule"),
    [
        pytest.param("aws_iam_policy", "policy", policy(SEND, USE), policy(USE, SEND), "T06", id="policy-order"),
        pytest.param(
            "aws_iam_policy",
            "policy",
            policy(allow("a:B", "*")),
            policy(allow(["a:B"], ["*"])),
            "T06",
            id="one-as-list",
        ),
        pytest.param("x", "definition", '{"a": 1, "b": [2]}', '{"b":[2],"a":1}', "T06", id="json-spelling"),
        pytest.param("x", "subnet_ids", ["a", "b"], ["b", "a"], "T07", id="set-order"),
        pytest.param("x", "description", None, "", "T08", id="null-and-empty"),
        pytest.param("x", "tags", None, {}, "T08", id="null-and-no-tags"),
        pytest.param("x", "enabled", None, False, "T08", id="null-and-false"),
        pytest.param("x", "kms_key_id", KEY, KEY.rpartition("/")[2], "T16", id="key-by-id"),
        pytest.param("x", "port", "80", 80, "T17", id="number-as-text"),
        pytest.param("x", "protocol", "tcp", "6", "T17", id="protocol-by-number"),
        pytest.param("x", "fqdn", "API.example.com.", "api.example.com", "T17", id="dns-name"),
        pytest.param("x", "expires", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00.123+01:00", "T17", id="time"),
        pytest.param("x", "cidr_block", "2001:db8:0::/48", "2001:db8::/48", "T17", id="cidr"),
    ],
)
def test_another_spelling_is_no_drift(type: str, attribute: str, declared: Any, actual: Any, rule: str) -> None:
    """The difference is kept as a tolerated one that names its rule."""
    findings, mild = live(type, {attribute: declared}, {attribute: actual})
    assert not findings
    assert [(f.path, f.verdict, f.rule) for f in mild] == [(f"/values/{attribute}", Verdict.REPRESENTATION_ONLY, rule)]


@pytest.mark.parametrize(
    ("attribute", "declared", "actual"),
    [
        pytest.param("command", ["a", "b"], ["b", "a"], id="order-of-a-list"),
        pytest.param("size", 0, 1, id="zero-and-one"),
        pytest.param("size", 10, None, id="ten-and-null"),
        pytest.param("enabled", True, False, id="true-and-false"),
        pytest.param("name", "Orders", "orders", id="case-of-a-name"),
        pytest.param("definition", '{"a": [1, 2]}', '{"a": [2, 1]}', id="order-inside-json"),
        pytest.param("prefix", "a/key/", "b/key/", id="paths-that-end-alike"),
        pytest.param("kms_key_id", KEY, KEY.replace("eu-west-1", "us-east-1"), id="key-of-another-region"),
        pytest.param("text", "{not json", "{not  json", id="broken-json"),
    ],
)
def test_what_is_no_other_spelling_is_drift(attribute: str, declared: Any, actual: Any) -> None:
    """Tolerance ends where the meaning may differ."""
    findings, _ = live("x", {attribute: declared}, {attribute: actual})
    assert [f.verdict for f in findings] == [Verdict.OUT_OF_BAND_CHANGE]


def test_removed_rule_of_a_security_group() -> None:
    """A rule that is gone is one finding with the rule in it, whatever the order of the others."""
    rules = [{"protocol": "tcp", "from_port": p, "to_port": p, "cidr_blocks": ["10.0.0.0/8"]} for p in (80, 443, 5432)]
    findings, _ = live("aws_security_group", {"ingress": rules}, {"ingress": [rules[1], rules[0]]})
    assert [(f.path, f.intended, f.actual) for f in findings] == [("/values/ingress/2", rules[2], ABSENT)]


def test_changed_rule_of_a_security_group_is_named_inside() -> None:
    """A rule with one address more is the same rule, changed."""
    rule = {"protocol": "tcp", "from_port": 5432, "to_port": 5432, "cidr_blocks": ["10.0.0.0/8"], "description": "db"}
    now = {**rule, "cidr_blocks": ["10.0.0.0/8", "0.0.0.0/0"]}
    findings, _ = live("aws_security_group", {"ingress": [rule]}, {"ingress": [now]})
    assert [(f.path, f.actual) for f in findings] == [("/values/ingress/0/cidr_blocks/1", "0.0.0.0/0")]


def test_position_in_the_live_resource_is_named_where_it_is_another() -> None:
    """A changed entry that moved is named in both resources."""
    rules = [{"protocol": "tcp", "from_port": p, "to_port": p, "description": f"{p}"} for p in (80, 443)]
    moved = [rules[1], {**rules[0], "description": "open"}]
    findings, _ = live("aws_security_group", {"ingress": rules}, {"ingress": moved})
    assert [(f.path, f.actual_path) for f in findings] == [
        ("/values/ingress/0/description", "/values/ingress/1/description")
    ]


def test_rules_of_their_own_speak_for_the_group() -> None:
    """A rule that is declared apart is missed once, by itself; an extra rule in the group is still drift (T12)."""
    group = {
        "id": "sg-1",
        "ingress": [{"protocol": "tcp", "from_port": 5432, "to_port": 5432, "cidr_blocks": ["10.0.0.0/8"]}],
    }
    rule = {
        "type": "ingress",
        "security_group_id": "sg-1",
        "protocol": "tcp",
        "from_port": 5432,
        "to_port": 5432,
        "cidr_blocks": ["10.0.0.0/8"],
    }
    opened = {"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"]}
    declared = [make("aws_security_group.g", group), make("aws_security_group_rule.r", rule)]
    actual = [make("aws_security_group.g", {**group, "ingress": [opened]})]
    findings, mild, _ = compare(intended=declared, applied=declared, actual=actual)
    assert {(f.resource.display, f.path, f.verdict) for f in findings} == {
        ("aws_security_group_rule.r", "", Verdict.DELETED_OUT_OF_BAND),
        ("aws_security_group.g", "/values/ingress/0", Verdict.OUT_OF_BAND_CHANGE),
    }
    assert [(f.path, f.rule) for f in mild] == [("/values/ingress/0", "T12")]


def test_tags_all_repeats_tags() -> None:
    """A changed tag is reported once, tags of the cloud itself never, a lost default tag where it shows (T05)."""
    declared = {"tags": {"team": "shop"}, "tags_all": {"team": "shop", "cost": "7"}}
    actual = {"tags": {"team": "ops", "aws:cloudformation:stack": "x"}, "tags_all": {"team": "ops"}}
    findings, mild = live("x", declared, actual)
    assert [f.path for f in findings] == ["/values/tags/team", "/values/tags_all/cost"]
    assert {f.rule for f in mild} == {"T05"}


@pytest.mark.parametrize(("desired", "is_drift"), [(3, False), (9, True)], ids=["within", "beyond"])
def test_autoscaled_count_is_expected_within_its_bounds(desired: int, is_drift: bool) -> None:
    """The autoscaler owns the count between minimum and maximum (T15)."""
    declared = {"desired_capacity": 2, "min_size": 1, "max_size": 5}
    findings, mild = live("aws_autoscaling_group", declared, {**declared, "desired_capacity": desired})
    assert bool(findings) is is_drift
    assert [f.rule for f in mild] == ([] if is_drift else ["T15"])


def test_ignored_changes_are_expected() -> None:
    """What the configuration tells Terraform to ignore is listed, not reported (T09)."""
    declared = make("x_y.x", {"size": 1, "tags": {"a": "1"}}, ignore_changes=["tags"])
    actual = make("x_y.x", {"size": 2, "tags": {"a": "2"}})
    findings, mild, _ = compare(intended=[declared], applied=[declared], actual=[actual])
    assert [f.path for f in findings] == ["/values/size"]
    assert [(f.path, f.rule) for f in mild] == [("/values/tags/a", "T09")]


def test_a_move_is_no_deletion() -> None:
    """A resource under a new address is compared with itself under the old one (T10)."""
    intended = make("x_y.new", {"size": 1}, previous_address="x_y.old")
    findings, _, _ = compare(
        intended=[intended], applied=[make("x_y.old", {"size": 1})], actual=[make("x_y.old", {"size": 2})]
    )
    assert [(f.resource.display, f.path, f.verdict) for f in findings] == [
        ("x_y.new", "/values/size", Verdict.OUT_OF_BAND_CHANGE)
    ]


def test_what_the_cloud_makes_itself_is_expected() -> None:
    """Members of an autoscaling group and defaults of an account are nobody's change (T13, T14)."""
    known = make("x_y.x", {})
    made = [
        make("aws_instance.i", {"tags": {"aws:autoscaling:groupName": "web"}}),
        make("aws_security_group.d", {"name": "default"}),
        make("aws_instance.own", {"tags": {}}),
    ]
    findings, mild, _ = compare(intended=[known], applied=[known], actual=[known, *made])
    assert [f.resource.display for f in findings] == ["aws_instance.own"]
    assert {(f.resource.display, f.rule) for f in mild} == {("aws_instance.i", "T13"), ("aws_security_group.d", "T14")}


def test_unknown_facets_give_no_false_claim() -> None:
    """Without actual state nothing is clean, without a declaration nothing is drift."""
    one, two = make("x_y.x", {"size": 1}), make("x_y.x", {"size": 2})
    findings, _, unclear = compare(intended=[two], applied=[one], actual=[])
    assert [f.verdict for f in findings] == [Verdict.PENDING_ROLLOUT]
    assert len(unclear) == 1
    findings, _, unclear = compare(intended=[], applied=[], actual=[one])
    assert (findings, len(unclear)) == ([], 1)
    findings, _, unclear = compare(intended=[], applied=[one], actual=[two])
    assert [f.verdict for f in findings] == [Verdict.OUT_OF_BAND_CHANGE]


def test_attributes_that_are_not_declared_are_compared_with_the_state() -> None:
    """Source code states some attributes; the rest is as the state says, and what neither knows is listed only."""
    intended = make("aws_instance.x", {"type": "small", "disk": [{"size": 10}]})
    applied = make("aws_instance.x", {"type": "small", "disk": [{"size": 10, "iops": 100}], "shield": True})
    actual = make("aws_instance.x", {"type": "small", "disk": [{"size": 10, "iops": 100}], "shield": False, "new": 1})
    findings, mild, _ = compare(intended=[intended], applied=[applied], actual=[actual])
    assert [(f.path, f.verdict) for f in findings] == [("/values/shield", Verdict.OUT_OF_BAND_CHANGE)]
    assert [(f.path, f.verdict) for f in mild] == [("/values/new", Verdict.UNDECLARED_ADDITION)]
    findings, _, _ = compare(intended=[intended], applied=[], actual=[actual])
    assert findings == []


def test_remote_modules_are_not_comparable() -> None:
    """Resources of a module whose source was not read are compared with the state and never wait for destruction."""
    declared = make("x_y.x", {})
    inner = make("module.m.x_y.inner", {"size": 1})
    drifted = make("module.m.x_y.inner", {"size": 2})
    findings, _, unclear = compare(intended=[declared], applied=[declared, inner], actual=[declared, drifted])
    assert [(f.resource.display, f.path) for f in findings] == [("module.m.x_y.inner", "/values/size")]
    assert [n.resource for n in unclear] == ["module.m.x_y.inner"]


def test_masked_against_plain_is_not_comparable() -> None:
    """A hash and a plain value can't be compared, and the plain one is not shown."""
    declared = make("x_y.x", {"note": "hmac-sha256:" + "0" * 32})
    findings, _, unclear = compare(intended=[declared], applied=[declared], actual=[make("x_y.x", {"note": "plain"})])
    assert findings == []
    assert "sensitive" in unclear[0].reason
    assert "plain" not in unclear[0].reason


def test_a_list_with_an_unknown_part_is_not_compared() -> None:
    """What the code takes from another resource is known after an apply only; the rest of the resource is compared."""
    code = make("x_y.x", {"size": 1}, unknown=["/values/subnets/0"])
    held = [make("x_y.x", {"size": size, "subnets": ["a"]}) for size in (1, 2)]
    findings, mild, _ = compare(intended=[code], applied=held[:1], actual=held[1:])
    assert [(f.path, f.verdict) for f in findings] == [("/values/size", Verdict.OUT_OF_BAND_CHANGE)]
    assert not mild


def test_a_block_that_leaves_out_defaults_is_the_one_that_has_them() -> None:
    """Rules of a subnet go by their number, origins by their id, however much the code leaves to the provider."""
    declared = {"ingress": [{"rule_no": 100, "action": "allow", "protocol": "tcp", "from_port": 443, "to_port": 443}]}
    full = {"cidr_block": "10.0.0.0/8", "ipv6_cidr_block": "", "icmp_type": 0, "icmp_code": 0}
    state = {"ingress": [{**declared["ingress"][0], **full, "protocol": "6"}]}
    findings, mild = facets("aws_network_acl", declared, state, state)
    assert not findings
    assert [(f.path, f.rule) for f in mild] == [("/values/ingress/0/protocol", "T17")]
    actual = {"ingress": [{**state["ingress"][0], "action": "deny"}]}
    findings, _ = facets("aws_network_acl", declared, state, actual)
    assert [(f.path, f.verdict) for f in findings] == [("/values/ingress/0/action", Verdict.OUT_OF_BAND_CHANGE)]
