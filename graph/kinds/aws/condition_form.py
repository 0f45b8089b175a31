"""A Condition block as a conjunction of alternatives, each in one spelling for all that mean the same.

Nothing is evaluated here: a test is true or false of a request, whichever policy it stands in.
Operators: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import ipaddress
from typing import Final, NamedTuple

from graph.document import Json
from graph.kinds.aws.canonical import scalar
from graph.kinds.aws.condition import instant, is_operator, number


class Test(NamedTuple):
    """One thing that may be so of a request."""

    quantifier: str
    """`forallvalues`, `foranyvalue` or empty"""
    operator: str
    """In lower case, without `IfExists`."""
    if_exists: bool
    key: str
    """In lower case."""
    values: tuple[str, ...]
    """Sorted; one of them is enough for an operator that is not negated."""


Alternatives = frozenset[Test]
"""At least one of them must be so."""

_SAME_OPERATOR: Final = {"arnequals": "arnlike", "arnnotequals": "arnnotlike"}
"""Documented to behave identically."""
_WITHOUT_WILDCARD: Final = {"stringlike": "stringequals", "stringnotlike": "stringnotequals"}


def tests_of(condition: Json) -> frozenset[Alternatives] | None:
    """Return what must all be so for a Condition block to hold; empty for none, None where it can't be understood.

    Operators that mean the same are one (`StringLike` without a wildcard is `StringEquals`), as are values
    (`10.0.0.1` and `10.0.0.1/32`). Values of an operator that is not negated are alternatives of their own.
    """
    if condition in (None, "", {}):
        return frozenset()
    if not isinstance(condition, dict):
        return None
    found: set[Alternatives] = set()
    for name, keys in condition.items():
        if not isinstance(keys, dict) or not is_operator(name):
            return None
        for key, wanted in keys.items():
            values = [scalar(v) for v in (wanted if isinstance(wanted, list) else [wanted])]
            if not all(isinstance(v, str) for v in values):
                return None
            found.add(_alternatives(name.lower(), key.lower(), values))
    return frozenset(found)


def _alternatives(name: str, key: str, wanted: list[str]) -> Alternatives:
    quantifier, _, operator = name.rpartition(":")
    if_exists = operator.endswith("ifexists")
    operator = operator.removesuffix("ifexists")
    operator = _SAME_OPERATOR.get(operator, operator)
    # Only without negation and ForAllValues is each value enough by itself.
    is_split = bool(wanted) and "not" not in operator and quantifier != "forallvalues"
    groups = [[value] for value in wanted] if is_split else [wanted]
    return frozenset(_test(quantifier, operator, if_exists, key, group) for group in groups)


def _test(quantifier: str, operator: str, if_exists: bool, key: str, wanted: list[str]) -> Test:
    if not any(mark in value for value in wanted for mark in "*?$"):
        operator = _WITHOUT_WILDCARD.get(operator, operator)
    return Test(quantifier, operator, if_exists, key, tuple(sorted({_value(operator, v) for v in wanted})))


def _value(operator: str, value: str) -> str:
    if "${" in value:
        return value
    read = {"numeric": number, "date": instant}.get(operator[:7], instant if operator.startswith("date") else None)
    if read is not None:
        found = read(value)
        return value if found is None or not found.is_finite() else str(found.normalize())
    if "ipaddress" in operator:
        try:
            return str(ipaddress.ip_network(value, strict=False))
        except ValueError:
            return value
    return value.lower() if operator in ("bool", "null") or operator.endswith("ignorecase") else value
