"""Do two policies that are written differently grant the same? The second tier of comparison (A14).

All requests that the statements can tell apart are looked at, in classes; conditions and policy variables count as
facts that may be so or not. That nothing differs in any class proves that the policies grant the same. What differs is
claimed only with a request as witness, which both policies were then asked about; anything else is undecided.

An explicit deny is not the same as no permission: it counts against what other policies allow.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final, NamedTuple

from graph.document import Json
from graph.kinds.aws.actions import Action, Catalogue, installed
from graph.kinds.aws.canonical import statements
from graph.kinds.aws.cells import (
    ATTACHED,
    ActionClass,
    CallerClass,
    ResourceClass,
    Variable,
    action_classes,
    caller_classes,
    resource_classes,
)
from graph.kinds.aws.condition_form import Alternatives, Test
from graph.kinds.aws.permission import matches
from graph.kinds.aws.principal import Reach
from graph.kinds.aws.request import Context, Request
from graph.kinds.aws.statement import is_deny, match
from graph.kinds.aws.statement_form import VARIABLE, Caller, Form, Unclear, forms_of

_MOST_WORK: Final = 400_000
"""Classes times statements; about a second."""
_MOST_FACTS: Final = 10
"""Conditions and variables that may bear on one class; each doubles the work."""
_MOST_TRIED: Final = 400
"""Requests that are tried as witnesses."""
_DENIED: Final = -1
_NOTHING: Final = 0
_WORDS: Final = {
    _DENIED: "denied explicitly",
    _NOTHING: "not allowed",
    Reach.ACCOUNT: "left to the policies of its account",
    Reach.EVERYBODY: "allowed",
    Reach.ROLE: "allowed",
    Reach.SESSION: "allowed to the session itself",
}


class Sameness(StrEnum):
    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class Direction(StrEnum):
    """How the second policy stands to the first."""

    BROADER = "broader"
    NARROWER = "narrower"
    BOTH = "both"
    UNKNOWN = ""


class Witness(NamedTuple):
    """A request that the two policies answer differently."""

    action: str
    resource: str
    principal: str
    """Empty where the policies name no principals."""
    context: Mapping[str, tuple[str, ...]]
    """Condition keys that the request has; it has no other."""
    before: str
    after: str

    def __str__(self) -> str:
        by = f" by {self.principal}" if self.principal else ""
        held = ", ".join(f"{key}={'|'.join(values)}" for key, values in self.context.items())
        given = f" with {held}" if held else ""
        return f"{self.action} on {self.resource}{by}{given}: {self.before} before, {self.after} after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two policies grant, compared."""

    answer: Sameness
    direction: Direction = Direction.UNKNOWN
    """For UNDECIDED: the one in which alone they may differ."""
    witnesses: tuple[Witness, ...] = ()
    """For DIFFERENT: one for each direction."""
    reason: str = ""
    """For UNDECIDED: why; for DIFFERENT: what is not decided of the direction."""
    catalogue: str = ""
    """Where the names of actions are from; empty when none was needed or there is none."""


def compare_grants(before: Json, after: Json, *, catalogue: Catalogue | None = None) -> Comparison:
    """Say whether two parsed policies of the same kind grant the same.

    Args:
        before: the one to compare with.
        after: the other one; `Direction` is said of it.
        catalogue: which actions there are; the one that is installed when None.

    Returns:
        SAME only when no request whatever is answered differently, where the catalogue has all actions of the services
        that it knows. Ids of documents and statements say nothing of that.
    """
    known = installed() if catalogue is None else catalogue
    try:
        sides = (forms_of(before), forms_of(after))
        differences = list(_differences(*sides, known))
    except Unclear as error:
        return Comparison(answer=Sameness.UNDECIDED, reason=str(error), catalogue=known.name)
    if not differences:
        return Comparison(answer=Sameness.SAME, catalogue=known.name)
    tried = [_MOST_TRIED]
    witnesses = [
        found
        for is_broader in (True, False)
        if (found := _witness(before, after, [d for d in differences if d.is_broader is is_broader], known, tried))
    ]
    if not witnesses:
        return Comparison(
            answer=Sameness.UNDECIDED,
            direction=_direction({d.is_broader for d in differences}, Direction.UNKNOWN),
            reason=_why(differences, known),
            catalogue=known.name,
        )
    proved = {_order(w.after) > _order(w.before) for w in witnesses}
    is_open = proved != {d.is_broader for d in differences}
    return Comparison(
        answer=Sameness.DIFFERENT,
        direction=_direction(proved, Direction.BOTH),
        witnesses=tuple(witnesses),
        reason="it may differ in the other direction, too, which no request proves" if is_open else "",
        catalogue=known.name,
    )


