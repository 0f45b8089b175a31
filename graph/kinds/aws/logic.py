"""Three-valued answers: yes, no, or "it depends on these keys of the request, which are not known"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Answer(NamedTuple):
    """Yes, no or unknown."""

    value: bool | None
    unknown: frozenset[str] = frozenset()
    """What decides it and is not known: condition keys, or documents that could not be read; empty when decided."""


YES = Answer(True)
NO = Answer(False)


def of(value: bool) -> Answer:
    """Return a decided answer."""
    return YES if value else NO


def unknown(*what: str) -> Answer:
    """Return an answer that depends on something not known."""
    return Answer(None, frozenset(what))


def negated(answer: Answer) -> Answer:
    """Return the opposite; what is not known stays so."""
    return answer if answer.value is None else of(not answer.value)


def all_of(answers: Iterable[Answer]) -> Answer:
    """Return no when one is no, yes when all are yes (also when there is none), else unknown.

    >>> all_of([YES, unknown("aws:SourceIp"), NO]).value
    False
    """
    open_keys: frozenset[str] = frozenset()
    for answer in answers:
        if answer.value is False:
            return NO
        open_keys |= answer.unknown
    return Answer(None, open_keys) if open_keys else YES


def any_of(answers: Iterable[Answer]) -> Answer:
    """Return yes when one is yes, no when all are no (also when there is none), else unknown."""
    return negated(all_of(negated(answer) for answer in answers))
