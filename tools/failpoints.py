"""Named points at which a process can be told to die or to wait, so that tests can crash it exactly there.

Off unless the variable PLUMBLINE_FAILPOINT says otherwise: `NAME=exit` kills the process as `kill -9` would, and
`NAME=sleep:SECONDS` holds it up, to be killed from outside.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Final

_POINT, _, _WHAT = os.environ.get("PLUMBLINE_FAILPOINT", "").partition("=")

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


def failpoint(name: str) -> None:
    """Pass a named point; nothing happens unless this very point is armed."""
    if name != _POINT:
        return
    if _WHAT == "exit":
        os.kill(os.getpid(), signal.SIGKILL)
    _, _, seconds = _WHAT.partition("sleep:")
    time.sleep(float(seconds or 0))
