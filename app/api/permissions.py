"""What the answer to "why did it lose this permission?" holds beyond any other "why"."""

from __future__ import annotations

from typing import Any

from app.api.bodies import Body, plain
from graph.access.explanation import PermissionExplanation


class Taken(Body):
    """A change that took the permission away; its place in `changes` is the same."""

    what: str
    is_decisive: bool
    """False: it did no harm until the decisive change came on top."""
    removed: list[Any]
    """Statements of the policy that went."""
    added: list[Any]
    """Statements that came."""
    revert: dict[str, Any]
    """Resource, place, value now and value to write back, the calls that write it, and a typed plan where one can."""


class Permission(Body):
    """How a service stands with a permission."""

    action: str
    target: str
    """ARN, key id or alias"""
    decision: str
    """`allowed`, `denied` or `unknown`, now."""
    decided_by: str
    """Layer of policies, or step of the way to them, that decides now."""
    unknown: list[str]
    """Condition keys and documents that the answer depends on and that are not known."""
    taken_by: list[Taken]
    not_blamed: list[str]
    """Other writes of the same minutes that played no part."""

    @classmethod
    def of(cls, found: PermissionExplanation) -> Permission:
        """Build the body of an explanation."""
        return cls(
            action=found.action,
            target=plain(found.target),
            decision=found.now.decision.value,
            decided_by=plain(f"{found.now.stage} {found.now.detail}".strip()),
            unknown=plain(sorted(found.now.unknown)),
            taken_by=[
                Taken(
                    what=plain(t.what),
                    is_decisive=t.is_decisive,
                    removed=plain(list(t.removed)),
                    added=plain(list(t.added)),
                    revert=plain(t.revert),
                )
                for t in found.takers
            ],
            not_blamed=plain([n.what for n in found.not_blamed]),
        )
