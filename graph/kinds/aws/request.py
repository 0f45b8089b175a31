"""One request to AWS as policies see it: who, what, on which resource, and what is known of its context."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from graph.kinds.aws.logic import Answer, of, unknown

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULT = re.compile(r"\s*([^,]+?)\s*(?:,\s*'(.*)'\s*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Condition keys of a request. Names of keys are compared without regard to case, as AWS does."""

    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Key to values; no value at all means that the request is known not to have the key."""
    complete: tuple[str, ...] = ()
    """Beginnings of keys, such as `aws:ResourceTag/`, of which `known` holds all that the request has."""

    def values(self, key: str) -> tuple[str, ...] | None:
        """Return the values of a key; empty when the request does not have it, None when that is not known."""
        low = key.lower()
        for name, values in self.known.items():
            if name.lower() == low:
                return values
        return () if any(low.startswith(prefix.lower()) for prefix in self.complete) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that policies are asked about."""

    principal: str
    """ARN of the role or user; of a federated identity its provider; of a service its name."""
    action: str
    """e.g. `kms:Decrypt`"""
    resource: str
    """ARN, or `*` for an action that knows no resource."""
    context: Context = field(default_factory=Context)
    session: str = ""
    """ARN of the assumed-role session; empty when it is not known."""
    has_variables: bool = True
    """Whether `${...}` in a policy is a variable; in policies of the version of 2008 it is plain text."""

    @property
    def account(self) -> str:
        """Account of the principal; empty for a service."""
        return account_of(self.principal)


def account_of(arn: str) -> str:
    """Return the account in an ARN, or an empty text.

    >>> account_of("arn:aws:iam::111122223333:role/app")
    '111122223333'
    """
    return arn.split(":")[4] if arn.startswith("arn:") and arn.count(":") >= 5 else ""


def matches_text(pattern: str, text: str, request: Request, *, wild: bool = True, fold: bool = False) -> Answer:
    """Say whether a value of a policy, which may hold variables, covers a text.

    A variable is replaced by the request's value, which is taken literally; one that the request does not have, and
    that has no default, covers nothing.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html

    Args:
        pattern: value as the policy has it.
        text: what it is compared with.
        request: gives the values of variables.
        wild: whether `*` and `?` stand for other text.
        fold: whether case is left aside.
    """
    body: list[str] = []
    at = 0
    for found in _VARIABLE.finditer(pattern) if request.has_variables else ():
        body.append(_regex(pattern[at : found.start()], wild))
        at = found.end()
        if found[1] in ("*", "?", "$"):
            body.append(re.escape(found[1]))
            continue
        name, default = (_DEFAULT.fullmatch(found[1]) or _DEFAULT.fullmatch("?")).groups()  # type: ignore[union-attr]
        values = request.context.values(name)
        if values is None:
            return unknown(name)
        value = values[0] if len(values) == 1 else default
        if value is None:
            return of(False)
        body.append(re.escape(value))
    body.append(_regex(pattern[at:], wild))
    flags = re.DOTALL | (re.IGNORECASE if fold else 0)
    return of(re.fullmatch("".join(body), text, flags) is not None)


def _regex(text: str, wild: bool) -> str:
    if not wild:
        return re.escape(text)
    return "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in re.split(r"([*?])", text))
