"""What an approver sees of a plan: made from the typed plan alone; of what changes nothing is hidden, moved or cut."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from graph.action import Action, ActionKind, Check, CheckKind, FieldEdit, Plan
from graph.document import ABSENT, Absent, Json
from graph.fragment import fragment
from graph.resource import display_uid
from graph.visible import visible, visible_name

_CONTEXT = 3
"""Unchanged lines around a change."""
_WIDTH = 160
"""Columns; longer lines of a change are folded, longer unchanged lines are cut with a mark."""
_FOLD = "↩"
"""Stands at the end of a folded line."""


class LineKind(StrEnum):
    FILE = "file"
    """What follows belongs to this object or field."""
    HUNK = "hunk"
    CONTEXT = "context"
    REMOVE = "remove"
    ADD = "add"
    NOTE = "note"
    """A remark by Plumbline, not part of any object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """One line of the diff, already escaped."""

    kind: LineKind
    text: str
    """Without the leading sign."""


_SIGNS = {LineKind.CONTEXT: "  ", LineKind.REMOVE: "- ", LineKind.ADD: "+ ", LineKind.NOTE: "# "}


def render(plan: Plan) -> str:
    """Return the whole plan as text: what changes first, then what is checked, undone and warned of."""
    return "\n".join(_lines(plan)) + "\n"


def diff_lines(plan: Plan) -> list[DiffLine]:
    """Return what the action changes, as a unified diff; every changed line is in it."""
    return list(_diff(plan.action, plan.rollback))


def describe(check: Check) -> str:
    """Return a check as a sentence."""
    name, path = visible_name(display_uid(check.target)), visible_name(check.path)
    match check.kind:
        case CheckKind.FIELD_EQUALS:
            return f"{path} of {name} is {_bounded(check.value)}"
        case CheckKind.FIELD_ABSENT:
            return f"{path} of {name} does not exist"
        case CheckKind.OBJECT_EXISTS:
            return f"{name} exists"
        case CheckKind.OBJECT_ABSENT:
            return f"{name} does not exist"
        case CheckKind.HEALTHY:
            return f"{name} is healthy"


def _lines(plan: Plan) -> Iterator[str]:
    if plan.hold:
        yield f"ON HOLD: {visible(plan.hold)}"
        yield ""
    yield visible(plan.title)
    yield f"Action:      {plan.action.kind.value}"
    yield f"Target:      {visible_name(plan.action.target)}"
    yield f"Environment: {visible_name(plan.environment)}"
    yield f"Risk:        {plan.risk.value}"
    yield ""
    for line in diff_lines(plan):
        yield f"{_SIGNS.get(line.kind, '')}{line.text}"
    yield ""
    yield visible(plan.reason)
    yield from _section("Warnings", [visible(w) for w in plan.warnings])
    yield from _section("Before, the live state must still be so", [describe(c) for c in plan.preconditions])
    within = f"Afterwards, within {plan.verify_within_s:g} s, this must hold"
    yield from _section(within, [describe(c) for c in plan.verification])
    undo = [_undo(a) for a in plan.rollback] or ["Nothing: this action leaves nothing to undo."]
    yield from _section("If that fails, it is undone", undo)
    yield ""
    observed = f"{plan.observed_at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"Observed at {observed}, state {plan.observed[:16] or 'absent'}; policy {plan.policy_version}"
    yield f"Digest {plan.digest}"


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"{title}:"
        yield from (f"  * {line}" for line in lines)


def _undo(action: Action) -> str:
    name = visible_name(display_uid(action.target))
    match action.kind:
        case ActionKind.SET_FIELDS:
            paths = ", ".join(visible_name(e.path) for e in action.edits)
            return f"set {paths} of {name} back to the observed value{'s' if len(action.edits) > 1 else ''}"
        case ActionKind.CREATE_OBJECT:
            return f"create {name} again as it was observed"
        case ActionKind.DELETE_OBJECT:
            return f"delete {name}"
        case ActionKind.RESTART_WORKLOAD | ActionKind.RESYNC_SECRET:
            return f"{action.kind.value} {name}"


