"""Whether a principal may do something, policy by policy, as AWS documents it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graph.document import Object
from graph.kinds.aws.evaluation import Layer, Policies, Policy, evaluate
from graph.kinds.aws.permission import Decision
from graph.kinds.aws.request import Context, Request

ACCOUNT, OTHER = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/pod-1"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/k1"
FOREIGN = f"arn:aws:kms:eu-west-1:{OTHER}:key/k2"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
YES, NO, OPEN = Decision.ALLOWED, Decision.DENIED, Decision.UNKNOWN


def statement(effect: str = "Allow", **more: Any) -> Object:
    base: Object = {"Effect": effect, "Action": "kms:Decrypt", "Resource": KEY}
    for name in ("Action", "Resource"):
        if f"Not{name}" in more:
            del base[name]
    return {**base, **more}


def doc(*statements: Object, version: str = "2012-10-17") -> Policy:
    return Policy(name="p", document={"Version": version, "Statement": list(statements)})


def allow(**more: Any) -> Policy:
    return doc(statement(**more))


def deny(**more: Any) -> Policy:
    return doc(statement("Deny", **more))


def own(**more: Any) -> Policy:
    return doc(statement(**{"Resource": "*", **more}))


DELEGATES = own(Principal={"AWS": ROOT}, Action="kms:*")
FULL = doc(statement(Action="*", Resource="*"))


def request(action: str = "kms:Decrypt", resource: str = KEY, *, session: str = "", **known: Any) -> Request:
    values = {name.replace("__", ":").replace("_S_", "/"): value for name, value in known.items()}
    return Request(principal=ROLE, action=action, resource=resource, session=session, context=Context(known=values))


def policies(*identity: Policy, resource: Policy | None = DELEGATES, **more: Any) -> Policies:
    return Policies(identity=identity, resource=resource, resource_account=more.pop("owner", ACCOUNT), **more)


GRANT: Object = {"grantee_principal": ROLE, "operations": ["Decrypt"]}
SUBSET: Object = {**GRANT, "constraints": [{"encryption_context_subset": {"tenant": "a"}}]}
EXACT: Object = {**GRANT, "constraints": [{"encryption_context_equals": {"tenant": "a"}}]}
S3 = "arn:aws:s3:::logs/x"

LAYERS: dict[str, tuple[Policies, Decision, Layer | None]] = {
    "nothing allows": (policies(), NO, Layer.IDENTITY),
    "identity, root delegates": (policies(allow()), YES, Layer.IDENTITY),
    "identity, key policy silent": (policies(allow(), resource=doc()), NO, Layer.RESOURCE),
    "identity, key policy unread": (policies(allow(), resource=Policy(name="k", document=None)), OPEN, Layer.RESOURCE),
    "delegation by account id": (policies(allow(), resource=own(Principal={"AWS": ACCOUNT})), YES, Layer.IDENTITY),
    "delegates another action": (
        policies(allow(), resource=own(Principal={"AWS": ROOT}, Action="kms:Encrypt")),
        NO,
        Layer.RESOURCE,
    ),
    "delegates to another account": (
        policies(allow(), resource=own(Principal={"AWS": f"arn:aws:iam::{OTHER}:root"})),
        NO,
        Layer.RESOURCE,
    ),
    "key policy names the role": (policies(resource=own(Principal={"AWS": ROLE})), YES, Layer.RESOURCE),
    "key policy names another role": (policies(resource=own(Principal={"AWS": ROLE + "2"})), NO, Layer.IDENTITY),
    "key policy names everybody": (policies(resource=own(Principal="*")), YES, Layer.RESOURCE),
    "key policy names everybody, typed": (policies(resource=own(Principal={"AWS": "*"})), YES, Layer.RESOURCE),
    "key policy names a deleted role": (
        policies(resource=own(Principal={"AWS": "AROAEXAMPLEEXAMPLE123"})),
        NO,
        Layer.IDENTITY,
    ),
    "key policy names a service": (
        policies(resource=own(Principal={"Service": "s3.amazonaws.com"})),
        NO,
        Layer.IDENTITY,
    ),
    "identity denies": (policies(allow(), deny()), NO, Layer.IDENTITY),
    "key policy denies": (
        policies(allow(), resource=doc(statement("Deny", Principal="*"), *[statement(Principal={"AWS": ROOT})])),
        NO,
        Layer.RESOURCE,
    ),
    "key policy denies others": (
        policies(
            allow(), resource=doc(statement("Deny", NotPrincipal={"AWS": ROLE}), statement(Principal={"AWS": ROOT}))
        ),
        YES,
        Layer.IDENTITY,
    ),
    "key policy denies all but another": (
        policies(
            allow(),
            resource=doc(statement("Deny", NotPrincipal={"AWS": ROLE + "2"}), statement(Principal={"AWS": ROOT})),
        ),
        NO,
        Layer.RESOURCE,
    ),
    "grant": (policies(resource=doc(), grants=[GRANT]), YES, Layer.GRANT),
    "grant to another": (policies(grants=[{**GRANT, "grantee_principal": ROLE + "2"}]), NO, Layer.IDENTITY),
    "grant of another operation": (policies(grants=[{**GRANT, "operations": ["Encrypt"]}]), NO, Layer.IDENTITY),
    "grant, context not known": (policies(grants=[SUBSET]), OPEN, Layer.GRANT),
    "grant, but denied": (policies(deny(), grants=[GRANT]), NO, Layer.IDENTITY),
    "boundary allows": (policies(allow(), boundary=FULL), YES, Layer.IDENTITY),
    "boundary silent": (policies(allow(), boundary=allow(Action="s3:*")), NO, Layer.BOUNDARY),
    "boundary denies": (policies(allow(), boundary=doc(statement("Deny"), statement(Action="*"))), NO, Layer.BOUNDARY),
    "boundary alone gives nothing": (policies(boundary=FULL), NO, Layer.IDENTITY),
    "boundary unread": (policies(allow(), boundary=Policy(name="b", document=None)), OPEN, Layer.BOUNDARY),
    "boundary limits a named role": (
        policies(resource=own(Principal={"AWS": ROLE}), boundary=allow(Action="s3:*")),
        NO,
        Layer.BOUNDARY,
    ),
    "session allows": (policies(allow(), session=[FULL]), YES, Layer.IDENTITY),
    "session silent": (policies(allow(), session=[allow(Action="s3:*")]), NO, Layer.SESSION),
    "SCP allows": (policies(allow(), service_control=[[FULL]]), YES, Layer.IDENTITY),
    "SCP silent": (policies(allow(), service_control=[[allow(Action="s3:*")]]), NO, Layer.SERVICE_CONTROL),
    "SCP silent at one level": (
        policies(allow(), service_control=[[FULL], [allow(Action="s3:*")]]),
        NO,
        Layer.SERVICE_CONTROL,
    ),
    "SCP denies beside full access": (
        policies(allow(), service_control=[[FULL, deny()]]),
        NO,
        Layer.SERVICE_CONTROL,
    ),
    "SCP gives nothing": (policies(service_control=[[FULL]]), NO, Layer.IDENTITY),
    "SCP limits a named role": (
        policies(resource=own(Principal={"AWS": ROLE}), service_control=[[allow(Action="s3:*")]]),
        NO,
        Layer.SERVICE_CONTROL,
    ),
    "SCP unread": (
        policies(allow(), service_control=[[Policy(name="s", document=None)]]),
        OPEN,
        Layer.SERVICE_CONTROL,
    ),
    "RCP denies": (
        policies(allow(), resource_control=[[FULL, deny(Principal="*")]]),
        NO,
        Layer.RESOURCE_CONTROL,
    ),
    "endpoint silent": (policies(allow(), endpoint=allow(Action="s3:*")), NO, Layer.ENDPOINT),
    "endpoint allows": (policies(allow(), endpoint=allow(Principal="*")), YES, Layer.IDENTITY),
    "endpoint for another principal": (
        policies(allow(), endpoint=allow(Principal={"AWS": ROLE + "2"})),
        NO,
        Layer.ENDPOINT,
    ),
    "key disabled": (policies(allow(), key_state="Disabled"), NO, Layer.KEY_STATE),
    "key pending deletion": (policies(allow(), key_state="PendingDeletion"), NO, Layer.KEY_STATE),
}


@pytest.mark.parametrize(("given", "decision", "layer"), LAYERS.values(), ids=LAYERS)
def test_layers(given: Policies, decision: Decision, layer: Layer | None) -> None:
    """Explicit denies win, guardrails must allow, and the permission must come from somewhere."""
    found = evaluate(given, request())
    assert (found.decision, found.layer) == (decision, layer)


ACROSS = {
    "both sides": (allow(Resource=FOREIGN), own(Principal={"AWS": ROOT}), YES),
    "key names the role, identity silent": (allow(Resource=KEY), own(Principal={"AWS": ROLE}), NO),
    "identity allows, key silent": (allow(Resource=FOREIGN), doc(), NO),
    "key delegates to its own account only": (
        allow(Resource=FOREIGN),
        own(Principal={"AWS": f"arn:aws:iam::{OTHER}:root"}),
        NO,
    ),
}


@pytest.mark.parametrize(("identity", "resource", "decision"), ACROSS.values(), ids=ACROSS)
def test_across_accounts_both_sides_must_allow(identity: Policy, resource: Policy, decision: Decision) -> None:
    """A key of another account needs its own policy and the caller's."""
    given = policies(identity, resource=resource, owner=OTHER)
    assert evaluate(given, request(resource=FOREIGN)).decision is decision


