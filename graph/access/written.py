"""Which facts about access a recorded change wrote, and what it set them to.

Events of CloudTrail are told by the name that begins the summary which its adapter writes (`SERVICE EVENT RESOURCE`);
their parameters stand in the change. Any other record counts by the place that it names in a document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from graph.access.fact import DOCUMENTS, Fact, FactKind, key_id, last_part
from graph.access.stated import policy, short_task, stated
from graph.change import Change
from graph.document import ABSENT, Absent, Json, tokens
from graph.kinds.lenient import text
from graph.place import is_within, read
from graph.resource import Resource
from graph.runs import RUN_KINDS

NOT_WRITES: Final = RUN_KINDS | {"commit", "object"}
"""Kinds of change that do not write to live resources themselves."""


class Unread(Enum):
    """Stands for a value that a record does not tell."""

    UNREAD = "unread"

    def __repr__(self) -> str:
        return "UNREAD"


UNREAD: Final = Unread.UNREAD

Told: TypeAlias = "Json | Absent | Unread"


class Write(NamedTuple):
    """One fact that a change wrote."""

    fact: Fact
    before: Told
    after: Told
    change: Change


class Home(NamedTuple):
    """Where a fact stands: a resource and a place in it."""

    resource: Resource
    path: str


Homes: TypeAlias = Mapping[str, Sequence[tuple[Fact, Home]]]
"""Facts by the uid and by every alias of the resource that states them."""


def written(change: Change, homes: Homes) -> Iterator[Write]:
    """Yield the facts that a change wrote; none for one that writes nothing, such as a commit."""
    if is_call(change):
        for fact, before, after in _EVENTS[_event(change)](change):
            yield Write(fact, before, after, change)
        return
    if change.kind in NOT_WRITES:
        return
    for fact, home in homes.get(change.uid, ()):
        if _touches(change.path, home.path):
            yield Write(fact, side(change, change.before, fact, home), side(change, change.after, fact, home), change)


def is_call(change: Change) -> bool:
    """Whether a change is the record of an AWS call about access, whatever kind of change that call makes."""
    return _event(change) in _EVENTS


def _event(change: Change) -> str:
    """Return `SERVICE EVENT` of a CloudTrail record, the date that AWS adds to some names left out."""
    words = change.summary.split(" ")
    if len(words) < 2:
        return ""
    return f"{words[0]} {words[1].partition('20')[0]}"


def _touches(written_path: str, path: str) -> bool:
    return is_within(path, written_path) or is_within(written_path, path) or not path


def side(change: Change, value: Json | Absent, fact: Fact, home: Home) -> Told:
    """What one side of a change says a fact was: from the place itself, or from a larger part that holds it."""
    if change.before is ABSENT and change.after is ABSENT and not change.path:
        return UNREAD
    if value is ABSENT:
        return ABSENT if is_within(home.path, change.path) else UNREAD
    if not is_within(home.path, change.path):
        return UNREAD
    if not change.path:
        return next((s.value for s in stated(home.resource, value) if s.fact == fact), ABSENT)
    found = read(value, home.path[len(change.path) :])
    if fact.kind is FactKind.KEY_STATE and isinstance(found, bool):
        return "Enabled" if found else "Disabled"
    return policy(found) if fact.kind in DOCUMENTS and found is not ABSENT else found


_Told3: TypeAlias = "Iterator[tuple[Fact, Told, Told]]"
_Reader: TypeAlias = Callable[[Change], "Iterator[tuple[Fact, Told, Told]]"]


def _whole(value: Json | Absent) -> Told:
    """A side that a record leaves out is not known."""
    return UNREAD if value is ABSENT else value


def _document(value: Json | Absent) -> Told:
    return UNREAD if value is ABSENT else policy(value)


def _inline(change: Change) -> _Told3:
    role, _, name = change.uid.partition(":")
    after = _document(change.after) if _event(change) == "iam PutRolePolicy" else ABSENT
    yield Fact(FactKind.INLINE, role, name), _document(change.before), after


def _attached(change: Change) -> _Told3:
    is_gone = _event(change) == "iam DetachRolePolicy"
    arn = change.before if is_gone else change.after
    if isinstance(arn, str):
        yield Fact(FactKind.ATTACHED, change.uid, arn), True if is_gone else UNREAD, ABSENT if is_gone else True


def _boundary(change: Change) -> _Told3:
    is_gone = _event(change) == "iam DeleteRolePermissionsBoundary"
    yield Fact(FactKind.BOUNDARY, change.uid), _whole(change.before), ABSENT if is_gone else _whole(change.after)


def _trust(change: Change) -> _Told3:
    yield Fact(FactKind.TRUST, change.uid), _document(change.before), _document(change.after)


def _version(change: Change) -> _Told3:
    # A new version that is not made the default changes nothing; the adapter leaves its text out.
    if change.after is not ABSENT or _event(change) == "iam SetDefaultPolicyVersion":
        yield Fact(FactKind.POLICY, change.uid), _document(change.before), _document(change.after)


def _tag(kind: FactKind) -> _Reader:
    def read_tag(change: Change) -> _Told3:
        key = tokens(change.path)[-1] if change.path else ""
        is_gone = _event(change).rpartition(" ")[2].startswith("Untag")
        subject = key_id(change.uid) if kind is FactKind.KEY_TAG else last_part(change.uid)
        yield Fact(kind, subject, key), _whole(change.before), ABSENT if is_gone else _whole(change.after)

    return read_tag


def _key_policy(change: Change) -> _Told3:
    yield Fact(FactKind.KEY_POLICY, key_id(change.uid)), _document(change.before), _document(change.after)


def _key_state(state: str) -> _Reader:
    def read_state(change: Change) -> _Told3:
        yield Fact(FactKind.KEY_STATE, key_id(change.uid)), UNREAD, state

    return read_state


def _grant_gone(change: Change) -> _Told3:
    grant = text(change.before, "grantId")
    if grant:
        yield Fact(FactKind.GRANT, key_id(change.uid), grant), UNREAD, ABSENT


def _alias(change: Change) -> _Told3:
    if _event(change) == "kms DeleteAlias":
        yield Fact(FactKind.ALIAS, change.uid), UNREAD, ABSENT
    else:
        before = key_id(change.before) if isinstance(change.before, str) else UNREAD
        yield Fact(FactKind.ALIAS, change.uid), before, key_id(str(change.after))


def _organisation_target(change: Change) -> _Told3:
    is_gone = _event(change).endswith(" DetachPolicy")
    target = change.before if is_gone else change.after
    if isinstance(target, str):
        fact = Fact(FactKind.ORGANISATION_TARGET, change.uid, target)
        yield fact, True if is_gone else UNREAD, ABSENT if is_gone else True


def _organisation_policy(change: Change) -> _Told3:
    # The call may change the name or description alone.
    if change.after is not ABSENT:
        yield Fact(FactKind.ORGANISATION_POLICY, change.uid), _document(change.before), _document(change.after)


def _endpoint(change: Change) -> _Told3:
    # The call may change subnets or route tables alone.
    if change.after is not ABSENT:
        yield Fact(FactKind.ENDPOINT_POLICY, change.uid), _document(change.before), _document(change.after)


def _association(change: Change) -> _Told3:
    if _event(change) == "eks DeletePodIdentityAssociation":
        yield Fact(FactKind.POD_IDENTITY, change.uid), UNREAD, ABSENT
    elif change.path == "/values/role_arn":
        yield Fact(FactKind.POD_IDENTITY, change.uid), _whole(change.before), _whole(change.after)


def _service(change: Change) -> _Told3:
    if change.path == "/values/task_definition" and isinstance(change.after, str):
        before = short_task(change.before) if isinstance(change.before, str) else UNREAD
        yield Fact(FactKind.TASK, last_part(change.uid)), before, short_task(change.after)


def _function(change: Change) -> _Told3:
    if change.path == "/values/role":
        name = change.uid.rpartition(":function:")[2].partition(":")[0]
        yield Fact(FactKind.FUNCTION_ROLE, name), _whole(change.before), _whole(change.after)


_EVENTS: Final[dict[str, _Reader]] = {
    "iam PutRolePolicy": _inline,
    "iam DeleteRolePolicy": _inline,
    "iam AttachRolePolicy": _attached,
    "iam DetachRolePolicy": _attached,
    "iam PutRolePermissionsBoundary": _boundary,
    "iam DeleteRolePermissionsBoundary": _boundary,
    "iam UpdateAssumeRolePolicy": _trust,
    "iam CreatePolicyVersion": _version,
    "iam SetDefaultPolicyVersion": _version,
    "iam TagRole": _tag(FactKind.ROLE_TAG),
    "iam UntagRole": _tag(FactKind.ROLE_TAG),
    "kms PutKeyPolicy": _key_policy,
    "kms DisableKey": _key_state("Disabled"),
    "kms EnableKey": _key_state("Enabled"),
    "kms ScheduleKeyDeletion": _key_state("PendingDeletion"),
    "kms CancelKeyDeletion": _key_state("Disabled"),
    "kms RevokeGrant": _grant_gone,
    "kms RetireGrant": _grant_gone,
    "kms UpdateAlias": _alias,
    "kms CreateAlias": _alias,
    "kms DeleteAlias": _alias,
    "kms TagResource": _tag(FactKind.KEY_TAG),
    "kms UntagResource": _tag(FactKind.KEY_TAG),
    "organizations AttachPolicy": _organisation_target,
    "organizations DetachPolicy": _organisation_target,
    "organizations UpdatePolicy": _organisation_policy,
    "ec2 ModifyVpcEndpoint": _endpoint,
    "eks CreatePodIdentityAssociation": _association,
    "eks UpdatePodIdentityAssociation": _association,
    "eks DeletePodIdentityAssociation": _association,
    "ecs UpdateService": _service,
    "lambda UpdateFunctionConfiguration": _function,
}
