"""Whether a workload's cloud identity may do something: role binding, inline policies, key policy.

Evaluation logic: an explicit deny wins, then any allow, otherwise denied (AWS IAM user guide, "Policy evaluation
logic").
Permission boundaries, organisation policies and conditions of identity policies are not simulated.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import NamedTuple

from graph.document import Json, Object
from tools.actions.simulated_cluster.store import EstateStore
from tools.adapters.estate_files import Key

_ROLE = "eks.amazonaws.com/role-arn"


class Decision(NamedTuple):
    """Answer to one permission question."""

    allowed: bool
    principal: str
    """ARN of the session that asked, as an error message names it."""
    reason: str
    """Why not, in the words of the cloud's error messages."""


def decide(store: EstateStore, *, namespace: str, account: str, action: str, resource: str) -> Decision:
    """Answer whether pods of a ServiceAccount may perform `action` on the resource with this ARN."""
    holder = store.objects.get(Key(namespace, "ServiceAccount", account), {"metadata": {}})
    arn = holder["metadata"].get("annotations", {}).get(_ROLE, "")
    role = next(
        (r["values"] for r in store.cloud.values() if r["type"] == "aws_iam_role" and r["values"]["arn"] == arn), None
    )
    if role is None or not _may_assume(role, f"system:serviceaccount:{namespace}:{account}"):
        return Decision(
            False, arn or f"{namespace}/{account}", "it is not authorized to perform: sts:AssumeRoleWithWebIdentity"
        )
    owner = arn.split(":")[4]
    session = f"arn:aws:sts::{owner}:assumed-role/{role['name']}/eks-shop-{account}"
    documents = [
        _parsed(r["values"]["policy"])
        for r in store.cloud.values()
        if r["type"] == "aws_iam_role_policy" and r["values"]["role"] in (role["name"], role["id"])
    ]
    verdicts = {verdict for document in documents for verdict in _verdicts(document, action, resource)}
    if "Deny" in verdicts:
        return Decision(False, session, "with an explicit deny in an identity-based policy")
    if "Allow" not in verdicts:
        return Decision(False, session, f"because no identity-based policy allows the {action} action")
    if action.startswith("kms:") and not _key_delegates(store, resource, owner):
        return Decision(False, session, f"because no resource-based policy allows the {action} action")
    return Decision(True, session, "")


def _verdicts(document: Object, action: str, resource: str) -> list[str]:
    out = []
    for statement in _many(document.get("Statement")):
        actions = [str(a).lower() for a in _many(statement.get("Action"))]
        resources = [str(r) for r in _many(statement.get("Resource"))]
        if any(fnmatchcase(action.lower(), a) for a in actions) and any(fnmatchcase(resource, r) for r in resources):
            out.append(str(statement.get("Effect")))
    return out


def _may_assume(role: Object, subject: str) -> bool:
    for statement in _many(_parsed(role["assume_role_policy"]).get("Statement")):
        conditions = statement.get("Condition", {}).get("StringEquals", {})
        wanted = [value for name, value in conditions.items() if name.endswith(":sub")]
        if statement.get("Effect") == "Allow" and (not wanted or subject in _many(wanted[0])):
            return True
    return False


def _key_delegates(store: EstateStore, arn: str, account: str) -> bool:
    key = next(
        (r["values"] for r in store.cloud.values() if r["type"] == "aws_kms_key" and r["values"]["arn"] == arn), None
    )
    if key is None or not key.get("is_enabled", True):
        return False
    root = f"arn:aws:iam::{account}:root"
    return any(
        statement.get("Effect") == "Allow" and root in _many(statement.get("Principal", {}).get("AWS"))
        for statement in _many(_parsed(key["policy"]).get("Statement"))
    )


def _parsed(policy: Json) -> Object:
    document: Object = json.loads(policy) if isinstance(policy, str) else policy
    return document


def _many(value: Json) -> list[Json]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
