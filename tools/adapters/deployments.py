"""A file of deployment events (CloudEvents, one a line) as a source of changes. Judges none of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from graph.change import Change
from graph.errors import Invalid
from graph.evidence import Gap
from tools.adapters.change_event import read_cloud_event
from tools.adapters.json_lines import read_lines
from tools.ports import ChangeBatch


class Deployments:
    """A `ChangeSource` over a file or folder of CloudEvents of type `dev.plumbline.change.v1`."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path

    def changes(self, since: datetime | None) -> ChangeBatch:
        """Return the changes that ended after `since`, oldest first; an event that stands twice counts once.

        Raises:
            NotFound: there is no such file.
            OutsideError: it can't be read.
        """
        changes: dict[str, Change] = {}
        gaps: list[Gap] = []
        for line in read_lines(self._path):
            if isinstance(line, Gap):
                gaps.append(line)
                continue
            try:
                for change in read_cloud_event(line.value, via=self.name):
                    changes[change.id] = change
            except Invalid as error:
                gaps.append(Gap(what=f"line {line.number} of {self._path.name}", why=error.reason))
        kept = [c for c in changes.values() if since is None or c.latest > since]
        return ChangeBatch(changes=tuple(sorted(kept, key=lambda c: c.latest)), gaps=tuple(gaps))
