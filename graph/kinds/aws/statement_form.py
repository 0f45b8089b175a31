"""Statements of a policy in the form in which two policies are compared: sets of patterns, callers and tests.

A document that says anything which has no such form is not compared at all; see `Unclear`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from graph.document import Json, Object
from graph.kinds.aws.canonical import principal, statements
from graph.kinds.aws.condition_form import Alternatives, tests_of
from graph.kinds.aws.principal import Reach
from graph.kinds.lenient import strings

EVERYBODY: Final = ("AWS", "*")
_VERSIONS: Final = ("2008-10-17", "2012-10-17")
VARIABLE: Final = re.compile(r"\$\{[^}]*\}")
_MEMBERS: Final = frozenset(
    {
        *("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"),
        *("Principal", "NotPrincipal", "Condition"),
    }
)
_TYPES: Final = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_SESSION: Final = re.compile(r"arn:[^:]+:sts::\d{12}:assumed-role/.+")
_ACCOUNT: Final = re.compile(r"\d{12}")


class Unclear(Exception):
    """A document says something that can't be compared by meaning; the text says what."""


class Patterns(NamedTuple):
    """What an Action or Resource element covers."""

    is_negated: bool
    patterns: tuple[str, ...]
    """Plain text with `*` and `?`, as it is spelled. Resources may hold variables."""

    def open(self) -> tuple[str, ...]:
        """Return the patterns with each variable replaced by `*`: what they may cover at most."""
        return tuple(VARIABLE.sub("*", p) for p in self.patterns)


Caller = tuple[str, str]
"""Type and name of a principal as a statement names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One statement."""

    is_deny: bool
    actions: Patterns
    resources: Patterns | None
    """None: it names none, being about what it is attached to."""
    callers: frozenset[Caller] | None
    """None: it names none, being about whoever holds it."""
    is_for_others: bool
    """`callers` are those that it is not about."""
    tests: frozenset[Alternatives]


def forms_of(document: Json) -> list[Form]:
    """Return the statements of a parsed policy.

    Raises:
        Unclear: it is malformed, or says what has no form here.
    """
    if not isinstance(document, dict) or document.keys() - {"Version", "Id", "Statement"}:
        raise Unclear("a document has members that are not known")
    found = document.get("Statement")
    listed = found if isinstance(found, list) else [found]
    if len(statements(document)) != len(listed):
        raise Unclear("a statement is no object")
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise Unclear(f"the version {document['Version']!r} does not exist")
    has_variables = "${" in str(found)
    if has_variables and document.get("Version") != "2012-10-17":
        raise Unclear("what may be policy variables stands in a document of a version without them")
    return [_form(statement) for statement in statements(document)]


def reach_of(caller: Caller) -> Reach:
    """Return how directly a name gives what its statement allows."""
    type, name = caller
    if caller == EVERYBODY:
        return Reach.EVERYBODY
    if type == "AWS" and _ACCOUNT.fullmatch(name):
        return Reach.ACCOUNT
    return Reach.SESSION if _SESSION.fullmatch(name) else Reach.ROLE


def _form(statement: Object) -> Form:
    unknown = statement.keys() - _MEMBERS
    if unknown:
        raise Unclear(f"a statement has the member {min(unknown)!r}")
    effect = str(statement.get("Effect")).lower()
    if effect not in ("allow", "deny"):
        raise Unclear("the effect of a statement is neither Allow nor Deny")
    tests = tests_of(statement.get("Condition"))
    if tests is None:
        raise Unclear("a condition is not understood")
    actions = _patterns(statement, "Action")
    if actions is None:
        raise Unclear("a statement names no action")
    callers = _callers(statement)
    return Form(
        is_deny=effect == "deny",
        actions=actions,
        resources=_patterns(statement, "Resource"),
        callers=callers,
        is_for_others="NotPrincipal" in statement,
        tests=tests,
    )


def _patterns(statement: Object, member: str) -> Patterns | None:
    held = [name for name in (member, f"Not{member}") if name in statement]
    if not held:
        return None
    if len(held) > 1:
        raise Unclear(f"a statement has both {held[0]} and {held[1]}")
    value = statement[held[0]]
    found = strings(value)
    if not found or len(found) != (len(value) if isinstance(value, list) else 1):
        raise Unclear(f"{held[0]} holds something else than texts")
    return Patterns(held[0] != member, tuple(sorted(set(found))))


def _callers(statement: Object) -> frozenset[Caller] | None:
    held = [name for name in ("Principal", "NotPrincipal") if name in statement]
    if not held:
        return None
    if len(held) > 1:
        raise Unclear("a statement has both Principal and NotPrincipal")
    return frozenset(_named(statement[held[0]]))


def _named(value: Json) -> Iterator[Caller]:
    for type, names in (value if isinstance(value, dict) else {"AWS": value}).items():
        found = strings(names)
        if type not in _TYPES or not found or len(found) != (len(names) if isinstance(names, list) else 1):
            raise Unclear("a principal is not understood")
        for name in found:
            caller = (type, str(principal(name)) if type == "AWS" else name)
            if ("*" in name and caller != EVERYBODY) or "${" in name:
                raise Unclear(f"the principal {name!r} is a pattern")
            yield caller
