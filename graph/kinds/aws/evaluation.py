"""May this principal do this action on this resource? Asks all policies in the order of AWS.

An explicit deny anywhere decides. Then every guardrail (organisation, endpoint, boundary, session) must allow, and the
permission itself must come from the resource's own policy, a grant, or the identity's policies.
Logic: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
across accounts: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
keys: https://docs.aws.amazon.com/kms/latest/developerguide/determining-access.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from graph.document import Object
from graph.kinds.aws.canonical import statements
from graph.kinds.aws.kms import ENABLED, granted, is_usable
from graph.kinds.aws.logic import NO, YES, Answer, any_of, unknown
from graph.kinds.aws.permission import Decision
from graph.kinds.aws.principal import Reach
from graph.kinds.aws.request import Request
from graph.kinds.aws.statement import is_allow, is_deny, match
from graph.kinds.lenient import text


class Layer(StrEnum):
    """Who has a say."""

    KEY_STATE = "key state"
    RESOURCE_CONTROL = "resource control policy"
    SERVICE_CONTROL = "service control policy"
    ENDPOINT = "VPC endpoint policy"
    RESOURCE = "resource policy"
    GRANT = "grant"
    IDENTITY = "identity policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy document under the name by which people know it."""

    name: str
    document: Object | None
    """None: it is known to exist, but not what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Every document that has a say in one request."""

    identity: Sequence[Policy] = ()
    """Inline and attached policies, default versions."""
    resource: Policy | None = None
    """The resource's own policy; None when it has none."""
    resource_account: str = ""
    """Account of the resource; empty: that of the caller."""
    grants: Sequence[Object] = ()
    """KMS grants on the resource."""
    key_state: str = ENABLED
    """For KMS keys."""
    boundary: Policy | None = None
    session: Sequence[Policy] = ()
    service_control: Sequence[Sequence[Policy]] = ()
    """Of the caller's account: one entry for each level from the root of the organisation down; each must allow."""
    resource_control: Sequence[Sequence[Policy]] = ()
    """The same, of the resource's account."""
    endpoint: Policy | None = None
    """Of the VPC endpoint that the request passes; None when it passes none or the endpoint has no policy."""


class Outcome(NamedTuple):
    """Answer to one request."""

    decision: Decision
    layer: Layer | None
    """What decided: the layer that denies or does not allow, or the one that gives the permission."""
    policy: str = ""
    """Name of the document that decided, where one did."""
    statement: Object | None = None
    """The statement that decided, where one did."""
    unknown: frozenset[str] = frozenset()
    """Condition keys and documents that the answer depends on and that are not known."""


def evaluate(policies: Policies, request: Request) -> Outcome:
    """Say whether a request is allowed.

    Returns:
        UNKNOWN when it depends on a key or document that is not known; `Outcome.unknown` names it.
    """
    if not is_usable(policies.key_state, request.action):
        return Outcome(Decision.DENIED, Layer.KEY_STATE, policies.key_state)
    denied = _denied(policies, request)
    if denied is not None and denied.decision is Decision.DENIED:
        return denied
    guards = [o for o in _guardrails(policies, request) if o is not None]
    refused = next((o for o in guards if o.decision is Decision.DENIED), None)
    allowed = _allowed(policies, request)
    for found in (refused, allowed):
        if found is not None and found.decision is Decision.DENIED:
            return found
    unsure = [o for o in (denied, *guards, allowed) if o is not None and o.decision is Decision.UNKNOWN]
    if unsure:
        return unsure[0]._replace(unknown=frozenset().union(*(o.unknown for o in unsure)))
    return allowed


def _everything(policies: Policies) -> Iterator[tuple[Layer, Policy]]:
    for layer, levels in (
        (Layer.RESOURCE_CONTROL, policies.resource_control),
        (Layer.SERVICE_CONTROL, policies.service_control),
    ):
        yield from ((layer, policy) for level in levels for policy in level)
    if policies.endpoint is not None:
        yield Layer.ENDPOINT, policies.endpoint
    if policies.resource is not None:
        yield Layer.RESOURCE, policies.resource
    yield from ((Layer.IDENTITY, policy) for policy in policies.identity)
    if policies.boundary is not None:
        yield Layer.BOUNDARY, policies.boundary
    yield from ((Layer.SESSION, policy) for policy in policies.session)


def _denied(policies: Policies, request: Request) -> Outcome | None:
    """The first explicit deny, else one that may apply."""
    maybe: Outcome | None = None
    for layer, policy in _everything(policies):
        for statement, answer, _ in _matches(policy, request, layer):
            if not is_deny(statement) or answer.value is False:
                continue
            decision = Decision.DENIED if answer.value else Decision.UNKNOWN
            found = Outcome(decision, layer, policy.name, statement, answer.unknown)
            if answer.value:
                return found
            maybe = maybe or found
    return maybe


def _guardrails(policies: Policies, request: Request) -> Iterator[Outcome | None]:
    """What limits a permission without giving one; organisations ask at every level."""
    for level in policies.resource_control:
        yield _must_allow(Layer.RESOURCE_CONTROL, level, request)
    for level in policies.service_control:
        yield _must_allow(Layer.SERVICE_CONTROL, level, request)
    if policies.endpoint is not None:
        yield _must_allow(Layer.ENDPOINT, [policies.endpoint], request)


