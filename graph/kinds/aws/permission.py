"""What an identity policy allows. Evaluates one document; boundaries, SCPs and resource policies are not known here.

Logic: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from graph.document import Object
from graph.kinds.aws.canonical import parse, statements, statements_added
from graph.kinds.lenient import strings


class Decision(StrEnum):
    """Answer of one policy document."""

    ALLOWED = "allowed"
    DENIED = "denied"
    """By an explicit Deny, or because no statement allows it."""
    UNKNOWN = "unknown"
    """It depends on a condition or variable that only the request knows."""


def allows(document: str | Object, action: str, resource: str) -> Decision:
    """Say whether a policy allows an action on a resource.

    Args:
        document: policy as text or JSON.
        action: e.g. `kms:Decrypt`; names are compared without regard to case, as AWS does.
        resource: ARN, or `*` for actions that know no resource.

    Raises:
        ValueError: the text is no JSON.
    """
    allowed = Decision.DENIED
    denied_maybe = False
    for statement in statements(parse(document)):
        covers = _covers(statement, action, resource)
        if covers is Decision.DENIED:
            continue
        if str(statement.get("Effect", "")).lower() == "deny":
            if covers is Decision.ALLOWED:
                return Decision.DENIED
            denied_maybe = True
        elif str(statement.get("Effect", "")).lower() == "allow" and allowed is not Decision.ALLOWED:
            allowed = covers
    if allowed is Decision.ALLOWED and denied_maybe:
        return Decision.UNKNOWN
    return allowed


def allowed_actions(document: str | Object) -> list[str]:
    """Return the action patterns of all Allow statements, in order, each once; `*` stands for a NotAction.

    Raises:
        ValueError: the text is no JSON.
    """
    found: dict[str, None] = {}
    for statement in statements(parse(document)):
        if str(statement.get("Effect", "")).lower() == "allow":
            found.update(dict.fromkeys(actions_of(statement)))
    return list(found)


def permissions_lost(before: str | Object, after: str | Object) -> list[tuple[str, str]]:
    """Return (action, resource) patterns that `before` allowed and `after` does not, or no longer without a condition.

    Patterns are those of the documents: of the Allow statements of `before`, and of Deny statements that were added.

    Raises:
        ValueError: one of the texts is no JSON.
    """
    candidates: dict[tuple[str, str], None] = {}
    for statement in statements(parse(before)):
        if str(statement.get("Effect", "")).lower() == "allow":
            candidates.update(dict.fromkeys(_pairs(statement)))
    for statement in statements_added(before, after):
        if str(statement.get("Effect", "")).lower() == "deny":
            candidates.update(dict.fromkeys(_pairs(statement)))
    rank = {Decision.DENIED: 0, Decision.UNKNOWN: 1, Decision.ALLOWED: 2}
    return [pair for pair in candidates if rank[allows(after, *pair)] < rank[allows(before, *pair)]]


def permissions_gained(before: str | Object, after: str | Object) -> list[tuple[str, str]]:
    """Return (action, resource) patterns that `after` allows and `before` did not; see `permissions_lost`."""
    return permissions_lost(after, before)


def actions_of(statement: Object) -> list[str]:
    """Return the action patterns of a statement; everything but some actions is `*`."""
    return strings(statement.get("Action")) or (["*"] if "NotAction" in statement else [])


def resources_of(statement: Object) -> list[str]:
    """Return the resource patterns of a statement; everything but some resources is `*`."""
    return strings(statement.get("Resource")) or (["*"] if "NotResource" in statement else [])


def matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether an IAM pattern (`*` any text, `?` one character) covers a text.

    >>> matches("arn:aws:s3:::logs-*", "arn:aws:s3:::logs-2024/x")
    True
    """
    return _compiled(pattern, ignore_case).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    parts = re.split(r"([*?])", pattern)
    body = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return re.compile(body, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _pairs(statement: Object) -> list[tuple[str, str]]:
    return [(a, r) for a in actions_of(statement) for r in resources_of(statement) or ["*"]]


def _covers(statement: Object, action: str, resource: str) -> Decision:
    """Say whether a statement is about an action on a resource; ALLOWED here means that it is."""
    if "NotAction" in statement:
        named = not any(matches(p, action, ignore_case=True) for p in strings(statement["NotAction"]))
    else:
        named = any(matches(p, action, ignore_case=True) for p in strings(statement.get("Action")))
    if not named:
        return Decision.DENIED
    patterns = strings(statement.get("NotResource", statement.get("Resource")))
    open_patterns = [_VARIABLE.sub("*", p) for p in patterns]
    covered = any(matches(p, resource) for p in open_patterns)
    # A trust or resource policy may leave the resource out: it is about the thing it is attached to.
    if ("NotResource" in statement) == covered and patterns:
        return Decision.DENIED
    is_open = bool(statement.get("Condition")) or any(_VARIABLE.search(p) for p in patterns)
    return Decision.UNKNOWN if is_open else Decision.ALLOWED


_VARIABLE = re.compile(r"\$\{(?![*?$]\})[^}]*\}")
"""A policy variable; `${*}`, `${?}` and `${$}` are escapes of single characters."""