def _order(said: str) -> int:
    """Return how much an answer gives, for comparison only."""
    return next(level for level, words in _WORDS.items() if words == said)


class _Difference(NamedTuple):
    """A class of requests that the policies answer differently."""

    actions: ActionClass
    resources: ResourceClass
    caller: CallerClass
    facts: Mapping[Test | Variable, bool]
    is_broader: bool


class _Held(NamedTuple):
    """A statement as far as one class is concerned."""

    is_deny: bool
    reach: Reach
    tests: frozenset[Alternatives]
    variables: tuple[bool, frozenset[Variable]] | None


def _differences(before: Sequence[Form], after: Sequence[Form], known: Catalogue) -> Iterator[_Difference]:
    forms = [*before, *after]
    actions = action_classes(forms, known)
    documented = [arn for one in actions for action in one.examples for arn in action.arns]
    resources = resource_classes(forms, [_documented(arn, _partition(forms)) for arn in dict.fromkeys(documented)])
    callers = caller_classes(forms)
    if len(actions) * len(resources) * len(callers) * len(forms) > _MOST_WORK:
        raise Unclear("the policies name too many things to look at every combination")
    for action in actions:
        for resource in resources:
            for caller in callers:
                held = [
                    _held(*parts) for parts in zip(forms, action.covered, resource.covered, caller.reached, strict=True)
                ]
                first, second = (frozenset(h for h in side if h) for side in (held[: len(before)], held[len(before) :]))
                for facts, is_broader in _told_apart(first, second):
                    yield _Difference(action, resource, caller, facts, is_broader)


def _held(
    form: Form, is_action: bool, on: bool | tuple[bool, frozenset[Variable]], reach: Reach | None
) -> _Held | None:
    if not is_action or on is False or reach is None:
        return None
    return _Held(form.is_deny, reach, form.tests, None if on is True else on)


def _told_apart(
    first: frozenset[_Held], second: frozenset[_Held]
) -> Iterator[tuple[Mapping[Test | Variable, bool], bool]]:
    """Yield facts under which two sets of statements answer differently, once for each direction."""
    if first == second:
        return
    facts = _facts(first | second)
    if len(facts) > _MOST_FACTS:
        raise Unclear(f"{len(facts)} conditions and variables bear on the same request")
    seen: set[bool] = set()
    for values in product((False, True), repeat=len(facts)):
        world = dict(zip(facts, values, strict=True))
        one, other = _answer(first, world), _answer(second, world)
        if one != other and (other > one) not in seen:
            seen.add(other > one)
            yield world, other > one


def _facts(held: frozenset[_Held]) -> list[Test | Variable]:
    tests = {test for one in held for alternatives in one.tests for test in alternatives}
    return [*sorted(tests), *sorted({v for one in held if one.variables for v in one.variables[1]})]


def _answer(held: frozenset[_Held], world: Mapping[Test | Variable, bool]) -> int:
    best = _NOTHING
    for one in held:
        if not all(any(world[test] for test in alternatives) for alternatives in one.tests):
            continue
        if one.variables is not None and one.variables[0] is any(world[v] for v in one.variables[1]):
            continue
        if one.is_deny:
            return _DENIED
        best = max(best, one.reach)
    return best


def _witness(
    before: Json, after: Json, differences: Sequence[_Difference], known: Catalogue, tried: list[int]
) -> Witness | None:
    """Return a request that exists, and that the policies do answer differently in the direction of the differences."""
    for found in differences:
        for request, context in _requests(found, known):
            if tried[0] <= 0:
                return None
            tried[0] -= 1
            one, other = _asked(before, request), _asked(after, request)
            if one is None or other is None:
                continue
            if (other > one) is found.is_broader and _WORDS[one] != _WORDS[other]:
                principal = request.session or request.principal if found.caller.example[1] else ""
                is_attached = found.resources.examples == (ATTACHED,)
                where = ATTACHED if is_attached else request.resource
                return Witness(request.action, where, principal, context, _WORDS[one], _WORDS[other])
    return None


