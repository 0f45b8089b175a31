"""The simulated cloud answers permission questions as IAM does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from graph.document import Object
from tools.actions.simulated_cluster.permissions import decide
from tools.actions.simulated_cluster.store import EstateStore
from tools.adapters.estate_files import Key

KEY = "arn:aws:kms:eu-central-1:111122223333:key/k"
ROLE = "arn:aws:iam::111122223333:role/r"


def _store(
    *statements: Object, subject: str = "system:serviceaccount:shop:s", key: Object | None = None
) -> EstateStore:
    store = EstateStore()
    holder = {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}}
    store.put(Key("shop", "ServiceAccount", "s"), holder)
    trust = {"Statement": [{"Effect": "Allow", "Condition": {"StringEquals": {"oidc:sub": subject}}}]}
    root = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]}
    values: dict[str, Any] = {
        "aws_iam_role.r": {"arn": ROLE, "name": "r", "id": "r", "assume_role_policy": json.dumps(trust)},
        "aws_iam_role_policy.r": {"role": "r", "name": "p", "policy": {"Statement": list(statements)}},
        "aws_kms_key.k": {"arn": KEY, "policy": json.dumps(root)} | (key or {}),
    }
    for address, item in values.items():
        store.put_cloud(address, {"type": address.partition(".")[0], "address": address, "values": item})
    return store


ALLOW = {"Effect": "Allow", "Action": ["kms:Dec*"], "Resource": KEY}


@pytest.mark.parametrize(
    ("store", "allowed", "why"),
    [
        (_store(ALLOW), True, ""),
        (_store(), False, "no identity-based policy"),
        (_store(ALLOW | {"Resource": "arn:aws:kms:*:*:key/other"}), False, "no identity-based policy"),
        (_store(ALLOW, {"Effect": "Deny", "Action": "*", "Resource": "*"}), False, "explicit deny"),
        (_store(ALLOW, subject="system:serviceaccount:shop:other"), False, "sts:AssumeRoleWithWebIdentity"),
        (_store(ALLOW, key={"is_enabled": False}), False, "resource-based"),
        (_store(ALLOW, key={"policy": "{}"}), False, "resource-based"),
    ],
    ids=["allowed", "nothing allows", "other resource", "explicit deny", "no trust", "key disabled", "key policy"],
)
def test_decisions(store: EstateStore, allowed: bool, why: str) -> None:
    """Deny beats allow, silence is no, and the role, the policy and the key all have a say."""
    decision = decide(store, namespace="shop", account="s", action="kms:Decrypt", resource=KEY)
    assert decision.allowed is allowed
    assert why in decision.reason


def test_account_without_role_may_nothing() -> None:
    """A ServiceAccount without the annotation has no cloud identity."""
    decision = decide(_store(ALLOW), namespace="shop", account="other", action="kms:Decrypt", resource=KEY)
    assert not decision.allowed
