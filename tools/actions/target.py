"""Port to a system that an approved action may write to. Held by the executor only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from graph.action import Action, FieldEdit
from graph.document import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveObject:
    """What exists now, with the token that a write must present to be sure that it still does."""

    body: Object
    version: str
    """Opaque, e.g. `UID/RESOURCEVERSION`."""


class Target(Protocol):
    """A cluster or cloud that can be written to.

    Every write names the version it was decided on and fails with `Conflict` when the object has another one by now;
    the server compares, not this client.
    """

    def covers(self, uid: str) -> bool:
        """Whether this target holds the resource."""
        ...

    def read(self, uid: str) -> LiveObject | None:
        """Return the live object, or None when it does not exist.

        Raises:
            OutsideError: it can't be known.
        """
        ...

    def is_healthy(self, uid: str) -> bool:
        """Whether the platform reports no fault of the resource and its pods. False while it is rolling."""
        ...

    def rehearse(self, action: Action, *, version: str) -> Object | None:
        """Ask the platform what it would make of an action, without doing it.

        Returns:
            The target as it would be then; None where the platform can't tell.

        Raises:
            CallerError: the platform would not take it.
            Refused: it is not allowed.
            OutsideError: it can't be known.
        """
        ...

    def set_fields(self, uid: str, edits: Sequence[FieldEdit], *, version: str) -> None:
        """Write fields of an existing object."""
        ...

    def create(self, uid: str, body: Object) -> None:
        """Create an object; `Conflict` when it exists."""
        ...

    def delete(self, uid: str, *, version: str) -> None:
        """Delete an object."""
        ...

    def restart(self, uid: str, *, version: str) -> None:
        """Roll the pods of a workload."""
        ...

    def resync_secret(self, uid: str, *, version: str) -> None:
        """Ask the operator behind an ExternalSecret to write its Secret again; `uid` is the ExternalSecret."""
        ...
