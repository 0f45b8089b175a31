"""Named points at which a process can be told to die or to wait, so that tests can crash it exactly there.

Off unless the variable PLUMBLINE_FAILPOINT says otherwise: `NAME=exit` kills the process as `kill -9` would, and
`NAME=sleep:SECONDS` holds it up, to be killed from outside.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Final

POINTS: Final = frozenset(
    {
        "delivery.stored",
        "delivery.joined",
        "step.observe",
        "step.diagnose",
        "step.propose",
        "step.deepen",
        "execution.claimed",
        "intent.before",
        "intent.noted",
        "effect.written",
        "effect.done",
        "effect.noted",
        "verify.looked",
        "verify.noted",
        "rollback.noted",
        "rollback.done",
        "end.before",
        "end.stored",
    }
)
"""All points there are. `delivery.*` and `step.*` are passed by the service, all others by the executor."""


_armed: dict[str, str] = {}


def arm(text: str) -> None:
    """Arm one point of this process as the variable does, e.g. `effect.done=exit`; an empty text arms none.

    Raises:
        ValueError: there is no such point, or nothing of that name can happen at one.
    """
    _armed.clear()
    point, _, what = text.partition("=")
    if text and (point not in POINTS or not (what == "exit" or what.startswith("sleep:"))):
        raise ValueError(f"no failpoint {text!r}: it is NAME=exit or NAME=sleep:SECONDS")
    if text:
        _armed[point] = what


def failpoint(name: str) -> None:
    """Pass a named point; nothing happens unless this very point is armed."""
    what = _armed.get(name)
    if what is None:
        return
    if what == "exit":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(what.removeprefix("sleep:")))


arm(os.environ.get("PLUMBLINE_FAILPOINT", ""))
