"""Work that nobody waits for any more: it is still begun, and its end, and its failure, are nobody's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Patch

_AWAIT = re.compile(r"\bawait\s+|\.await\b\??|\breturn\s+(?=await)")
_WAITED = re.compile(r"\bawait\s+(?P<whom>[\w.$]+?)\.?\w+\(|(?<![\w.$])(?P<then>[\w.$]+?)\.\w+\(.*\)\.await")
_BARE = re.compile(r"^\s*(?P<whom>[\w.$]+?)\.?\w+\(.*\)\s*;?\s*$")
_WAITS = re.compile(r"\bawait\b|\.await\b|promise\.all|gather\(|\.wait\(|\.join\(|\.get\(\)", re.IGNORECASE)
_CALLED = re.compile(r"\b([a-zA-Z_]\w{2,})\(")
_TAKEN = re.compile(r"^\s*return\b|[^=!<>]=[^=>]|\byield\b")
"""Somebody takes what a call returns, and may wait for it."""


def unawaited(patch: Patch) -> Iterator[Effect]:
    """Yield that calls which were waited for are only begun."""
    is_stripped = any(
        _AWAIT.search(old) and not _AWAIT.search(new) and _AWAIT.sub("", old).strip() == _AWAIT.sub("", new).strip()
        for old, new in patch.pairs()
    )
    if is_stripped or _of_the_same(patch) or _only_calls(patch):
        yield Effect.DROPS_WAIT


def _of_the_same(patch: Patch) -> bool:
    """What was awaited of something is now only called."""
    waited = {m["whom"] or m["then"] for line in patch.removed if (m := _WAITED.search(line))}
    still = {m["whom"] or m["then"] for line in patch.added if (m := _WAITED.search(line))}
    bare = {m["whom"] for line in patch.added if (m := _BARE.match(line))}
    return bool((waited - still) & bare - {"", None})


def _only_calls(patch: Patch) -> bool:
    """All that was waited for is still called, and nothing new waits for it or takes it."""
    waited = {name for line in patch.removed if _WAITS.search(line) for name in _CALLED.findall(line)}
    calls = {name for line in patch.added if not _TAKEN.search(line) for name in _CALLED.findall(line)}
    return bool(waited & calls) and not any(_WAITS.search(line) for line in patch.added)


_CLIENT = re.compile(
    r"client|session|fetch|http|\bdb\b|conn|cursor|redis|\burl|jwks|query|download|request", re.IGNORECASE
)
_TAKES = re.compile(r"=\s*(?:self\.|this\.)?\w+\.\w+\(")


def blocked(patch: Patch) -> Iterator[Effect]:
    """Yield that a function which is to give way while it waits now calls a client that waits in its place."""
    is_async = any(re.search(r"\basync\b", line.text) for line in patch.side("+"))
    waits = any(map(_WAITS.search, patch.removed)) and not any(map(_WAITS.search, patch.added))
    takes = any(_TAKES.search(line) for line in patch.added if line[:1].isspace())
    if (
        is_async
        and waits
        and takes
        and _CLIENT.search(patch.gained)
        and not re.search(r"create_task|\.then\(", patch.gained)
    ):
        yield Effect.BLOCKS


_PROBE = re.compile(r"\blive(z|ness)|\bhealth(z|_?check)?\b|\bready(z|_?check)?\b|readiness|/health", re.IGNORECASE)
_ASKS = re.compile(r"\bping\w*\(|\b50[03]\b|unavailable|unhealthy|\.down\(|return false|select 1", re.IGNORECASE)


def probed(patch: Patch) -> Iterator[Effect]:
    """Yield that whoever asks whether an instance is well hears no where it heard yes: it asks others first."""
    around = "\n".join((*patch.files, *(line.text for line in patch.lines)))
    more = sum(map(bool, map(_ASKS.search, patch.added))) > sum(map(bool, map(_ASKS.search, patch.removed)))
    if more and _PROBE.search(around):
        yield Effect.STRICTER_PROBES


_CONFIRMS = re.compile(
    r"\.ack\w*\(|basic_ack|commit_?(sync|offsets?|async|message)\w*\(|\.commit\(|delete_?message|markoffset"
    r"|mark_?message"
    r"|acknowledge\(|\.complete\(",
    re.IGNORECASE,
)
_CALLS = re.compile(r"\w\(")


def confirmed(patch: Patch) -> Iterator[Effect]:
    """Yield that a message is confirmed before work that was done before it, or the other way round."""
    old, new = (_work_after(patch, sign) for sign in "-+")
    if old is not None and new is not None and (old == 0) != (new == 0):
        yield Effect.CHANGES_ACK


def _work_after(patch: Patch, sign: str) -> int | None:
    """How many lines call something after the one that confirms; None where none does."""
    after: int | None = None
    for line in patch.side(sign):
        if _CONFIRMS.search(line.text):
            after = 0
        elif after is not None and _CALLS.search(line.text):
            after += 1
    return after