def test_other_services_take_either_side() -> None:
    """In one account a bucket's policy or the role's is enough; only keys must delegate."""
    assert (
        evaluate(policies(allow(Action="s3:Get*", Resource=S3), resource=None), request("s3:GetObject", S3)).decision
        is YES
    )
    bucket = own(Principal={"AWS": ROLE}, Action="s3:GetObject", Resource=S3)
    assert evaluate(policies(resource=bucket), request("s3:GetObject", S3)).decision is YES


def test_a_named_session_is_not_limited_by_the_boundary() -> None:
    """A resource policy that names the session itself goes past boundary and session policies."""
    given = policies(resource=own(Principal={"AWS": SESSION}), boundary=allow(Action="s3:*"))
    assert evaluate(given, request(session=SESSION)).decision is YES
    assert evaluate(given, request()).decision is not YES


@pytest.mark.parametrize(
    ("grant", "context", "decision"),
    [
        (SUBSET, {"kms__EncryptionContext__tenant": ("a",)}, YES),
        (SUBSET, {"kms__EncryptionContext__tenant": ("b",)}, NO),
        (SUBSET, {"kms__EncryptionContext__tenant": ()}, NO),
        (EXACT, {"kms__EncryptionContext__tenant": ("a",), "kms__EncryptionContextKeys": ("tenant",)}, YES),
        (EXACT, {"kms__EncryptionContext__tenant": ("a",), "kms__EncryptionContextKeys": ("tenant", "x")}, NO),
        (EXACT, {"kms__EncryptionContext__tenant": ("a",)}, OPEN),
    ],
)
def test_grant_constraints(grant: Object, context: Any, decision: Decision) -> None:
    """A grant counts only for the encryption context it was made for."""
    assert evaluate(policies(resource=doc(), grants=[grant]), request(**context)).decision is decision