def _requests(found: _Difference, known: Catalogue) -> Iterator[tuple[Request, Mapping[str, tuple[str, ...]]]]:
    contexts = list(_contexts(found.facts))
    for action in found.actions.examples:
        for resource in found.resources.examples:
            if resource != ATTACHED and not _takes(action, resource, known):
                continue
            for context in contexts:
                principal, session = _caller(found.caller.example)
                yield (
                    Request(
                        principal=principal,
                        session=session,
                        action=action.name,
                        resource=resource,
                        context=Context(known=context, complete=("",)),
                    ),
                    context,
                )


def _caller(caller: Caller) -> tuple[str, str]:
    name = caller[1]
    if ":assumed-role/" not in name:
        return name or "arn:aws:iam::123456789012:role/holder", ""
    partition, account, role = name.split(":")[1], name.split(":")[4], name.split("/")[1]
    return f"arn:{partition}:iam::{account}:role/{role}", name


def _takes(action: Action, resource: str, known: Catalogue) -> bool:
    """Whether a request for an action can be about a resource; for unknown actions, whether both are of one service."""
    documented = known.get(action.name)
    if documented is None:
        return resource.split(":")[2:3] == [action.name.partition(":")[0].lower()]
    if not documented.arns:
        return resource == "*"
    return any(matches(arn, resource) for arn in documented.arns)


def _asked(document: Json, request: Request) -> int | None:
    """Return how a policy answers; None when something decides that the request does not tell."""
    best = _NOTHING
    for statement in statements(document):
        found = match(statement, request, is_attached=True)
        if found.answer.value is None:
            return None
        if found.answer.value:
            if is_deny(statement):
                return _DENIED
            best = max(best, found.reach)
    return best


def _contexts(facts: Mapping[Test | Variable, bool]) -> Iterator[dict[str, tuple[str, ...]]]:
    """Yield sets of condition keys with which the facts may be as they are: none, all together, each by itself."""
    yield {}
    found: dict[str, tuple[str, ...]] = {}
    for fact, holds in facts.items():
        if isinstance(fact, Test):
            # The value that a negated test names is what makes it false.
            if holds is ("not" not in fact.operator) and fact.operator != "null" and fact.values:
                found[fact.key] = (_example(fact),)
                found.update(_given(fact.values[0], found))
            elif fact.operator == "null" and holds is (fact.values == ("false",)):
                found.setdefault(fact.key, ("x",))
        elif holds:
            found.update(_given(fact[1], found))
    if found:
        yield found
        yield from ({key: values} for key, values in found.items() if len(found) > 1)


def _given(pattern: str, held: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return a value for each variable of a pattern that has none yet."""
    names = (part.partition("}")[0].partition(",")[0].strip() for part in pattern.split("${")[1:])
    return {name: ("x",) for name in names if name not in held}


def _example(test: Test) -> str:
    value = VARIABLE.sub("x", test.values[0])
    if test.operator == "ipaddress":
        return str(ipaddress.ip_network(value, strict=False)[0]) if "/" in value else value
    if test.operator.endswith(("lessthan", "greaterthan")) and value.lstrip("-").replace(".", "", 1).isdigit():
        return str(float(value) + (-1 if test.operator.endswith("lessthan") else 1))
    return value.replace("*", "x").replace("?", "x") if test.operator.endswith("like") else value


def _documented(arn: str, partition: str) -> str:
    parts = [partition, "", "us-east-1", "123456789012"]
    held = arn.split(":", 5)
    filled = [parts[n - 1] if n in (1, 3, 4) and part == "*" else part for n, part in enumerate(held)]
    return ":".join(filled).replace("*", "x")


def _partition(forms: Sequence[Form]) -> str:
    named = [p.split(":")[1] for form in forms if form.resources for p in form.resources.patterns if p.count(":") > 4]
    return next((name for name in named if name and "*" not in name), "aws")


def _direction(ways: set[bool], several: Direction) -> Direction:
    if len(ways) > 1:
        return several
    return Direction.BROADER if True in ways else Direction.NARROWER


def _why(differences: Sequence[_Difference], known: Catalogue) -> str:
    if not any(d.actions.examples for d in differences):
        what = (
            "what is known of AWS has no such action" if known.name else "the extra `aws`, which knows them, is absent"
        )
        return f"they differ in actions that only a wildcard covers, and {what}"
    return "they differ only where no request was found that would be answered differently"
