"""IAM policies: which documents are the same one, and what a document allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from graph.kinds.aws.policy import (
    Decision,
    allowed_actions,
    allows,
    deleted_principals,
    equivalent,
    permissions_gained,
    permissions_lost,
    statements_added,
    statements_removed,
)

KEY = "arn:aws:kms:eu-west-1:111122223333:key/0f0f"
QUEUE = "arn:aws:sqs:eu-west-1:111122223333:orders"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


@pytest.mark.shared
def test_agrees_with_the_published_table_of_equivalent_policies(shared: Path) -> None:
    """Every pair of the table gets the verdict that the table states."""
    table = json.loads((shared / "data/iam/policy_equivalence.json").read_text())
    wrong = [pair["name"] for pair in table if equivalent(pair["a"], pair["b"]) != pair["equivalent"]]
    assert not wrong
    assert len(table) >= 46


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(policy(allow("a:B"), allow("a:C")), policy(allow("a:C"), allow("a:B")), True, id="order"),
        pytest.param(
            policy(allow("a:B"), allow("a:B"), allow("a:C")),
            policy(allow("a:B"), allow("a:C"), allow("a:C")),
            False,
            id="statements-are-a-multiset",
        ),
        pytest.param(policy(allow(["a:B", "a:B"])), policy(allow("a:B")), True, id="actions-are-a-set"),
        pytest.param(policy(allow("a:B", Sid="x")), policy(allow("a:B", Sid="y")), False, id="sid-counts"),
        pytest.param(policy(allow("a:B", Sid="")), policy(allow("a:B")), True, id="empty-sid"),
        pytest.param(policy(allow("a:*")), policy(allow("a:B")), False, id="wildcards-are-not-expanded"),
        pytest.param(
            policy(allow("a:B", Principal="*")), policy(allow("a:B", Principal={"AWS": "*"})), True, id="everybody"
        ),
        pytest.param(
            policy(allow("a:B", Principal={"AWS": "arn:aws:iam::111122223333:root"})),
            policy(allow("a:B", Principal={"AWS": ["111122223333"]})),
            True,
            id="account-root",
        ),
        pytest.param(
            policy(allow("a:B", Principal={"AWS": "arn:aws:iam::111122223333:role/x"})),
            policy(allow("a:B", Principal={"AWS": "111122223333"})),
            False,
            id="role-is-not-account",
        ),
    ],
)
def test_equivalence(one: Any, other: Any, same: bool) -> None:
    """Two documents are equal when they say the same in other words, in both directions."""
    assert equivalent(one, other) is same
    assert equivalent(json.dumps(other), one) is same


def test_reads_url_encoded_documents() -> None:
    """IAM's own API answers with percent-encoded documents."""
    document = policy(allow("a:B"))
    assert equivalent(quote(json.dumps(document)), document)


def test_names_principals_that_were_deleted() -> None:
    """A principal that became a unique id stands for a user or role that no longer exists."""
    gone = "AROAIOSFODNN7EXAMPLE01"
    document = policy(allow("sts:AssumeRole", Principal={"AWS": [gone, "arn:aws:iam::111122223333:role/x"]}))
    assert deleted_principals(document) == [gone]


def test_tells_removed_from_added_statements() -> None:
    """A removed statement is given as it was spelled; order and spelling of the others do not matter."""
    before = policy(allow("sqs:SendMessage", QUEUE), allow("kms:Decrypt", KEY))
    after = policy(allow(["sqs:SendMessage"], [QUEUE]), allow("s3:GetObject"))
    assert statements_removed(before, after) == [allow("kms:Decrypt", KEY)]
    assert statements_added(before, after) == [allow("s3:GetObject")]


