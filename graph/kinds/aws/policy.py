"""IAM policies: the public face of `canonical` (are two documents the same) and `permission` (what does one allow)."""

from graph.kinds.aws.canonical import (
    canonical,
    canonical_statement,
    deleted_principals,
    equivalent,
    is_policy,
    parse,
    principals_of,
    statements,
    statements_added,
    statements_removed,
)
from graph.kinds.aws.permission import (
    Decision,
    actions_of,
    allowed_actions,
    allows,
    matches,
    permissions_gained,
    permissions_lost,
    resources_of,
)

__all__ = [
    "Decision",
    "actions_of",
    "allowed_actions",
    "allows",
    "canonical",
    "canonical_statement",
    "deleted_principals",
    "equivalent",
    "is_policy",
    "matches",
    "parse",
    "permissions_gained",
    "permissions_lost",
    "principals_of",
    "resources_of",
    "statements",
    "statements_added",
    "statements_removed",
]