def test_a_disabled_key_can_still_be_enabled() -> None:
    """Management of a disabled key is allowed."""
    given = policies(allow(Action="kms:*"), key_state="Disabled")
    assert evaluate(given, request("kms:EnableKey")).decision is YES


SCOPES = {
    "wildcard action": ({"Action": "kms:*"}, YES),
    "action in another case": ({"Action": "KMS:decrypt"}, YES),
    "question mark": ({"Action": "kms:Decryp?"}, YES),
    "other action": ({"Action": "kms:Encrypt"}, NO),
    "NotAction of another": ({"NotAction": "kms:Encrypt"}, YES),
    "NotAction of this": ({"NotAction": ["kms:De*"]}, NO),
    "resource list": ({"Resource": [FOREIGN, KEY]}, YES),
    "resource wildcard": ({"Resource": f"arn:aws:kms:*:{ACCOUNT}:key/*"}, YES),
    "resource in another case": ({"Resource": KEY.upper()}, NO),
    "NotResource of another": ({"NotResource": FOREIGN}, YES),
    "NotResource of this": ({"NotResource": "arn:aws:kms:*"}, NO),
    "alias as resource names no key": ({"Resource": f"arn:aws:kms:eu-west-1:{ACCOUNT}:alias/orders"}, NO),
    "variable that is known": ({"Resource": "arn:aws:kms:eu-west-1:${aws:PrincipalAccount}:key/k1"}, YES),
    "variable that is not": ({"Resource": "arn:aws:kms:eu-west-1:${aws:PrincipalTag/team}:key/k1"}, OPEN),
    "variable with default": ({"Resource": "arn:aws:kms:eu-west-1:${aws:Missing, '111122223333'}:key/k1"}, YES),
    "variable without value": ({"Resource": "arn:aws:kms:eu-west-1:${aws:Missing}:key/k1"}, NO),
    "escaped star": ({"Resource": "arn:aws:kms:eu-west-1:111122223333:key/${*}"}, NO),
    "effect in another case": ({"Effect": "allow"}, YES),
    "unknown effect": ({"Effect": "Maybe"}, NO),
}


