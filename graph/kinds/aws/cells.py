"""The requests that some statements can tell apart, in classes: by action, by resource, by caller.

Within a class every statement covers all members or none, up to policy variables, so that one member stands for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from graph.kinds.aws.actions import Action, Catalogue
from graph.kinds.aws.globs import TooManyStates, combinations
from graph.kinds.aws.permission import matches
from graph.kinds.aws.principal import Reach
from graph.kinds.aws.request import account_of
from graph.kinds.aws.statement_form import EVERYBODY, Caller, Form, Patterns, Unclear, reach_of

_MOST_EXAMPLES: Final = 12
_MOST_UNSURE: Final = 4
Variable = tuple[str, str]
"""(`variable`, the pattern that holds it): true of a request whose values make the pattern cover its resource."""


@dataclass(slots=True, kw_only=True)
class ActionClass:
    """Actions that the same statements cover."""

    covered: tuple[bool, ...]
    """For each statement."""
    examples: list[Action] = field(default_factory=list)
    """Some of those that exist for sure; empty when only a wildcard speaks of them."""


def action_classes(forms: Sequence[Form], catalogue: Catalogue) -> list[ActionClass]:
    """Return all classes of actions: those of the catalogue, those named, and what the catalogue does not know.

    Raises:
        Unclear: the patterns overlap in too many ways.
    """
    spelled = {p.lower(): p for form in forms for p in form.actions.patterns}
    patterns = sorted(spelled)
    found: dict[tuple[bool, ...], ActionClass] = {}

    def note(matched: frozenset[str], example: Action | None) -> None:
        covered = tuple(_covers(form.actions, matched) for form in forms)
        one = found.setdefault(covered, ActionClass(covered=covered))
        is_new = example is not None and all(example.arns != known.arns for known in one.examples)
        if example is not None and is_new and len(one.examples) < _MOST_EXAMPLES:
            one.examples.append(example)

    for name in patterns:
        if not _is_wild(name) and catalogue.get(name) is None:
            note(frozenset(p for p in patterns if matches(p, name)), Action(spelled[name], ()))
    for service, actions in catalogue.services.items():
        mine = [p for p in patterns if _is_about(p, service)]
        for low, action in actions.items():
            note(frozenset(p for p in mine if matches(p, low)), action)
            if not mine:
                break
    # Services that the catalogue does not know may have actions of any name.
    rest = [p for p in patterns if _is_wild(p) and p.partition(":")[0] not in catalogue.services]
    for combination in _combinations(rest):
        note(frozenset(rest[n] for n in combination), None)
    return list(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceClass:
    """Resources that the same statements cover."""

    covered: tuple[bool | tuple[bool, frozenset[Variable]], ...]
    """For each statement: whether it covers them, or (negated, variables one of which must fit)."""
    examples: tuple[str, ...]


ATTACHED: Final = "the resource it is attached to"


def resource_classes(forms: Sequence[Form], examples: Sequence[str]) -> list[ResourceClass]:
    """Return all classes of resources.

    Args:
        forms: statements; one without a resource covers all.
        examples: resources to serve as examples, beside those that the patterns give.

    Raises:
        Unclear: the patterns overlap in too many ways.
    """
    held = [form.resources for form in forms if form.resources is not None]
    if not held:
        return [ResourceClass(covered=(True,) * len(forms), examples=(ATTACHED,))]
    plain = sorted({(p, o) for one in held for p, o in zip(one.patterns, one.open(), strict=True)})
    opened = sorted({o for _, o in plain})
    found: dict[tuple[bool | tuple[bool, frozenset[Variable]], ...], list[str]] = {}
    texts = [*(_filled(o) for o in opened), *sorted(examples, key=len)]
    seen = [({o for o in opened if matches(o, text)}, [text]) for text in dict.fromkeys(texts)]
    seen += [({opened[n] for n in combination}, []) for combination in _combinations(opened)]
    for matched, texts in seen:
        covered = tuple(_reached(form.resources, matched) for form in forms)
        found.setdefault(covered, []).extend(texts)
    return [ResourceClass(covered=covered, examples=tuple(texts)) for covered, texts in found.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerClass:
    """Callers that the same statements name in the same way."""

    reached: tuple[Reach | None, ...]
    """For each statement: how it names them, None when it does not."""
    example: Caller


def caller_classes(forms: Sequence[Form]) -> list[CallerClass]:
    """Return all classes of callers.

    Raises:
        Unclear: some statements name principals and others do not, or they overlap in too many ways.
    """
    if all(form.callers is None for form in forms):
        return [CallerClass(reached=(Reach.ROLE,) * len(forms), example=("", ""))]
    if any(form.callers is None for form in forms):
        raise Unclear("one statement names principals and another one does not")
    named = sorted({caller for form in forms for caller in form.callers or ()})
    # Nobody can say whom a canonical user is, or whom a statement about all others is meant to leave out.
    unsure = [c for c in named if c[0] == "CanonicalUser" or (c[1] == "*" and c != EVERYBODY)]
    others = sorted({tuple(sorted(form.callers or ())) for form in forms if form.is_for_others})
    if len(unsure) + len(others) > _MOST_UNSURE:
        raise Unclear("too many principals are named in ways that may overlap")
    found: dict[tuple[Reach | None, ...], Caller] = {}
    for caller, names in _people([c for c in named if c not in unsure]):
        for also in product((False, True), repeat=len(unsure)):
            is_named = {*names, *(c for c, yes in zip(unsure, also, strict=True) if yes)}
            for left_out in product((False, True), repeat=len(others)):
                outside = {frozenset(o) for o, yes in zip(others, left_out, strict=True) if yes}
                reached = tuple(_reach(form, is_named, outside) for form in forms)
                found.setdefault(reached, caller)
    return [CallerClass(reached=reached, example=caller) for reached, caller in found.items()]


def _people(named: Sequence[Caller]) -> Iterator[tuple[Caller, set[Caller]]]:
    """Yield everybody who is named, somebody else of each account that is, and somebody of none; with all names."""
    everybody = {c for c in named if c == EVERYBODY}
    accounts = {name for type, name in named if type == "AWS" and name.isdigit()}
    stranger = next(a for a in ("999999999999", *(f"{n:012}" for n in range(1, 99))) if a not in accounts)
    for account in (stranger, *sorted(accounts)):
        own = {("AWS", account)} & set(named)
        yield ("AWS", f"arn:aws:iam::{account}:role/anyone"), {*everybody, *own}
    for caller in named:
        if caller in everybody or caller[1] in accounts:
            continue
        account_name = {("AWS", account_of(caller[1]))} & set(named)
        names = {caller, *everybody, *account_name}
        yield caller, names
        if caller[0] == "Federated":
            # Whoever comes from a provider of an account may not count as one of the account.
            yield caller, names - account_name
        if reach_of(caller) is Reach.SESSION:
            # A session goes by the name of its role, too; the path of that is not in its own name.
            role = caller[1].split(":", 5)[5].split("/")[1]
            for other in named:
                if other[1].partition(":role/")[2].rpartition("/")[2] == role:
                    yield caller, {*names, other}


def _reach(form: Form, names: set[Caller], outside: set[frozenset[Caller]]) -> Reach | None:
    if form.is_for_others:
        return None if form.callers in outside else Reach.EVERYBODY
    return max((reach_of(c) for c in names & (form.callers or set())), default=None)


def _covers(element: Patterns, matched: frozenset[str]) -> bool:
    """Whether an element covers an action that these patterns, in lower case, match."""
    return element.is_negated != any(p.lower() in matched for p in element.patterns)


def _reached(element: Patterns | None, matched: set[str]) -> bool | tuple[bool, frozenset[Variable]]:
    if element is None:
        return True
    pairs = list(zip(element.patterns, element.open(), strict=True))
    if any(pattern == opened and opened in matched for pattern, opened in pairs):
        return not element.is_negated
    variables = frozenset(("variable", pattern) for pattern, opened in pairs if opened in matched)
    return (element.is_negated, variables) if variables else element.is_negated


def _combinations(patterns: Sequence[str]) -> Mapping[frozenset[int], str]:
    try:
        return combinations(patterns)
    except TooManyStates as error:
        raise Unclear(str(error)) from error


def _is_wild(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _is_about(pattern: str, service: str) -> bool:
    """Whether a pattern may name actions of a service."""
    own = pattern.partition(":")[0]
    return own == service or (_is_wild(own) and (":" not in pattern or matches(own, service)))


def _filled(pattern: str) -> str:
    """Return a text that a pattern covers and that reads like one of its kind."""
    parts = pattern.split(":", 5)
    known = {1: "aws", 3: "us-east-1", 4: "123456789012"}
    filled = [known.get(n, "x") if part == "*" and len(parts) == 6 else part for n, part in enumerate(parts)]
    text = ":".join(filled)
    return text if text == "*" else text.replace("*", "x").replace("?", "x")
