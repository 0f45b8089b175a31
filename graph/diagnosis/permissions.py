"""What a change of an IAM policy takes away, statement by statement. Evaluates no conditions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from graph.document import ABSENT, Absent, Json, Object, pointer
from graph.kinds.lenient import entries, strings, text
from graph.place import opened, read

POLICY_PLACES = ("/values/policy", "/values/assume_role_policy", "/values/inline_policy")


class Loss(NamedTuple):
    """Permissions that were there and no longer are."""

    actions: tuple[str, ...]
    """As written in the policy, wildcards kept; ordered"""
    path: str
    """JSON pointer to the statement in the document that has it: the one before, or after for an added deny"""
    before: Json | Absent
    after: Json | Absent
    is_denied: bool
    """Whether a statement that denies was added, rather than one that allows taken away."""


def losses(before: Object | None, after: Object | None) -> list[Loss]:
    """Compare the policies in two bodies of a Terraform resource; either may be missing."""
    found: list[Loss] = []
    for place in POLICY_PLACES:
        left = read(before, place) if before is not None else ABSENT
        right = read(after, place) if after is not None else ABSENT
        if left is not ABSENT or right is not ABSENT:
            found += _lost(left, right, place)
    return found


def covers(pattern: str, action: str) -> bool:
    """Whether an action pattern of a policy covers an action; names are case-insensitive.

    >>> covers("kms:*", "kms:Decrypt"), covers("kms:Encrypt", "kms:Decrypt")
    (True, False)
    """
    left, right = pattern.lower(), action.lower()
    parts = left.split("*")
    if len(parts) == 1:
        return left == right
    if not right.startswith(parts[0]) or not right.endswith(parts[-1]):
        return False
    at = len(parts[0])
    for part in parts[1:-1]:
        at = right.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return at <= len(right) - len(parts[-1])


def _lost(before: Json | Absent, after: Json | Absent, place: str) -> Iterator[Loss]:
    kept = {grant for _, s in _statements(after) if text(s, "Effect").lower() == "allow" for grant in _grants(s)}
    for index, statement in _statements(before):
        if text(statement, "Effect").lower() != "allow":
            continue
        gone = sorted({action for action, resource in _grants(statement) if not _is_kept(action, resource, kept)})
        if gone:
            twin = _twin(statement, before, after)
            yield Loss(tuple(gone), place + pointer("Statement", index), statement, twin, False)
    denied = {g for _, s in _statements(before) if text(s, "Effect").lower() == "deny" for g in _grants(s)}
    for index, statement in _statements(after):
        if text(statement, "Effect").lower() == "deny":
            new = sorted({action for action, resource in _grants(statement) if (action, resource) not in denied})
            if new:
                yield Loss(tuple(new), place + pointer("Statement", index), ABSENT, statement, True)


def _statements(policy: Json | Absent) -> list[tuple[int, Object]]:
    document = opened(policy)
    statements = document.get("Statement") if isinstance(document, dict) else None
    return entries([statements]) if isinstance(statements, dict) else entries(statements)


def _grants(statement: Object) -> set[tuple[str, str]]:
    """Pairs of action and whatever narrows it: resource, principal and condition together."""
    narrow = [*strings(statement.get("Resource")), *(f"not {r}" for r in strings(statement.get("NotResource")))]
    rest = f"{statement.get('Principal', '')}|{statement.get('Condition', '')}"
    actions = [*strings(statement.get("Action")), *(f"not {a}" for a in strings(statement.get("NotAction")))]
    return {(action, f"{resource}|{rest}") for action in actions for resource in narrow or [""]}


def _is_kept(action: str, resource: str, kept: set[tuple[str, str]]) -> bool:
    wanted, _, rest = resource.partition("|")
    for other, where in kept:
        pattern, _, other_rest = where.partition("|")
        if rest == other_rest and covers(other, action) and (pattern == wanted or covers(pattern, wanted)):
            return True
    return False


def _twin(statement: Object, before: Json | Absent, after: Json | Absent) -> Json | Absent:
    """The statement that stands in its place now: the one with its Sid, else one about the same resource.

    A statement that stood beside it already, unchanged or under its own Sid, has not taken its place.
    """
    beside = [s for _, s in _statements(before) if s != statement]
    names = {text(s, "Sid") for s in beside} - {""}
    others = [s for _, s in _statements(after) if s not in beside and text(s, "Sid") not in names]
    for key in ("Sid", "Resource"):
        for other in others:
            if key in statement and other.get(key) == statement[key] and other.get("Effect") == statement.get("Effect"):
                return other
    return ABSENT
