"""What is measured, as the measurements see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from graph.change import Change
from graph.environment import EnvironmentGraph
from graph.relation import Relation
from graph.version import Delta, Snapshot


class Graphs(Protocol):
    """The store of environment graphs."""

    def record(self, environment: str, snapshot: Snapshot, relations: Sequence[Relation]) -> Any:
        """Store what a source said."""
        ...

    def record_delta(self, environment: str, delta: Delta, relations: Mapping[str, Sequence[Relation]]) -> Any:
        """Store what a source said has changed."""
        ...

    def record_changes(self, environment: str, changes: Sequence[Change]) -> int:
        """Store records of changes."""
        ...

    def load(
        self, environment: str, *, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> EnvironmentGraph:
        """Return an environment at a time."""
        ...

    def revision(self, environment: str) -> int:
        """Return how often an environment was written to; 0 for one that is not in the store."""
        ...