@pytest.mark.parametrize(
    ("document", "action", "resource", "decision"),
    [
        pytest.param(policy(allow("kms:Decrypt", KEY)), "kms:Decrypt", KEY, Decision.ALLOWED, id="exact"),
        pytest.param(policy(allow("kms:*", "*")), "kms:Decrypt", KEY, Decision.ALLOWED, id="wildcard"),
        pytest.param(policy(allow("KMS:decrypt", KEY)), "kms:Decrypt", KEY, Decision.ALLOWED, id="case-of-action"),
        pytest.param(policy(allow("kms:Decrypt", KEY.upper())), "kms:Decrypt", KEY, Decision.DENIED, id="case-of-arn"),
        pytest.param(policy(allow("kms:Encrypt", KEY)), "kms:Decrypt", KEY, Decision.DENIED, id="other-action"),
        pytest.param(policy(allow("kms:Decrypt", KEY)), "kms:Decrypt", QUEUE, Decision.DENIED, id="other-resource"),
        pytest.param(policy(allow("kms:D?crypt", KEY)), "kms:Decrypt", KEY, Decision.ALLOWED, id="question-mark"),
        pytest.param(policy(), "kms:Decrypt", KEY, Decision.DENIED, id="no-statement"),
        pytest.param(policy(allow("*"), deny("kms:*")), "kms:Decrypt", KEY, Decision.DENIED, id="deny-wins"),
        pytest.param(policy(deny("kms:*"), allow("*")), "kms:Decrypt", KEY, Decision.DENIED, id="deny-wins-first"),
        pytest.param(
            policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
            "kms:Decrypt",
            KEY,
            Decision.ALLOWED,
            id="not-action",
        ),
        pytest.param(
            policy({"Effect": "Allow", "NotAction": "kms:*", "Resource": "*"}),
            "kms:Decrypt",
            KEY,
            Decision.DENIED,
            id="not-action-excludes",
        ),
        pytest.param(
            policy({"Effect": "Deny", "Action": "*", "NotResource": KEY}, allow("kms:*")),
            "kms:Decrypt",
            KEY,
            Decision.ALLOWED,
            id="not-resource",
        ),
        pytest.param(
            policy(allow("kms:*", Condition={"Bool": {"aws:SecureTransport": "true"}})),
            "kms:Decrypt",
            KEY,
            Decision.UNKNOWN,
            id="condition",
        ),
        pytest.param(
            policy(allow("kms:*"), deny("kms:*", Condition={"Bool": {"aws:SecureTransport": "false"}})),
            "kms:Decrypt",
            KEY,
            Decision.UNKNOWN,
            id="conditional-deny",
        ),
        pytest.param(
            policy(allow("s3:GetObject", "arn:aws:s3:::home/${aws:username}/*")),
            "s3:GetObject",
            "arn:aws:s3:::home/ann/x",
            Decision.UNKNOWN,
            id="variable",
        ),
        pytest.param(policy(allow("sts:AssumeRole", [])), "sts:AssumeRole", "*", Decision.ALLOWED, id="trust-policy"),
        pytest.param(
            {"Statement": allow("kms:Decrypt", KEY)}, "kms:Decrypt", KEY, Decision.ALLOWED, id="single-statement"
        ),
    ],
)
def test_evaluates_identity_policies(document: Any, action: str, resource: str, decision: Decision) -> None:
    """An explicit deny wins, nothing is allowed by itself, and what depends on the request is unknown."""
    assert allows(json.dumps(document), action, resource) is decision


def test_lists_lost_and_gained_permissions() -> None:
    """A removed action, a removed statement and an added deny are all losses; a second allow elsewhere is none."""
    before = policy(allow(["kms:Decrypt", "kms:Encrypt"], KEY), allow("sqs:*", QUEUE), allow("s3:*"), allow("s3:Get*"))
    after = policy(allow("kms:Encrypt", KEY), allow("s3:*"), deny("s3:PutObject"))
    assert permissions_lost(before, after) == [("kms:Decrypt", KEY), ("sqs:*", QUEUE), ("s3:PutObject", "*")]
    assert permissions_gained(after, before) == permissions_lost(after, after) + permissions_lost(before, after)


def test_an_added_condition_is_a_loss() -> None:
    """What was allowed in any case and now depends on the request may fail."""
    before, after = policy(allow("kms:Decrypt", KEY)), policy(allow("kms:Decrypt", KEY, Condition={"Bool": {"x": "1"}}))
    assert permissions_lost(before, after) == [("kms:Decrypt", KEY)]


def test_lists_allowed_actions_in_order() -> None:
    """Patterns of Allow statements only, each once."""
    document = policy(allow(["b:B", "a:A"]), deny("c:C"), allow("a:A"), {"Effect": "Allow", "NotAction": "x:*"})
    assert allowed_actions(document) == ["b:B", "a:A", "*"]


def test_text_that_is_no_json_raises() -> None:
    """A document that can't be read has no answer."""
    with pytest.raises(ValueError, match="Expecting"):
        allows("{not json", "a:B", "*")
