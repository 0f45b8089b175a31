"""Where trouble began, from how it spread: who is unwell since when, and who depends on whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graph.diagnosis.ailment import Way
from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Hypothesis, Point, Weight
from graph.diagnosis.spread import Spread

_MOST_ACCOUNTS = 10
_KINDS = {
    Way.WITHIN: ("malfunctioning_service", "malfunctions"),
    Way.FAILS: ("failing_service", "fails or is slow"),
    Way.LOADED: ("overloaded_service", "is asked for more than usual"),
}


def spreading(context: Context) -> Iterable[Hypothesis]:
    """Yield the origins of the accounts, where no measure of what callers feel tells the origin by itself."""
    accounts = context.accounts
    if context.origins or not accounts or not accounts[0].steps:
        return
    for account in accounts[:_MOST_ACCOUNTS]:
        yield _hypothesis(context, account)


def _hypothesis(context: Context, account: Spread) -> Hypothesis:
    ways = {a.way for a in context.unwell[account.origin]}
    kind, what = next(_KINDS[way] for way in _KINDS if way in ways)
    name, many = context.name(account.origin), len(account.victims)
    others = f", and {many} other{'s' * (many > 1)} suffer from it" if many else ""
    return Hypothesis(
        resource=account.origin,
        kind=kind,
        summary=f"{name} {what}{others}.",
        points=tuple(_points(context, account)),
        weight=Weight.BREAKS,
        path=account.way_back(context.subjects[0]),
        is_weighed=True,
        only_locates=True,
    )


def _points(context: Context, account: Spread) -> Iterator[Point]:
    for number, reason in enumerate(account.reasons):
        evidence = context.note_unwell(*reason.about) or context.note_unwell(account.origin)
        yield Point(rule="account", key=str(number), text=reason.text, evidence=evidence, share=reason.worth)
