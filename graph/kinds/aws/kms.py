"""What only KMS has: grants, and keys that can't be used whatever policies say."""

from __future__ import annotations

from collections.abc import Iterable

from graph.document import Object
from graph.kinds.aws.logic import NO, YES, Answer, all_of, any_of, of, unknown
from graph.kinds.aws.request import Request
from graph.kinds.lenient import entries, mapping, strings, text

ENABLED = "Enabled"

_STATELESS = frozenset(
    {
        "kms:CancelKeyDeletion",
        "kms:CreateAlias",
        "kms:DeleteAlias",
        "kms:DescribeKey",
        "kms:DisableKey",
        "kms:EnableKey",
        "kms:GetKeyPolicy",
        "kms:ListGrants",
        "kms:ListKeyPolicies",
        "kms:ListResourceTags",
        "kms:PutKeyPolicy",
        "kms:RevokeGrant",
        "kms:ScheduleKeyDeletion",
        "kms:UpdateAlias",
    }
)
"""Actions that a disabled key allows: https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html"""

_CONTEXT = "kms:EncryptionContext:"


def is_usable(state: str, action: str) -> bool:
    """Whether a key in a state, such as `Disabled` or `PendingDeletion`, allows an action at all."""
    return state in ("", ENABLED) or action in _STATELESS


def granted(grants: Iterable[Object], request: Request) -> Answer:
    """Say whether a grant gives the caller the action; see
    https://docs.aws.amazon.com/kms/latest/developerguide/grants.html.

    Args:
        grants: objects with `grantee_principal`, `operations` and `constraints`, as Terraform names them.
        request: what is asked.
    """
    return any_of(_grant(grant, request) for grant in grants)


def _grant(grant: Object, request: Request) -> Answer:
    callers = {request.principal, request.session} - {""}
    operations = [name.lower() for name in strings(grant.get("operations"))]
    if text(grant, "grantee_principal") not in callers or request.action.lower().partition(":")[2] not in operations:
        return NO
    found = grant.get("constraints")
    listed = [e for _, e in entries(found)] if isinstance(found, list) else [mapping(found)]
    return all_of(_constraint(constraint, request) for constraint in listed)


def _constraint(constraint: Object, request: Request) -> Answer:
    """A grant may ask for some pairs of encryption context, or for exactly those."""
    exact = mapping(constraint, "encryption_context_equals")
    wanted = exact or mapping(constraint, "encryption_context_subset")
    pairs = [_pair(key, str(value), request) for key, value in wanted.items()]
    if exact:
        given = request.context.values("kms:EncryptionContextKeys")
        pairs.append(unknown("kms:EncryptionContextKeys") if given is None else of(set(given) <= exact.keys()))
    return all_of(pairs) if wanted else YES


def _pair(key: str, value: str, request: Request) -> Answer:
    given = request.context.values(_CONTEXT + key)
    return unknown(_CONTEXT + key) if given is None else of(value in given)
