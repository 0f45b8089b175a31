"""One statement against one request: is it about it?"""

from __future__ import annotations

from typing import NamedTuple

from graph.document import Object
from graph.kinds.aws.condition import holds
from graph.kinds.aws.logic import NO, YES, Answer, all_of, any_of, negated
from graph.kinds.aws.permission import matches
from graph.kinds.aws.principal import Reach, named
from graph.kinds.aws.request import Request, matches_text
from graph.kinds.lenient import strings, text


class Match(NamedTuple):
    """Whether a statement is about a request, and how it names the caller."""

    answer: Answer
    reach: Reach


def match(statement: Object, request: Request, *, is_attached: bool = False) -> Match:
    """Say whether a statement is about a request.

    Args:
        statement: of any kind of policy.
        request: what is asked.
        is_attached: the policy belongs to the resource itself, so that `*` and no resource at all mean that one.
    """
    whom = named(statement, request)
    if whom.answer.value is False:
        return Match(NO, whom.reach)
    parts = [whom.answer, _action(statement, request), _resource(statement, request, is_attached)]
    answer = all_of(parts)
    if answer.value is False:
        return Match(NO, whom.reach)
    return Match(all_of([answer, holds(statement.get("Condition"), request)]), whom.reach)


def is_allow(statement: Object) -> bool:
    """Whether a statement allows."""
    return text(statement, "Effect").lower() == "allow"


def is_deny(statement: Object) -> bool:
    """Whether a statement denies."""
    return text(statement, "Effect").lower() == "deny"


def _action(statement: Object, request: Request) -> Answer:
    names = strings(statement.get("NotAction", statement.get("Action")))
    found = any(matches(name, request.action, ignore_case=True) for name in names)
    return YES if found != ("NotAction" in statement) else NO


def _resource(statement: Object, request: Request, is_attached: bool) -> Answer:
    if "NotResource" in statement:
        return negated(_any_resource(strings(statement["NotResource"]), request))
    patterns = strings(statement.get("Resource"))
    if is_attached and not patterns:
        return YES
    return _any_resource(patterns, request)


def _any_resource(patterns: list[str], request: Request) -> Answer:
    return any_of(matches_text(p, request.resource, request) for p in patterns)
