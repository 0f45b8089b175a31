"""The Condition block of a statement against what is known of a request: yes, no, or which key decides.

Operators and what holds when a key is missing:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
Set operators: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple, TypeAlias

from graph.document import Json
from graph.kinds.aws.canonical import scalar
from graph.kinds.aws.logic import NO, YES, Answer, all_of, any_of, negated, of, unknown
from graph.kinds.aws.request import Request, matches_text

_Compare: TypeAlias = Callable[[str, str, Request], Answer]
"""Compares a value of the policy with one of the request."""


def holds(condition: Json, request: Request) -> Answer:
    """Say whether a Condition block holds: every operator and every key of it must.

    An operator that is not known here decides nothing; the answer then names it.
    """
    if not isinstance(condition, dict):
        return YES if condition in (None, "") else unknown("a condition that is no object")
    return all_of(_keys(condition, request))


def _keys(condition: dict[str, Json], request: Request) -> Iterator[Answer]:
    for name, keys in condition.items():
        operator = _operator(name)
        for key, wanted in keys.items() if isinstance(keys, dict) else ():
            values = [str(scalar(v)) for v in (wanted if isinstance(wanted, list) else [wanted])]
            yield unknown(f"operator {name}") if operator is None else _key(operator, key, values, request)


def is_operator(name: str) -> bool:
    """Whether a name is one of an operator that is known here, with its quantifier and `IfExists`, in any case."""
    return _operator(name) is not None


class _Operator(NamedTuple):
    compare: _Compare | None
    """None: the operator Null."""
    is_negated: bool
    quantifier: str
    """`forallvalues`, `foranyvalue` or empty"""
    if_exists: bool


def _operator(name: str) -> _Operator | None:
    quantifier, _, base = name.lower().rpartition(":")
    if_exists = base.endswith("ifexists")
    base = base.removesuffix("ifexists")
    if quantifier not in ("", "forallvalues", "foranyvalue"):
        return None
    if base == "null":
        return _Operator(None, False, quantifier, if_exists)
    if base in _NEGATED:
        return _Operator(_COMPARE[_NEGATED[base]], True, quantifier, if_exists)
    return _Operator(_COMPARE[base], False, quantifier, if_exists) if base in _COMPARE else None


def _key(operator: _Operator, key: str, wanted: list[str], request: Request) -> Answer:
    values = request.context.values(key)
    if values is None:
        return unknown(key)
    if operator.compare is None:
        return of(any(w.lower() == ("false" if values else "true") for w in wanted))
    if not values:
        # A key that is not there: negated operators, ForAllValues and IfExists hold, all others do not.
        is_open = operator.is_negated and operator.quantifier != "foranyvalue"
        return of(is_open or operator.if_exists or operator.quantifier == "forallvalues")
    each = [_value(operator, operator.compare, value, wanted, request) for value in values]
    return all_of(each) if operator.quantifier == "forallvalues" else any_of(each)


def _value(operator: _Operator, compare: _Compare, value: str, wanted: list[str], request: Request) -> Answer:
    found = any_of(compare(w, value, request) for w in wanted)
    return negated(found) if operator.is_negated else found


def _text(*, wild: bool = False, fold: bool = False) -> _Compare:
    return lambda wanted, value, request: matches_text(wanted, value, request, wild=wild, fold=fold)


def _arn(wanted: str, value: str, request: Request) -> Answer:
    """Each of the six parts of an ARN is compared by itself, so that `*` does not reach over a colon before the last.

    A lone `*` covers any ARN.
    """
    if wanted == "*":
        return YES
    left, right = _arn_parts(wanted), value.split(":", 5)
    if len(left) != 6 or len(right) != 6:
        return NO
    return all_of(matches_text(a, b, request) for a, b in zip(left, right, strict=True))


def _arn_parts(pattern: str) -> list[str]:
    """Split at colons outside of variables, whose names have colons of their own."""
    parts, depth = [""], 0
    for char in pattern:
        depth += (char == "{") - (char == "}")
        if char == ":" and depth == 0 and len(parts) < 6:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _bool(wanted: str, value: str, request: Request) -> Answer:
    return matches_text(wanted.lower(), value.lower(), request, wild=False)


def _ip(wanted: str, value: str, _: Request) -> Answer:
    try:
        return of(ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False))
    except ValueError:
        return NO


def _ordered(read: Callable[[str], Decimal | None], test: Callable[[Decimal, Decimal], bool]) -> _Compare:
    def compare(wanted: str, value: str, _: Request) -> Answer:
        limit, given = read(wanted), read(value)
        return of(limit is not None and given is not None and test(given, limit))

    return compare


def number(text: str) -> Decimal | None:
    """Read a number; None for what is none."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def instant(text: str) -> Decimal | None:
    """Read an ISO 8601 time, or seconds since 1970, as seconds since 1970 UTC; None for what is no time."""
    if (seconds := number(text)) is not None:
        return seconds
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return Decimal(str((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()))


_ORDER: Final[dict[str, Callable[[Decimal, Decimal], bool]]] = {
    "equals": lambda a, b: a == b,
    "lessthan": lambda a, b: a < b,
    "lessthanequals": lambda a, b: a <= b,
    "greaterthan": lambda a, b: a > b,
    "greaterthanequals": lambda a, b: a >= b,
}

_COMPARE: Final[dict[str, _Compare]] = {
    "stringequals": _text(),
    "stringequalsignorecase": _text(fold=True),
    "stringlike": _text(wild=True),
    "binaryequals": _text(),
    "bool": _bool,
    "ipaddress": _ip,
    "arnequals": _arn,
    "arnlike": _arn,
    **{f"numeric{name}": _ordered(number, test) for name, test in _ORDER.items()},
    **{f"date{name}": _ordered(instant, test) for name, test in _ORDER.items()},
}

_NEGATED: Final = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "notipaddress": "ipaddress",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
}
