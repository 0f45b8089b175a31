"""Who suffers from what: the account of the leading cause, and those of other faults at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from graph.diagnosis.ailment import Ailment
from graph.diagnosis.context import Context
from graph.diagnosis.result import Account, Statement
from graph.diagnosis.spread import Spread, spreads

_MOST_FAULTS = 3
_MOST_SIGNS = 20


def accounts_of(context: Context, leading: Sequence[str]) -> tuple[Account, ...]:
    """Return the account that begins nearest to the leading cause, and those of what it leaves unexplained.

    Args:
        context: the question.
        leading: uids from the leading cause to the resource of the alert; empty when there is none. A cause that can't
            be unwell itself, such as a policy, shows in the first on this way that is. Where no account begins on it,
            the best one is told.
    """
    begins = {a.origin: a for a in reversed(context.accounts)}
    first = next((begins[uid] for uid in leading if uid in begins), next(iter(context.accounts), None))
    found = [first] if first is not None else []
    found += _others(context, _left(context.unwell, found))
    return tuple(_told(context, a) for a in found[:_MOST_FAULTS])


def unexplained(context: Context, accounts: Sequence[Account]) -> tuple[str, ...]:
    """Return who is unwell and stands in no account."""
    explained = {uid for a in accounts for uid in (a.origin, *a.victims)}
    return tuple(sorted(context.unwell.keys() - explained))


def _others(context: Context, unwell: Mapping[str, list[Ailment]]) -> Iterator[Spread]:
    """Accounts of what is left; one that explains a single resource tells nothing that its signs do not tell."""
    for told in sorted(unwell, key=lambda uid: (unwell[uid][0].since, uid)):
        if told not in unwell:
            continue
        best = next(iter(spreads(context.links, unwell, told=told, rollouts=context.rollouts)), None)
        if best is not None and best.steps:
            yield best
            unwell = _left(unwell, [best])


def _left(unwell: Mapping[str, list[Ailment]], accounts: Sequence[Spread]) -> dict[str, list[Ailment]]:
    explained = {uid for a in accounts for uid in (a.origin, *a.victims)}
    return {uid: signs for uid, signs in unwell.items() if uid not in explained}


def _told(context: Context, account: Spread) -> Account:
    reasons = [(r.text, context.note_unwell(*r.about) or context.note_unwell(account.origin)) for r in account.reasons]
    reached = (account.origin, *account.victims)[:_MOST_SIGNS]
    signs = [(f"{context.name(uid)} {context.unwell[uid][0].way.value}.", context.note_unwell(uid)) for uid in reached]
    return Account(
        origin=account.origin,
        steps=account.steps,
        statements=tuple(Statement(text=text, evidence=evidence) for text, evidence in reasons),
        signs=tuple(Statement(text=text, evidence=evidence) for text, evidence in signs),
    )
