"""A file of deployment events (CloudEvents, one a line) as a source of changes. Judges none of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path

from graph.change import Change
from graph.errors import Invalid
from graph.evidence import Gap
from graph.runs import placed
from tools.adapters.change_event import read_cloud_event
from tools.adapters.followed_lines import FollowedLines
from tools.adapters.json_lines import Line, read_lines
from tools.ports import ChangeBatch


class Deployments:
    """A `FollowedSource` over a file or folder of CloudEvents of type `dev.plumbline.change.v1`."""

    def __init__(self, name: str, path: Path, *, environment: str = "", called: Collection[str] = ()) -> None:
        """Describe where to read.

        Args:
            name: name of the source within its environment.
            path: a file or folder.
            environment: name of the environment; a run that names another one is kept, and counts for nothing here.
            called: other names of the environment, by which deploy tools know it.
        """
        self.name = name
        self._environment = environment
        self._called = frozenset(called)
        self._path = path
        self._followed = FollowedLines(path)

    def news(self) -> ChangeBatch:
        """Return the changes that were told since the last call; see `FollowedSource`.

        Raises:
            NotFound: there is no such file.
            OutsideError: it can't be read.
        """
        return self._batch(self._followed.news())

    def changes(self, since: datetime | None) -> ChangeBatch:
        """Return the changes that ended after `since`, oldest first; an event that stands twice counts once.

        Raises:
            NotFound: there is no such file.
            OutsideError: it can't be read.
        """
        batch = self._batch(read_lines(self._path))
        kept = tuple(c for c in batch.changes if since is None or c.latest > since)
        return ChangeBatch(changes=kept, gaps=batch.gaps)

    def _batch(self, lines: Iterable[Line | Gap]) -> ChangeBatch:
        changes: dict[str, Change] = {}
        gaps: list[Gap] = []
        for line in lines:
            if isinstance(line, Gap):
                gaps.append(line)
                continue
            try:
                for change in read_cloud_event(line.value, via=self.name):
                    changes[change.id] = change
            except Invalid as error:
                gaps.append(Gap(what=f"line {line.number} of {self._path.name}", why=error.reason))
        own = placed(changes.values(), environment=self._environment, called=self._called)
        return ChangeBatch(changes=tuple(sorted(own, key=lambda c: c.latest)), gaps=tuple(gaps))
