"""What a commit changed in what is rendered: overlays and charts rendered before and after it, and compared.

A change in a base shows in each overlay that renders differently, under the name the object has there, with the line
of the commit that made it. Only what reads a changed file is rendered, and nothing twice.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from graph.document import ABSENT
from graph.packed import Packed
from graph.version import Document, Origin
from tools.adapters.chart import CHART_FILE, ChartRelease
from tools.adapters.commit_tree import CommitTree
from tools.adapters.field_changes import FieldChange, field_changes
from tools.adapters.git_repository import CommitInfo, FileChange, GitRepository
from tools.adapters.helm import chart_releases
from tools.adapters.kubernetes_objects import KubernetesReader
from tools.adapters.kustomization import FILE_NAMES
from tools.adapters.kustomize import overlays
from tools.adapters.rendering import Renderings, Unit
from tools.adapters.suspect_lines import Suspects

MOST_RENDERINGS: Final = 1000
"""For one reading of a history; each takes a fraction of a second."""
_MARKS: Final = frozenset({*FILE_NAMES, CHART_FILE})


class Made(NamedTuple):
    """One field that a commit changed."""

    uid: str
    change: FieldChange
    origin: Origin


@dataclass(slots=True)
class Outcome:
    """What one commit changed through renderings."""

    made: list[Made] = field(default_factory=list)
    old_files: frozenset[str] = frozenset()
    """Files before the commit that are accounted for and must not be read as plain ones."""
    new_files: frozenset[str] = frozenset()
    """The same after it."""
    failed: dict[str, str] = field(default_factory=dict)
    """File of an overlay or chart to the reason why it could not be compared."""


class _Side(NamedTuple):
    tree: CommitTree
    units: Mapping[bytes, Unit]
    covered: frozenset[str]


class RenderedChanges:
    """Compares what commits render, newest commit first."""

    def __init__(self, reader: KubernetesReader, releases: Sequence[ChartRelease]) -> None:
        self._reader = reader
        self._releases = releases
        self._renderings = Renderings()
        self._concerned: set[str] = set()
        """Files that a rendering read at any commit looked at so far."""
        self._sides: dict[str, _Side] = {}
        self._limit = 0
        self.left_out = 0
        """Commits that were not rendered because too many had been, since `start`."""

    def start(self, repository: GitRepository, head: str) -> None:
        """Begin a reading at the newest commit."""
        self._limit = self._renderings.made + MOST_RENDERINGS
        self.left_out = 0
        self._sides.clear()
        self._side(repository, head)

    def of(self, repository: GitRepository, commit: CommitInfo) -> Outcome:
        """Return what a commit changed; nothing where it touched no file that is rendered."""
        if not any(self._concerns(f) for f in commit.files):
            return Outcome()
        if self._renderings.made >= self._limit:
            self.left_out += 1
            return Outcome()
        after = self._side(repository, commit.id)
        before = self._side(repository, commit.parents[0]) if commit.parents else None
        return self._compare(repository, commit, before, after)

    def _concerns(self, file: FileChange) -> bool:
        paths = [p for p in (file.old_path, file.new_path) if p]
        return any(p in self._concerned or posixpath.basename(p) in _MARKS for p in paths)

    def _side(self, repository: GitRepository, commit: str) -> _Side:
        """Return what there is to render at a commit; the last few are kept, as each commit is asked for twice."""
        if commit not in self._sides:
            tree = CommitTree(repository, commit)
            both = (overlays(tree, self._reader), chart_releases(tree, self._reader, self._releases))
            units = [unit for many in both for unit in many.units]
            covered = frozenset().union(*(many.covered for many in both))
            self._concerned |= {p for unit in units for p in unit.files}
            self._sides[commit] = _Side(tree, {unit.key(tree): unit for unit in units}, covered)
            while len(self._sides) > 4:
                del self._sides[next(iter(self._sides))]
        return self._sides[commit]

    def _compare(self, repository: GitRepository, commit: CommitInfo, before: _Side | None, after: _Side) -> Outcome:
        outcome = Outcome()
        old_units = [u for key, u in before.units.items() if key not in after.units] if before else []
        new_units = [u for key, u in after.units.items() if before is None or key not in before.units]
        old = self._rendered(before.tree, old_units, outcome) if before else {}
        new = self._rendered(after.tree, new_units, outcome)
        fine_old = [u for u in old_units if u.file not in outcome.failed]
        fine_new = [u for u in new_units if u.file not in outcome.failed]
        outcome.old_files = _accounted(fine_old, before)
        outcome.new_files = _accounted(fine_new, after)
        olds = {uid: d for u in fine_old for uid, d in old[u.file].items()}
        news = {uid: d for u in fine_new for uid, d in new[u.file].items()}
        read = frozenset().union(*(u.files for u in (*fine_old, *fine_new)))
        suspects = Suspects(repository, commit, read)
        for uid in dict.fromkeys((*olds, *news)):
            left, right = (side[uid].body if uid in side else ABSENT for side in (olds, news))
            one = news.get(uid) or olds[uid]
            for change in field_changes(left, right):
                outcome.made.append(Made(uid, change, suspects.origin(one, change)))
        return outcome

    def _rendered(self, tree: CommitTree, units: Sequence[Unit], outcome: Outcome) -> dict[str, dict[str, Document]]:
        rendered: dict[str, dict[str, Document]] = {}
        for unit in units:
            found = self._renderings.of(unit, tree)
            whole = next((f for f in found.faults if f.resource is None), None)
            if whole is not None:
                outcome.failed[unit.file] = whole.reason
            rendered.setdefault(unit.file, {}).update({d.resource.uid: d for d in Packed([found.bundle])})
        return rendered


def _accounted(units: Sequence[Unit], side: _Side | None) -> frozenset[str]:
    return frozenset().union(*(u.files for u in units)) & side.covered if side else frozenset()
