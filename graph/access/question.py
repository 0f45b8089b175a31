"""One question about access, asked of one state: may this service do this on that resource?

Follows the way a request goes: the service, the role it becomes, the key behind the alias, and every policy that has a
say. Where the way ends early (no role, a role that may not be taken, an alias that names nothing), that is the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from graph.access.fact import Fact, FactKind, State, key_id, last_part
from graph.document import ABSENT, Json, Object
from graph.kinds.aws.canonical import principals_of, statements
from graph.kinds.aws.evaluation import Layer, Outcome, Policies, Policy, evaluate
from graph.kinds.aws.kms import ENABLED
from graph.kinds.aws.permission import Decision
from graph.kinds.aws.request import Context, Request, account_of
from graph.resource import Platform, Resource

FULL_ACCESS = "p-FullAWSAccess"
"""The policy that AWS attaches everywhere in an organisation; it counts as attached unless it is known to be gone."""
_FULL: Object = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_SERVICES = {"aws_ecs_service": "ecs-tasks.amazonaws.com", "aws_lambda_function": "lambda.amazonaws.com"}
_POD_IDENTITY = "pods.eks.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who wants to do what on which resource."""

    service: Resource
    """Workload, ECS service, function or role."""
    action: str
    """e.g. `kms:Decrypt`"""
    target: str
    """ARN or id of a key, or name of an alias; ARN of any other resource."""
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Condition keys that are known of the request, such as its encryption context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Answer to a question in one state."""

    decision: Decision
    stage: str
    """What decided, in words: a layer of policies, or a step of the way before it."""
    detail: str = ""
    """Name of the document or thing that decided."""
    statement: Object | None = None
    unknown: frozenset[str] = frozenset()
    role: str = ""
    """Name of the role; empty when the service has none."""
    key: str = ""
    """Id of the key; empty for other resources."""


def ask(question: Question, state: State) -> Standing:
    """Answer a question in a state."""
    role, refused = _role(question, state)
    if refused is not None:
        return refused
    key, refused = _key(question, state)
    if refused is not None:
        return refused
    arn = str(_value(state, Fact(FactKind.ROLE, role)) or "")
    resource = str(_value(state, Fact(FactKind.KEY, key)) or "") if key else question.target
    if not arn:
        return Standing(decision=Decision.DENIED, stage="role", detail=f"the role {role} does not exist", role=role)
    endpoint = _endpoint(question, state)
    context = _context(question, state, role=role, arn=arn, key=key, resource=resource, endpoint=endpoint)
    request = Request(principal=arn, action=question.action, resource=resource, context=context)
    policies = Policies(
        identity=tuple(_identity(state, role)),
        resource=_resource_policy(state, key),
        resource_account=account_of(resource),
        grants=tuple(_grants(state, key)),
        key_state=_key_state(state, key),
        boundary=_boundary(state, role),
        service_control=tuple(_levels(state, account_of(arn), "SERVICE_CONTROL_POLICY")),
        resource_control=tuple(_levels(state, account_of(resource), "RESOURCE_CONTROL_POLICY")),
        endpoint=_endpoint_policy(state, endpoint),
    )
    return _standing(evaluate(policies, request), role, key)


def _standing(outcome: Outcome, role: str, key: str) -> Standing:
    return Standing(
        decision=outcome.decision,
        stage=outcome.layer.value if outcome.layer else "policies",
        detail=outcome.policy,
        statement=outcome.statement,
        unknown=outcome.unknown,
        role=role,
        key=key,
    )


def _value(state: State, fact: Fact) -> Json:
    """Return the value of a fact, or None when it does not hold."""
    found = state.get(fact, ABSENT)
    return None if found is ABSENT else found


def _holding(state: State, kind: FactKind, subject: str | None = None) -> Iterator[tuple[Fact, Json]]:
    for fact, value in state.items():
        if fact.kind is kind and value is not ABSENT and (subject is None or fact.subject == subject):
            yield fact, value


def _role(question: Question, state: State) -> tuple[str, Standing | None]:
    """Find the role that the service becomes, and whether it may."""
    service = question.service
    if service.kind == "aws_iam_role":
        return service.name if Fact(FactKind.ROLE, service.name) in state else _named_role(service), None
    if service.platform is Platform.KUBERNETES:
        return _of_workload(service, state)
    if service.kind == "aws_ecs_service":
        task = _value(state, Fact(FactKind.TASK, _own_name(service, state, FactKind.TASK)))
        arn = _value(state, Fact(FactKind.TASK_ROLE, str(task)))
        missing = f"its task definition {task} names no role"
    else:
        arn = _value(state, Fact(FactKind.FUNCTION_ROLE, _own_name(service, state, FactKind.FUNCTION_ROLE)))
        missing = "it has no role"
    if not arn:
        return "", Standing(decision=Decision.DENIED, stage="role", detail=missing)
    caller = Request(
        principal=_SERVICES.get(service.kind, "ec2.amazonaws.com"),
        action="sts:AssumeRole",
        resource=str(arn),
        context=Context(known={"aws:SourceAccount": (account_of(str(arn)),)}),
    )
    return _taken(last_part(str(arn)), [caller], state)


def _named_role(service: Resource) -> str:
    return next((last_part(a) for a in service.aliases if ":role/" in a), service.name)


def _own_name(service: Resource, state: State, kind: FactKind) -> str:
    """The name under which facts know a service: one of those it goes by."""
    known = {fact.subject for fact, _ in _holding(state, kind)}
    return next((name for name in (*service.aliases, service.name) if name in known), service.name)


def _of_workload(service: Resource, state: State) -> tuple[str, Standing | None]:
    account = str(_value(state, Fact(FactKind.RUNS_AS, service.uid)) or "default")
    cluster = service.uid.split("/")[2]
    uid = f"k8s://{cluster}/core/ServiceAccount/{service.namespace}/{account}"
    place = f"{service.namespace}/{account}"
    annotated = _value(state, Fact(FactKind.ANNOTATED_ROLE, uid))
    subject = f"system:serviceaccount:{service.namespace}:{account}"
    if annotated:
        # The web identity of an annotation comes before Pod Identity in the order in which SDKs look for credentials.
        role = last_part(str(annotated))
        return _taken(role, list(_web_identities(role, subject, str(annotated), state)), state)
    for association, of in _holding(state, FactKind.POD_IDENTITY_OF):
        arn = _value(state, Fact(FactKind.POD_IDENTITY, association.subject))
        if of == place and arn:
            known = {
                "aws:SourceAccount": (account_of(str(arn)),),
                "aws:RequestTag/kubernetes-namespace": (str(service.namespace),),
                "aws:RequestTag/kubernetes-service-account": (account,),
            }
            callers = [
                Request(principal=_POD_IDENTITY, action=a, resource=str(arn), context=Context(known=known))
                for a in ("sts:AssumeRole", "sts:TagSession")
            ]
            return _taken(last_part(str(arn)), callers, state)
    detail = f"the ServiceAccount {place} has no role"
    return "", Standing(decision=Decision.DENIED, stage="role", detail=detail)


def _web_identities(role: str, subject: str, arn: str, state: State) -> Iterator[Request]:
    """The token of a ServiceAccount as the trust policy may know it: by each provider that it names."""
    trust = _value(state, Fact(FactKind.TRUST, role))
    names = {name for s in statements(trust) for name in principals_of(s) if ":oidc-provider/" in name}
    for provider in sorted(names) or [f"arn:aws:iam::{account_of(arn)}:oidc-provider/unknown"]:
        issuer = provider.partition(":oidc-provider/")[2]
        known = {f"{issuer}:sub": (subject,), f"{issuer}:aud": ("sts.amazonaws.com",)}
        yield Request(
            principal=provider,
            action="sts:AssumeRoleWithWebIdentity",
            resource=arn,
            context=Context(known=known),
        )


def _taken(role: str, callers: Sequence[Request], state: State) -> tuple[str, Standing | None]:
    """Whether the trust policy of a role lets one of the callers take it; all actions of Pod Identity are needed."""
    fact = Fact(FactKind.TRUST, role)
    if Fact(FactKind.ROLE, role) in state and _value(state, Fact(FactKind.ROLE, role)) is None:
        detail = f"the role {role} does not exist"
        return role, Standing(decision=Decision.DENIED, stage="role", detail=detail, role=role)
    if fact not in state:
        missing = f"trust policy of {role}"
        return role, Standing(
            decision=Decision.UNKNOWN, stage="trust policy", detail=role, unknown=frozenset({missing}), role=role
        )
    trust = _value(state, fact)
    policy = Policy(name=f"trust policy of {role}", document=trust if isinstance(trust, dict) else None)
    found = [evaluate(Policies(resource=policy), caller) for caller in callers]
    needs_all = any(c.principal == _POD_IDENTITY for c in callers)
    order = {Decision.DENIED: 0, Decision.UNKNOWN: 1, Decision.ALLOWED: 2}
    pick = min if needs_all else max
    worst = pick(found, key=lambda o: order[o.decision])
    if worst.decision is Decision.ALLOWED:
        return role, None
    return role, _standing(worst._replace(policy=policy.name), role, "").__class__(
        decision=worst.decision,
        stage="trust policy",
        detail=policy.name,
        statement=worst.statement,
        unknown=worst.unknown,
        role=role,
    )


def _key(question: Question, state: State) -> tuple[str, Standing | None]:
    """Find the key that the question is about, through an alias where it names one."""
    target = question.target
    alias = target.rpartition(":")[2] if ":alias/" in target else target
    if alias.startswith("alias/"):
        key = _value(state, Fact(FactKind.ALIAS, alias))
        if not key:
            decision = Decision.DENIED if Fact(FactKind.ALIAS, alias) in state else Decision.UNKNOWN
            unread = frozenset() if decision is Decision.DENIED else frozenset({alias})
            detail = f"{alias} names no key"
            return "", Standing(decision=decision, stage="alias", detail=detail, unknown=unread)
        return str(key), None
    if question.action.lower().startswith("kms:") and target != "*":
        return key_id(target), None
    return "", None


def _identity(state: State, role: str) -> Iterator[Policy]:
    for fact, document in _holding(state, FactKind.INLINE, role):
        yield Policy(name=f"inline policy {fact.member}", document=document)
    for fact, _ in _holding(state, FactKind.ATTACHED, role):
        yield Policy(name=f"policy {fact.member}", document=_value(state, Fact(FactKind.POLICY, fact.member)))


def _boundary(state: State, role: str) -> Policy | None:
    arn = _value(state, Fact(FactKind.BOUNDARY, role))
    if not arn:
        return None
    return Policy(name=f"boundary {arn}", document=_value(state, Fact(FactKind.POLICY, str(arn))))


def _resource_policy(state: State, key: str) -> Policy | None:
    if not key:
        return None
    return Policy(name=f"key policy of {key}", document=_value(state, Fact(FactKind.KEY_POLICY, key)))


def _grants(state: State, key: str) -> Iterator[Object]:
    for _, grant in _holding(state, FactKind.GRANT, key):
        if isinstance(grant, dict):
            yield grant


def _key_state(state: State, key: str) -> str:
    found = state.get(Fact(FactKind.KEY_STATE, key))
    if found is ABSENT:
        return "gone"
    return found if isinstance(found, str) else ENABLED


def _levels(state: State, account: str, kind: str) -> Iterator[Sequence[Policy]]:
    """Policies of the organisation from an account up to the root: each level that anything is known of."""
    targets = [account]
    while parent := _value(state, Fact(FactKind.ORGANISATION_PARENT, targets[-1])):
        if parent in targets:
            break
        targets.append(str(parent))
    known = {fact.member for fact in state if fact.kind is FactKind.ORGANISATION_TARGET}
    # The root of the organisation is above every account, whether or not the way to it is known.
    targets += sorted(t for t in known if t.startswith("r-") and t not in targets)
    for target in targets:
        attached = [
            Policy(name=f"{fact.subject}", document=_value(state, Fact(FactKind.ORGANISATION_POLICY, fact.subject)))
            for fact, _ in _holding(state, FactKind.ORGANISATION_TARGET)
            if fact.member == target
            and fact.subject != FULL_ACCESS
            and _value(state, Fact(FactKind.ORGANISATION_TYPE, fact.subject)) in (kind, None)
        ]
        if state.get(Fact(FactKind.ORGANISATION_TARGET, FULL_ACCESS, target)) is not ABSENT:
            attached.append(Policy(name=FULL_ACCESS, document=_FULL))
        if attached:
            yield attached


def _endpoint(question: Question, state: State) -> tuple[str, str]:
    """Return (endpoint, network) that the request passes; empty where none is known, or which one is not."""
    service = question.action.partition(":")[0].lower()
    found = {
        fact.subject: str(value.get("vpc", ""))
        for fact, value in _holding(state, FactKind.ENDPOINT)
        if isinstance(value, dict) and str(value.get("service", "")).rpartition(".")[2] == service
    }
    networks = {str(v) for f, v in _holding(state, FactKind.NETWORK, question.service.uid)}
    if not networks and question.service.platform is Platform.KUBERNETES:
        networks = {str(v) for f, v in _holding(state, FactKind.NETWORK) if "aws_eks_cluster" in f.subject}
    networks = networks or set(found.values())
    if question.service.kind == "aws_lambda_function" and Fact(FactKind.NETWORK, question.service.uid) not in state:
        return "", ""
    mine = sorted(name for name, vpc in found.items() if vpc in networks)
    return (mine[0], found[mine[0]]) if len(mine) == 1 and len(networks) == 1 else ("", "")


def _endpoint_policy(state: State, endpoint: tuple[str, str]) -> Policy | None:
    fact = Fact(FactKind.ENDPOINT_POLICY, endpoint[0])
    if not endpoint[0] or state.get(fact, ABSENT) is ABSENT:
        return None
    return Policy(name=f"policy of {endpoint[0]}", document=_value(state, fact))


def _context(
    question: Question, state: State, *, role: str, arn: str, key: str, resource: str, endpoint: tuple[str, str]
) -> Context:
    """What is known of the request without seeing it."""
    account, owner = account_of(arn), account_of(resource)
    aliases = tuple(f.subject for f, value in _holding(state, FactKind.ALIAS) if value == key)
    asked = question.target.rpartition(":")[2] if "alias/" in question.target else ""
    known: dict[str, tuple[str, ...]] = {
        "aws:PrincipalArn": (arn,),
        "aws:PrincipalAccount": (account,),
        "aws:PrincipalType": ("AssumedRole",),
        "aws:PrincipalIsAWSService": ("false",),
        "aws:ViaAWSService": ("false",),
        "aws:CalledVia": (),
        "aws:CalledViaFirst": (),
        "aws:CalledViaLast": (),
        "aws:SecureTransport": ("true",),
        "aws:MultiFactorAuthPresent": (),
        "aws:ResourceAccount": (owner,) if owner else (),
        "aws:RequestedRegion": (resource.split(":")[3],) if resource.count(":") > 3 else (),
        "kms:CallerAccount": (account,),
        "kms:ViaService": (),
        "kms:ResourceAliases": aliases,
        "kms:RequestAlias": (asked,) if asked else (),
        **{f"aws:PrincipalTag/{f.member}": (str(v),) for f, v in _holding(state, FactKind.ROLE_TAG, role)},
        **{f"aws:ResourceTag/{f.member}": (str(v),) for f, v in _holding(state, FactKind.KEY_TAG, key)},
    }
    if endpoint[0]:
        known |= {"aws:SourceVpce": (endpoint[0],), "aws:SourceVpc": (endpoint[1],), "aws:SourceIp": ()}
    # Session tags of a federated login would add to a role's tags, but none can be on a session that was made without.
    return Context(known={**known, **question.context}, complete=("aws:PrincipalTag/", "aws:ResourceTag/"))


__all__ = ["Layer", "Question", "Standing", "ask"]