@pytest.mark.parametrize(("given", "decision"), SCOPES.values(), ids=SCOPES)
def test_scopes(given: Object, decision: Decision) -> None:
    """A statement counts for the actions and resources it names."""
    known: Any = {"aws__PrincipalAccount": (ACCOUNT,), "aws__Missing": ()}
    assert evaluate(policies(allow(**given)), request(**known)).decision is decision


def test_the_version_of_2008_knows_no_variables() -> None:
    """There `${...}` is plain text."""
    old = doc(statement(Resource="arn:aws:kms:eu-west-1:${aws:PrincipalAccount}:key/k1"), version="2008-10-17")
    assert evaluate(policies(old), request(aws__PrincipalAccount=(ACCOUNT,))).decision is NO


ARN = "arn:aws:iam::111122223333:role/app"
CONDITIONS = {
    "StringEquals": ({"StringEquals": {"a": ["x", "y"]}}, ("y",), YES),
    "StringEquals other": ({"StringEquals": {"a": "x"}}, ("X",), NO),
    "StringEquals star is plain": ({"StringEquals": {"a": "x*"}}, ("xy",), NO),
    "StringEquals missing": ({"StringEquals": {"a": "x"}}, (), NO),
    "StringEquals unknown": ({"StringEquals": {"b": "x"}}, ("x",), OPEN),
    "key in another case": ({"StringEquals": {"A": "x"}}, ("x",), YES),
    "StringEqualsIfExists missing": ({"StringEqualsIfExists": {"a": "x"}}, (), YES),
    "StringEqualsIfExists other": ({"StringEqualsIfExists": {"a": "x"}}, ("y",), NO),
    "StringEqualsIgnoreCase": ({"StringEqualsIgnoreCase": {"a": "X"}}, ("x",), YES),
    "StringLike": ({"StringLike": {"a": "x*"}}, ("xyz",), YES),
    "StringNotEquals": ({"StringNotEquals": {"a": ["x", "y"]}}, ("y",), NO),
    "StringNotEquals other": ({"StringNotEquals": {"a": ["x", "y"]}}, ("z",), YES),
    "StringNotEquals missing": ({"StringNotEquals": {"a": "x"}}, (), YES),
    "StringNotLike": ({"StringNotLike": {"a": "x*"}}, ("xyz",), NO),
    "Bool": ({"Bool": {"a": True}}, ("true",), YES),
    "Bool false": ({"Bool": {"a": "false"}}, ("true",), NO),
    "Bool missing": ({"Bool": {"a": "false"}}, (), NO),
    "BoolIfExists missing": ({"BoolIfExists": {"a": "false"}}, (), YES),
    "Null true": ({"Null": {"a": "true"}}, (), YES),
    "Null false": ({"Null": {"a": "false"}}, (), NO),
    "Null false present": ({"Null": {"a": False}}, ("x",), YES),
    "IpAddress": ({"IpAddress": {"a": "10.0.0.0/8"}}, ("10.2.3.4",), YES),
    "IpAddress outside": ({"IpAddress": {"a": ["10.0.0.0/8"]}}, ("192.0.2.1",), NO),
    "IpAddress v6": ({"IpAddress": {"a": "2001:db8::/32"}}, ("2001:db8::1",), YES),
    "NotIpAddress": ({"NotIpAddress": {"a": "10.0.0.0/8"}}, ("192.0.2.1",), YES),
    "ArnLike": ({"ArnLike": {"a": "arn:aws:iam::*:role/a*"}}, (ARN,), YES),
    "ArnEquals takes wildcards": ({"ArnEquals": {"a": "arn:aws:iam::111122223333:role/*"}}, (ARN,), YES),
    "ArnLike stays within a part": ({"ArnLike": {"a": "arn:aws:*:role/app"}}, (ARN,), NO),
    "ArnNotLike": ({"ArnNotLike": {"a": "arn:aws:iam::*:role/b*"}}, (ARN,), YES),
    "NumericLessThan": ({"NumericLessThan": {"a": "10"}}, ("9",), YES),
    "NumericGreaterThanEquals": ({"NumericGreaterThanEquals": {"a": 10}}, ("9",), NO),
    "DateLessThan": ({"DateLessThan": {"a": "2026-01-01T00:00:00Z"}}, ("2025-12-31T23:59:59Z",), YES),
    "DateGreaterThan epoch": ({"DateGreaterThan": {"a": "1767225600"}}, ("2025-12-31T23:59:59Z",), NO),
    "ForAllValues": ({"ForAllValues:StringEquals": {"a": ["x", "y"]}}, ("x", "y"), YES),
    "ForAllValues one more": ({"ForAllValues:StringEquals": {"a": ["x", "y"]}}, ("x", "z"), NO),
    "ForAllValues missing": ({"ForAllValues:StringEquals": {"a": ["x"]}}, (), YES),
    "ForAnyValue": ({"ForAnyValue:StringLike": {"a": ["x*"]}}, ("z", "xy"), YES),
    "ForAnyValue missing": ({"ForAnyValue:StringEquals": {"a": ["x"]}}, (), NO),
    "ForAnyValue negated": ({"ForAnyValue:StringNotEquals": {"a": ["x"]}}, ("x",), NO),
    "two keys": ({"StringEquals": {"a": "x", "c": "d"}}, ("x",), NO),
    "two operators, one unknown": ({"StringEquals": {"a": "x"}, "Bool": {"b": "true"}}, ("x",), OPEN),
    "unknown operator": ({"StringResembles": {"a": "x"}}, ("x",), OPEN),
    "variable": ({"StringEquals": {"a": "${c}"}}, ("x",), NO),
    "variable that fits": ({"StringEquals": {"a": "${d}"}}, ("x",), YES),
}