def _diff(action: Action, rollback: Sequence[Action]) -> Iterator[DiffLine]:
    name = visible_name(display_uid(action.target))
    match action.kind:
        case ActionKind.SET_FIELDS:
            for edit in action.edits:
                yield from _edit(name, edit)
        case ActionKind.CREATE_OBJECT:
            yield DiffLine(kind=LineKind.FILE, text=f"{name} (new)")
            yield from _unified([], fragment(action.body))
        case ActionKind.DELETE_OBJECT:
            yield DiffLine(kind=LineKind.FILE, text=f"{name} (deleted)")
            body = next((a.body for a in rollback if a.kind is ActionKind.CREATE_OBJECT), None)
            yield from _unified(fragment(body), [])
        case ActionKind.RESTART_WORKLOAD:
            yield DiffLine(kind=LineKind.NOTE, text=f"The pods of {name} are replaced; no field of it changes.")
        case ActionKind.RESYNC_SECRET:
            text = f"The operator behind {name} writes its Secret again; no secret value is read or shown here."
            yield DiffLine(kind=LineKind.NOTE, text=text)


def _edit(name: str, edit: FieldEdit) -> Iterator[DiffLine]:
    yield DiffLine(kind=LineKind.FILE, text=f"{name} {visible_name(edit.path)}")
    before, after = _shown(edit.before), _shown(edit.after)
    documents = _parsed(edit.before), _parsed(edit.after)
    if all(d is not ABSENT for d in documents) and documents[0] != documents[1]:
        yield DiffLine(kind=LineKind.NOTE, text="JSON text, laid out for reading.")
        before, after = fragment(documents[0]), fragment(documents[1])
    lines = list(_unified(before, after))
    if not any(line.kind in {LineKind.ADD, LineKind.REMOVE} for line in lines):
        # The layout hides the difference (a final line break, the order of keys): show the values as they are.
        lines = [*_folded(LineKind.REMOVE, _literal(edit.before)), *_folded(LineKind.ADD, _literal(edit.after))]
    yield from lines


def _literal(value: Json | Absent) -> str:
    return "(absent)" if value is ABSENT else visible(json.dumps(value, ensure_ascii=False))


def _shown(value: Json | Absent) -> list[str]:
    """Lines of a value; a text of several lines is shown as it is."""
    if value is ABSENT:
        return []
    if isinstance(value, str) and "\n" in value:
        return value.removesuffix("\n").split("\n")
    return fragment(value)


def _parsed(value: Json | Absent) -> Json | Absent:
    """Parse a text that is a JSON object, if showing it parsed hides nothing; else ABSENT."""
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return ABSENT
    try:
        return json.loads(value, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        return ABSENT


def _without_repeats(pairs: list[tuple[str, Json]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a repeated key would be hidden")
    return found


def _unified(before: Sequence[str], after: Sequence[str]) -> Iterator[DiffLine]:
    old, new = [visible(line) for line in before], [visible(line) for line in after]
    for line in list(difflib.unified_diff(old, new, n=_CONTEXT, lineterm=""))[2:]:
        sign, text = line[:1], line[1:]
        if line.startswith("@@"):
            yield DiffLine(kind=LineKind.HUNK, text=line)
        elif sign == " ":
            yield DiffLine(kind=LineKind.CONTEXT, text=_cut(text))
        else:
            yield from _folded(LineKind.ADD if sign == "+" else LineKind.REMOVE, text)


def _folded(kind: LineKind, text: str) -> Iterator[DiffLine]:
    """Fold a changed line; nothing of it is ever cut off."""
    while len(text) > _WIDTH:
        yield DiffLine(kind=kind, text=text[:_WIDTH] + _FOLD)
        text = text[_WIDTH:]
    yield DiffLine(kind=kind, text=text)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}... ({len(text) - _WIDTH} more unchanged characters)"


def _bounded(value: Json | Absent) -> str:
    text = visible(json.dumps(None if value is ABSENT else value, ensure_ascii=False, sort_keys=True))
    return text if len(text) <= _WIDTH else f"exactly what the diff shows ({len(text)} characters)"
