"""Where three facets of an IAM policy differ: statements as a multiset, their members as sets (A01 to A11)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from graph.document import ABSENT, Json
from graph.document import canonical as text_of
from graph.finding import Verdict
from graph.kinds.aws import canonical as iam
from graph.kinds.terraform.align import Row, align
from graph.kinds.terraform.three import Difference, Place, Three, difference, leaf


def policy_differences(place: Place, values: Three) -> Iterator[Difference]:
    """Yield the differences of three parsed policies.

    A statement that is gone or new is one difference at its position; a changed one gives a difference for each
    action, resource or principal that is gone or new.
    """
    for key in values.members():
        members = values.get(key)
        if key != "Statement" or ABSENT in members:
            yield from leaf(place.member(key), members)
            continue
        for at, statement in _rows(place.member(key), members, iam.canonical_statement, _unnamed):
            yield from _statement(at, statement)


def _unnamed(statement: Json) -> Json:
    """A statement without its name: under another one it is the same statement."""
    return iam.canonical_statement({**statement, "Sid": ""} if isinstance(statement, dict) else statement)


def _rows(place: Place, values: Three, *normals: iam.Normal) -> Iterator[tuple[Place, Three]]:
    """Yield (place, values) of each entry; a value that stands in no list is a list of one, at the place itself."""
    lists = [v if isinstance(v, list) else [v] for v in values]
    for row in align(lists[0], lists[1], lists[2], *(partial(_text, normal) for normal in normals)):
        position = row.intended if isinstance(values.intended, list) else None
        if row.intended is None:
            position = row.actual if row.actual is not None else row.applied
        actual = row.actual if isinstance(values.actual, list) else None
        yield place.entry(position, actual), _of(lists, row)


def _text(normal: iam.Normal, value: Json) -> str:
    return text_of(normal(value))


def _of(lists: list[list[Json]], row: Row) -> Three:
    return Three(*(ABSENT if p is None else entries[p] for entries, p in zip(lists, row, strict=True)))


def _statement(place: Place, values: Three) -> Iterator[Difference]:
    if not values.all_are(dict):
        yield from leaf(place.with_normal(iam.canonical_statement), values)
        return
    for key in values.members():
        at, members = place.member(key), values.get(key)
        if key in iam.SETS:
            yield from _set(at, members, lambda v: v)
        elif key in iam.PRINCIPALS:
            yield from _typed_sets(at, members.each(lambda v: v if isinstance(v, dict) else {"AWS": v}), iam.principal)
        elif key == "Condition" and members.all_are(dict):
            for operator in members.members():
                yield from _typed_sets(at.member(operator), members.get(operator), iam.scalar)
        else:
            effect = key == "Effect" and members.all_are(str)
            yield from leaf(at.with_normal(str.capitalize) if effect else at, members)


def _typed_sets(place: Place, values: Three, normal: iam.Normal) -> Iterator[Difference]:
    """Compare principals by type, or the keys of a condition operator."""
    if not values.all_are(dict):
        yield from leaf(place, values)
        return
    for key in values.members():
        yield from _set(place.member(key), values.get(key), normal)


def _set(place: Place, values: Three, normal: iam.Normal) -> Iterator[Difference]:
    """Compare members that are one value or a list of them."""

    def canonical(value: Json) -> Json:
        return sorted({text_of(normal(v)) for v in (value if isinstance(value, list) else [value])})

    if ABSENT in values or not values.all_are(list):
        # Only the place of the whole member exists in all facets.
        yield from leaf(place.with_normal(canonical), values)
        return
    if canonical(values.intended) == canonical(values.applied) == canonical(values.actual):
        if not text_of(values.intended) == text_of(values.applied) == text_of(values.actual):
            yield difference(place, values, Verdict.REPRESENTATION_ONLY, "A03")
        return
    for at, members in _rows(place, values, normal):
        yield from leaf(at.with_normal(normal), members)
