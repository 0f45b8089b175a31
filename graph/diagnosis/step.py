"""One way that trouble took."""

from __future__ import annotations

from dataclasses import dataclass

from graph.diagnosis.transmission import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Trouble that went from one to the next."""

    source: str
    target: str
    mode: Mode
