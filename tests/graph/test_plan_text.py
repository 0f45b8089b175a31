"""What an approver sees is what will be done."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.action import Action, ActionKind, Check, CheckKind, FieldEdit, Plan, Risk
from graph.document import ABSENT, Json
from graph.plan_text import DiffLine, LineKind, diff_lines, render
from graph.visible import visible, visible_name
from tests.graph.builders import NOW, k8s, manifest, tf

CONFIG = k8s("ConfigMap", "cart")


def _plan(action: Action, **rest: Any) -> Plan:
    plan = Plan(
        environment="demo",
        action=action,
        title="Set 1 field of shop/ConfigMap/cart",
        reason="It answers: config changed.",
        preconditions=(Check(kind=CheckKind.OBJECT_EXISTS, target=action.target),),
        verification=(Check(kind=CheckKind.HEALTHY, target=action.target),),
        verify_within_s=60,
        rollback=(),
        observed="a" * 64,
        observed_at=NOW,
        risk=Risk.LOW,
    )
    return replace(plan, **rest)


def _edit(before: Json, after: Json, path: str = "/data/A", target: str = CONFIG) -> Plan:
    edit = FieldEdit(path=path, before=before, after=after)
    return _plan(Action(kind=ActionKind.SET_FIELDS, target=target, edits=(edit,)))


def _changed(lines: list[DiffLine]) -> list[tuple[str, str]]:
    return [(line.kind.value, line.text) for line in lines if line.kind in {LineKind.ADD, LineKind.REMOVE}]


def test_a_value_is_shown_before_and_after() -> None:
    """As a unified diff under the name of the field."""
    lines = diff_lines(_edit("2s", "9s"))
    assert lines[0] == DiffLine(kind=LineKind.FILE, text="shop/ConfigMap/cart /data/A")
    assert _changed(lines) == [("remove", '"2s"'), ("add", '"9s"')]


def test_a_policy_is_compared_as_a_document() -> None:
    """The statement that comes back is what stands out, not one long line."""
    kept = {"Sid": "queue", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "q"}
    lost = {"Sid": "key", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "k"}
    before, after = (json.dumps({"Statement": s}) for s in ([kept], [kept, lost]))
    lines = diff_lines(_edit(before, after, "/values/policy", tf("aws_iam_role_policy.cart")))
    added = [text.strip() for kind, text in _changed(lines)]
    assert all(kind == "add" for kind, _ in _changed(lines))
    assert {"Action: kms:Decrypt", "Sid: key"} <= {a.removeprefix("- ").strip() for a in added}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param('{"a": 1, "a": 2}', '{"a": 2}', id="repeated key"),
        pytest.param('{"a":1}', '{"a": 1}', id="spaces"),
        pytest.param("a\nb", "a\nb\n", id="final line break"),
        pytest.param("x", "x\u200b", id="zero width"),
        pytest.param(ABSENT, None, id="null for nothing"),
        pytest.param("1", 1, id="number for text"),
        pytest.param({"a": "x\ny"}, {"a": "x\ny\n"}, id="final line break inside"),
    ],
)
def test_a_difference_is_never_hidden_by_its_layout(before: Json, after: Json) -> None:
    """Every edit has a changed line."""
    assert _changed(diff_lines(_edit(before, after)))


def test_a_long_value_is_folded_and_nothing_of_it_is_cut() -> None:
    """Padding can't push a change out of the text."""
    text = "p" * 5_000 + " rm -rf / " + "q" * 5_000
    shown = "".join(t.removesuffix("↩") for kind, t in _changed(diff_lines(_edit("x", text))) if kind == "add")
    assert text in shown
    padded = "\n".join(["same"] * 10_000)
    lines = diff_lines(_edit(padded + "\nold", padded + "\nnew"))
    assert _changed(lines) == [("remove", "old"), ("add", "new")]
    assert len(lines) < 15


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\u202egnp.exe", "a\\u{202e}gnp.exe", id="bidirectional"),
        pytest.param("ad\u200bmin", "ad\\u{200b}min", id="zero width"),
        pytest.param("x\u001b[2J", "x\\u{1b}[2J", id="terminal"),
        pytest.param("ok\U000e0041", "ok\\u{e0041}", id="tag"),
        pytest.param("a\u00a0b", "a\\u{a0}b", id="no-break space"),
        pytest.param("a\u2028b", "a\\u{2028}b", id="line separator"),
        pytest.param("\uff41dmin", "\\u{ff41}dmin", id="full width"),
        pytest.param("regis\u0442ry.example", "regis\\u{442}ry.example", id="look-alike"),
        pytest.param("\u3164", "\\u{3164}", id="blank letter"),
        pytest.param("größer, déjà vu, 設定", "größer, déjà vu, 設定", id="ordinary text"),
    ],
)
def test_what_can_not_be_seen_is_escaped(text: str, shown: str) -> None:
    """Ordinary text in any language stays readable."""
    assert visible(text) == shown
    assert visible(shown) == shown


def test_names_are_plain_ascii() -> None:
    """A name in another alphabet may look like one that the reader knows."""
    assert visible_name("саrt") == "\\u{441}\\u{430}rt"


@given(st.text(), st.text())
def test_every_line_shown_is_printable_and_every_difference_is_shown(before: str, after: str) -> None:
    """For any two values whatever."""
    plan = _edit(before, after)
    lines = diff_lines(plan)
    assert all(line.text.isprintable() for line in lines)
    assert before == after or _changed(lines)
    assert all(line.isprintable() for line in render(plan).split("\n"))


def test_created_and_deleted_objects_are_shown_whole() -> None:
    """Each line of the body is a changed line."""
    body = manifest("NetworkPolicy", "deny", spec={"policyTypes": ["Ingress"]})
    uid = k8s("NetworkPolicy", "deny")
    create = Action(kind=ActionKind.CREATE_OBJECT, target=uid, body=body)
    added = _changed(diff_lines(_plan(create)))
    assert ("add", "  name: deny") in added
    assert {kind for kind, _ in added} == {"add"}
    removed = _changed(diff_lines(_plan(Action(kind=ActionKind.DELETE_OBJECT, target=uid), rollback=(create,))))
    assert removed == [("remove", text) for _, text in added]


def test_the_text_names_target_checks_rollback_warnings_and_hold() -> None:
    """All that an approval is bound to, with what changes near the top."""
    back = Action(
        kind=ActionKind.SET_FIELDS, target=CONFIG, edits=(FieldEdit(path="/data/A", before="9s", after="2s"),)
    )
    plan = replace(_edit("2s", "9s"), rollback=(back,), warnings=("mind\u202e this",), hold="Do not revert yet")
    text = render(plan)
    assert text.startswith("ON HOLD: Do not revert yet")
    for part in (CONFIG, '- "2s"', '+ "9s"', "mind\\u{202e} this", "is healthy", "set /data/A", plan.digest):
        assert part in text
    assert text.index('+ "9s"') < text.index("mind")


@pytest.mark.parametrize("kind", [ActionKind.RESTART_WORKLOAD, ActionKind.RESYNC_SECRET])
def test_actions_without_fields_say_what_they_do(kind: ActionKind) -> None:
    """Nothing to diff is said in words."""
    (line,) = diff_lines(_plan(Action(kind=kind, target=k8s("Deployment", "cart"))))
    assert line.kind is LineKind.NOTE
