"""Whom a Principal or NotPrincipal of a statement names: the caller itself, its account, or everybody.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final, NamedTuple

from graph.document import Json, Object
from graph.kinds.aws.logic import NO, YES, Answer, any_of, negated, unknown
from graph.kinds.aws.request import Request
from graph.kinds.lenient import strings

_ACCOUNT: Final = re.compile(r"(?:arn:[^:]+:iam::)?(\d{12})(?::root)?")
_SESSION: Final = re.compile(r"arn:([^:]+):sts::(\d{12}):assumed-role/([^/]+)/(.+)")


class Reach(IntEnum):
    """How a statement names the caller, widest first."""

    ACCOUNT = 1
    """Its account: the account's own policies decide whom of it (the statement delegates to IAM)."""
    EVERYBODY = 2
    ROLE = 3
    """The role or user, or the service or identity provider."""
    SESSION = 4
    """This very session."""


class Named(NamedTuple):
    """Whether a statement is about the caller, and how it names it."""

    answer: Answer
    reach: Reach = Reach.ROLE


def named(statement: Object, request: Request) -> Named:
    """Say whether a statement names the caller; a statement without principals (an identity policy) names it."""
    if "NotPrincipal" in statement:
        found = _named(statement["NotPrincipal"], request)
        return Named(negated(found.answer), Reach.EVERYBODY)
    if "Principal" not in statement:
        return Named(YES)
    return _named(statement["Principal"], request)


def _named(principals: Json, request: Request) -> Named:
    typed = principals if isinstance(principals, dict) else {"AWS": principals}
    kind = _kind(request.principal)
    found = [
        _one(name, request)
        for type_, names in typed.items()
        if type_ == kind or names == "*" or names == ["*"]
        for name in strings(names)
    ]
    sure = [n for n in found if n.answer.value]
    if sure:
        return max(sure, key=lambda n: n.reach)
    return Named(any_of(n.answer for n in found), max((n.reach for n in found), default=Reach.ROLE))


def _one(name: str, request: Request) -> Named:
    if name == "*":
        return Named(YES, Reach.EVERYBODY)
    if name == request.principal:
        return Named(YES, Reach.ROLE)
    if request.session and name == request.session:
        return Named(YES, Reach.SESSION)
    account = _ACCOUNT.fullmatch(name)
    if account is not None:
        return Named(YES if account[1] == request.account else NO, Reach.ACCOUNT)
    session = _SESSION.fullmatch(name)
    if session is not None and not request.session and _role(request.principal) == (session[2], session[3]):
        return Named(unknown("aws:userid"), Reach.SESSION)
    return Named(NO)


def _role(arn: str) -> tuple[str, str]:
    """Account and name of a role; a session does not show the role's path."""
    parts = arn.split(":", 5)
    return (parts[4], parts[5].rpartition("/")[2]) if len(parts) == 6 and parts[5].startswith("role/") else ("", "")


def _kind(principal: str) -> str:
    if ":oidc-provider/" in principal or ":saml-provider/" in principal or "." in principal.partition(":")[0]:
        is_service = principal.endswith((".amazonaws.com", ".amazonaws.com.cn"))
        return "Service" if is_service else "Federated"
    return "AWS"
