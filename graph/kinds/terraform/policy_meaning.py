"""IAM policies in three facets by what they grant (A14): which differ in writing only, and how the others do."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final, NamedTuple

from graph.document import Json
from graph.document import canonical as text_of
from graph.kinds.aws import canonical as iam
from graph.kinds.aws.grants import Comparison, Direction, Sameness, compare_grants
from graph.kinds.terraform.three import Three, is_nothing

RULE: Final = "A14"


class Meaning(NamedTuple):
    """What the second tier makes of three policies that are not all equal in canonical form."""

    values: Three
    """The policies, one that grants the same as another one in the other's words."""
    are_all_same: bool
    note: str
    """How the one that stands out differs from the declared one; for policies that are the same, by which catalogue."""


def meaning_of(values: Three) -> Meaning:
    """Compare three parsed policies by what they grant.

    Where names of statements or the version of the language are all that differs, nothing is decided: that is a
    difference that people see, and none in what is granted (A09).
    """
    held, catalogue = values, ""
    for one, other in (("applied", "intended"), ("actual", "applied"), ("actual", "intended")):
        left, right = getattr(held, other), getattr(held, one)
        if is_nothing(left) or is_nothing(right) or _form(left) == _form(right) or _is_named_otherwise(left, right):
            continue
        found = _compared(text_of(left), text_of(right))
        if found.answer is Sameness.SAME:
            catalogue = catalogue or found.catalogue
            held = held._replace(**{one: left})
    forms = {_form(v) for v in held}
    if len(forms) == 1:
        return Meaning(held, True, f"grants the same; actions as of {catalogue}" if catalogue else "grants the same")
    declared = held.intended if _form(held.intended) != _form(held.actual) else held.applied
    if is_nothing(declared) or is_nothing(held.actual) or _is_named_otherwise(declared, held.actual):
        return Meaning(held, False, "")
    return Meaning(held, False, _note(_compared(text_of(declared), text_of(held.actual))))


@lru_cache(maxsize=256)
def _compared(before: str, after: str) -> Comparison:
    """Compare two policies; a drift stays for many readings, and a large policy takes long."""
    return compare_grants(json.loads(before), json.loads(after))


def _note(found: Comparison) -> str:
    way = {
        Direction.BROADER: "grants more than is declared",
        Direction.NARROWER: "grants less than is declared",
        Direction.BOTH: "grants more and less than is declared",
        Direction.UNKNOWN: "grants other than is declared, or the same: undecided",
    }[found.direction]
    if found.answer is Sameness.UNDECIDED and found.direction is not Direction.UNKNOWN:
        way = way.replace("than is declared", "than is declared, or the same: undecided")
    direction = found.direction.value or "undecided"
    return "; ".join(part for part in (f"{direction}: {way}", *map(str, found.witnesses), found.reason) if part)


def _form(policy: Json) -> str:
    return text_of(policy if is_nothing(policy) else iam.canonical(policy))


def _is_named_otherwise(one: Json, other: Json) -> bool:
    """Whether two policies are equal but for names of statements, the id and the version."""
    return _form(_without_names(one)) == _form(_without_names(other))


def _without_names(policy: Json) -> Json:
    unnamed = [{k: v for k, v in s.items() if k != "Sid"} for s in iam.statements(policy)]
    return {**{k: v for k, v in policy.items() if k not in ("Id", "Version")}, "Statement": unnamed}