def _must_allow(layer: Layer, level: Sequence[Policy], request: Request) -> Outcome | None:
    answer, policy, statement = _given(level, request, layer)
    if answer.value:
        return None
    names = ", ".join(p.name for p in level)
    if answer.value is None:
        return Outcome(Decision.UNKNOWN, layer, policy or names, statement, answer.unknown)
    return Outcome(Decision.DENIED, layer, names)


def _allowed(policies: Policies, request: Request) -> Outcome:
    """Where the permission comes from, and what limits that source."""
    own = _own(policies, request)
    identity = _source(Layer.IDENTITY, policies.identity, request)
    boundary = _limit(Layer.BOUNDARY, [policies.boundary] if policies.boundary is not None else [], request)
    session = _limit(Layer.SESSION, policies.session, request)
    is_foreign = bool(policies.resource_account) and policies.resource_account != request.account
    by_identity = _both([identity, own.delegation if own.is_needed else identity, boundary, session])
    if is_foreign:
        return _both([identity, own.delegation, boundary, session])
    # What names the session itself is not limited by boundary and session policies; what names the role is.
    direct = own.direct if own.reach is Reach.SESSION else _both([own.direct, boundary, session])
    is_named = own.direct.decision is not Decision.DENIED
    return _either([by_identity, direct] if is_named else [direct, by_identity])


class _Own(NamedTuple):
    """What the resource itself says."""

    direct: Outcome
    """It gives the permission to the caller by itself."""
    delegation: Outcome
    """It lets the policies of the caller's account decide, or gives the permission itself."""
    reach: Reach
    is_needed: bool
    """Without it no identity policy counts."""


def _own(policies: Policies, request: Request) -> _Own:
    resource = policies.resource
    direct: list[Outcome] = []
    delegates: list[Outcome] = []
    reach = Reach.ROLE
    for statement, answer, how in _matches(resource, request, Layer.RESOURCE) if resource else ():
        if not is_allow(statement) or answer.value is False or resource is None:
            continue
        decision = Decision.ALLOWED if answer.value else Decision.UNKNOWN
        found = Outcome(decision, Layer.RESOURCE, resource.name, statement, answer.unknown)
        (delegates if how is Reach.ACCOUNT else direct).append(found)
        if how is Reach.SESSION and answer.value:
            reach = how
    grant = granted(policies.grants, request)
    if grant.value is not False:
        decision = Decision.ALLOWED if grant.value else Decision.UNKNOWN
        direct.append(Outcome(decision, Layer.GRANT, "", None, grant.unknown))
    nothing = Outcome(Decision.DENIED, Layer.RESOURCE, resource.name if resource else "")
    if resource is not None and resource.document is None:
        nothing = Outcome(Decision.UNKNOWN, Layer.RESOURCE, resource.name, None, frozenset({resource.name}))
    return _Own(
        direct=_either([*direct, nothing]),
        delegation=_either([*direct, *delegates, nothing]),
        reach=reach,
        is_needed=request.action.lower().startswith(("kms:", "sts:assumerole")),
    )


def _source(layer: Layer, documents: Sequence[Policy], request: Request) -> Outcome:
    answer, policy, statement = _given(documents, request, layer)
    decision = {True: Decision.ALLOWED, False: Decision.DENIED, None: Decision.UNKNOWN}[answer.value]
    return Outcome(decision, layer, policy, statement, answer.unknown)


def _limit(layer: Layer, documents: Sequence[Policy], request: Request) -> Outcome:
    if not documents:
        return Outcome(Decision.ALLOWED, None)
    found = _source(layer, documents, request)
    return found if found.policy else found._replace(policy=", ".join(p.name for p in documents))


def _both(outcomes: Sequence[Outcome]) -> Outcome:
    """All must allow, and the first is where the permission comes from; the first that does not decides."""
    for wanted in (Decision.DENIED, Decision.UNKNOWN):
        for outcome in outcomes:
            if outcome.decision is wanted:
                return outcome
    return outcomes[0]


def _either(outcomes: Sequence[Outcome]) -> Outcome:
    """One is enough; when none allows, the last one says what is missing."""
    for wanted in (Decision.ALLOWED, Decision.UNKNOWN):
        for outcome in outcomes:
            if outcome.decision is wanted:
                return outcome
    return outcomes[-1]


def _given(documents: Iterable[Policy], request: Request, layer: Layer) -> tuple[Answer, str, Object | None]:
    """Say whether one of some documents allows, and which statement of which."""
    best: tuple[Answer, str, Object | None] = (NO, "", None)
    answers = []
    for policy in documents:
        for statement, answer, _ in _matches(policy, request, layer):
            if not is_allow(statement):
                continue
            if answer.value:
                return YES, policy.name, statement
            answers.append(answer)
            if answer.value is None and best[0].value is False:
                best = (answer, policy.name, statement)
        if policy.document is None:
            answers.append(unknown(policy.name))
            best = best if best[0].value is None else (unknown(policy.name), policy.name, None)
    return any_of(answers), best[1], best[2]


def _matches(policy: Policy, request: Request, layer: Layer) -> Iterator[tuple[Object, Answer, Reach]]:
    if policy.document is None:
        return
    asked = request
    if text(policy.document, "Version") != "2012-10-17":
        asked = replace(request, has_variables=False)
    for statement in statements(policy.document):
        found = match(statement, asked, is_attached=layer is Layer.RESOURCE)
        yield statement, found.answer, found.reach
