"""One way in which something does not work, and the signs of it."""

from __future__ import annotations

from dataclasses import dataclass

from graph.evidence import SymptomEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One thing that was seen and speaks for a mechanism."""

    text: str
    """One sentence by Plumbline."""
    event: SymptomEvent | None = None
    """What a system said; its text is untrusted."""
    uid: str = ""
    """Object whose live state shows it, where no system said it."""
    path: str = ""
    """JSON pointer into that object; empty for the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """A fault with its reason: not that a pod is pending, but that no node carries the label it asks for."""

    resource: str
    """uid of what has to be changed to end it."""
    kind: str
    """Kind of cause, e.g. `node_selector_mismatch`."""
    summary: str
    """One sentence for the person on call."""
    signs: tuple[Sign, ...]
    """Strongest first; never empty."""
    strength: float = 1.0
    """0 to 1: 1 when the platform states it or it follows from the objects, less when it is read from signs."""
    stops: tuple[str, ...] = ()
    """uids of the workloads that do not work because of it, where not `resource` itself."""
    is_guess: bool = False
    """Something is wrong and this says only in which direction to look; never enough to call a cause found."""
    is_said: bool = False
    """It rests on the words of a log alone: worth following, and never quite sure."""