@pytest.mark.parametrize(("condition", "values", "decision"), CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(condition: Object, values: tuple[str, ...], decision: Decision) -> None:
    """`a` has the values given (none: it is known to be missing), `c` is missing, `d` is x, `b` is not known."""
    asked = request(a=values, c=(), d=("x",))
    found = evaluate(policies(allow(Condition=condition)), asked)
    assert found.decision is decision
    assert bool(found.unknown) is (decision is OPEN)


def test_a_deny_that_may_apply_makes_the_answer_unknown_and_names_its_key() -> None:
    """Unknown is never shown as allowed."""
    given = policies(allow(), deny(Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}))
    found = evaluate(given, request())
    assert (found.decision, found.unknown) == (OPEN, frozenset({"aws:SourceVpce"}))
    assert evaluate(given, request(aws__SourceVpce=("vpce-1",))).decision is YES
    assert evaluate(given, request(aws__SourceVpce=())).decision is NO


def test_tags_that_are_completely_known_are_known_to_be_missing() -> None:
    """A tag condition on a role without the tag is a denial, not an unknown."""
    asked = replace(request(), context=Context(complete=("aws:PrincipalTag/",)))
    given = policies(allow(Condition={"StringEquals": {"aws:PrincipalTag/team": "orders"}}))
    assert evaluate(given, asked).decision is NO
