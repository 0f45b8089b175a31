"""A new version of one service on its way out, as far as it had come by the time of a question."""

from __future__ import annotations

from dataclasses import dataclass

from graph.change import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A new version of one service, as far as it was rolled out by the time of the question."""

    change: Change
    """The deployment"""
    started_at: float
    """Seconds since 1970-01-01 UTC."""
    completed_at: float | None
    """Seconds since 1970-01-01 UTC; when the last new instance so far was up; None while the first comes up."""
    new: frozenset[str]
    """Instances of the new version."""

    @property
    def service(self) -> str:
        """uid"""
        return self.change.uid

    @classmethod
    def of(cls, change: Change) -> Release:
        """Return a deployment whose instances are known as a release."""
        return cls(
            change=change,
            started_at=(change.earliest or change.latest).timestamp(),
            completed_at=change.completed_at.timestamp() if change.completed_at else None,
            new=frozenset(change.instances),
        )
