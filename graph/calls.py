"""Which writes of a credential look like a run of a tool that reconciles, by what is done around them.

A tool that brings resources to a declared state asks who it is, writes, and reads back what it wrote; it looks at a
thing before it removes it, and does not remove what it has just made. A person or a script writes and goes on. This
says which writes look like a run; only a declared deployer, a known run and the value of its commit make a deployment
(`graph/channel.py`). A user agent is never looked at, as anybody can send any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

_PAUSE: Final = timedelta(minutes=3)
"""Longest silence inside a run: a tool that waits for something slow asks for it again within this time."""
_BEGINNING: Final = timedelta(seconds=5)
_SAME_MOMENT: Final = timedelta(seconds=5)
_READ_BACK: Final = timedelta(minutes=3)
_REMOVES: Final = re.compile(
    r"(?:Delete|Deregister|Detach|Disassociate|Release|Remove|Revoke|Terminate|Unassign|Untag)(?=[A-Z])"
)
_COMMANDS: Final = re.compile(r"(?:Execute|Invoke|Publish|Send)(?=[A-Z])")
"""Calls that make something happen and leave no state that could be declared."""
_WHO_AM_I: Final = frozenset({"GetCallerIdentity", "GetUser"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call to a cloud API."""

    id: str
    at: datetime
    """UTC; many sources keep whole seconds."""
    credential: str
    """Principal and key or session: calls under one credential are put in order."""
    event: str
    """Name of the operation."""
    is_write: bool
    names: frozenset[str]
    """What the call names: resources it acts on, and every identifying text of its parameters."""


class Judged(NamedTuple):
    """A write and what it looks like."""

    call: Call
    is_of_run: bool
    why: str


def judge(calls: Iterable[Call]) -> list[Judged]:
    """Say of each write whether it looks like a part of a run, in order of time.

    >>> judge([])
    []
    """
    found: list[Judged] = []
    for burst in bursts(calls):
        found += [Judged(call, *_look(call, burst)) for call in burst if call.is_write]
    return sorted(found, key=lambda judged: (judged.call.at, judged.call.id))


def bursts(calls: Iterable[Call]) -> Iterator[list[Call]]:
    """Yield the calls of each credential that belong together: no long silence, and one question who the caller is."""
    by_credential: dict[str, list[Call]] = {}
    for call in sorted(calls, key=lambda c: (c.at, c.id)):
        by_credential.setdefault(call.credential, []).append(call)
    for own in by_credential.values():
        yield from _split(own)


def _split(calls: Sequence[Call]) -> Iterator[list[Call]]:
    burst: list[Call] = []
    for call in calls:
        is_silent = bool(burst) and call.at - burst[-1].at > _PAUSE
        begins_again = _asks_who(call) and any(c.is_write for c in burst) and not _is_beginning(call, burst)
        if burst and (is_silent or begins_again):
            yield burst
            burst = []
        burst.append(call)
    if burst:
        yield burst


def _is_beginning(call: Call, burst: Sequence[Call]) -> bool:
    """Whether a run is still about to begin: a tool asks who it is once for each of its parts, at the same time."""
    asked = [c.at for c in burst if _asks_who(c)]
    return bool(asked) and call.at - asked[0] <= _BEGINNING


def _asks_who(call: Call) -> bool:
    return call.event in _WHO_AM_I and not call.names


def _look(call: Call, burst: Sequence[Call]) -> tuple[bool, str]:
    if not any(_asks_who(c) for c in burst):
        return False, "nothing around it asks who the caller is, as a tool does when it begins"
    if _COMMANDS.match(call.event):
        return False, "it makes something happen and leaves no state that could be declared"
    if _REMOVES.match(call.event):
        if any(c.is_write and c.at <= call.at and c is not call and _made(c, call) for c in burst):
            return False, "it removes what the same run has made"
        is_seen = any(not c.is_write and c.at <= call.at and c.names & call.names for c in burst)
        return is_seen, "it was looked at before" if is_seen else "nothing looked at it before"
    after = call.at + _READ_BACK
    if any(not c.is_write and call.at <= c.at <= after and c.names & call.names for c in burst):
        return True, "it was read back"
    alike = [c for c in burst if c.event == call.event and abs(c.at - call.at) <= _SAME_MOMENT and c is not call]
    read = [c for c in alike if any(not r.is_write and c.at <= r.at <= after and r.names & c.names for r in burst)]
    if len(alike) > 1 and 2 * len(read) > len(alike):
        # Sources lose records; what is done to many at once is one act.
        return True, "most of those that were written like it at the same moment were read back"
    return False, "nothing read it back"


def _made(write: Call, removal: Call) -> bool:
    return write.event.startswith(("Create", "Run", "Allocate", "Register")) and bool(write.names & removal.names)
