"""Git history to changes of resources: which commit changed which field of what, whose it was, and on which line.

Documents are compared, not lines, so moving or reformatting a file is no change. What is rendered, by kustomize or
Helm, is compared as it was rendered before and after each commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from graph.change import Change
from graph.document import ABSENT, digest
from graph.errors import Invalid
from graph.evidence import Gap
from graph.version import Document, Origin
from tools.adapters.actors import git_actor
from tools.adapters.chart import ChartRelease
from tools.adapters.declared_resources import DeclaredResources
from tools.adapters.field_changes import field_changes
from tools.adapters.field_origins import FieldOrigins
from tools.adapters.git_repository import MOST_CHANGES, CommitInfo, FileChange, GitRepository
from tools.adapters.kubernetes_objects import KubernetesReader
from tools.adapters.rendered_changes import MOST_RENDERINGS, Made, RenderedChanges
from tools.ports import CLOCK_SKEW, ChangeBatch

_SUFFIXES: Final = (".yaml", ".yml", ".json", ".tf")
_MAX_BLOB_BYTES: Final = 5 * 2**20
"""Larger files in a repository are data, and comparing every version of them would take minutes."""
_MAX_HCL_BYTES: Final = 2**19
"""The parser reads some ten kilobytes in a second."""
_CACHED_BLOBS: Final = 20_000

_Declared: TypeAlias = Mapping[str, Document]


@dataclass(slots=True)
class _Cache:
    """Documents by blob and path: a blob is read again in each commit that follows the one that made it."""

    known: dict[tuple[str, str], _Declared] = field(default_factory=dict)
    broken: dict[tuple[str, str], str] = field(default_factory=dict)


class _Read(NamedTuple):
    """How far a history was read."""

    head: str
    since: datetime | None


@dataclass(slots=True)
class _Told:
    """What one reading has to say beside the changes."""

    gaps: list[Gap] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)
    """Commits that are dated before one they are made from."""
    ahead: list[str] = field(default_factory=list)
    """Commits that are dated in the future."""


class GitHistory:
    """A `ChangeSource` over the commits of a repository that touch a folder."""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        cluster: str,
        stack: str,
        deployers: Collection[str] = (),
        salt: bytes,
        default_namespace: str | None = "default",
        ref: str = "HEAD",
        charts: Sequence[ChartRelease] = (),
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Describe where to read.

        Args:
            name: name of the source within its environment, e.g. `git:shop-infra`.
            path: a folder in a work tree, or a bare repository.
            cluster: name of the cluster in the uids of Kubernetes objects.
            stack: name of the stack in the uids of Terraform resources.
            deployers: names or addresses of authors that are declared deployers, hence no people.
            salt: key under which values of Secrets are hashed.
            default_namespace: for namespaced objects that name none.
            ref: branch, tag or commit whose history is read.
            charts: which Helm charts to render and how; empty: each chart that is found, with its own values.
            clock: gives the present, UTC; without it dates in the future are taken as they are.
        """
        self.name = name
        self._path = path
        self._ref = ref
        self._deployers = frozenset(deployers)
        reader = KubernetesReader(cluster=cluster, default_namespace=default_namespace, salt=salt)
        self._resources = DeclaredResources(reader, stack=stack, folder_name=path.resolve().name)
        self._rendered = RenderedChanges(reader, charts)
        self._cache = _Cache()
        self._clock = clock
        self._read_so_far: _Read | None = None

    def changes(self, since: datetime | None) -> ChangeBatch:
        """Return the changes of commits after `since` (by commit time), oldest commit first.

        Commits that came in since the last call count whatever their dates: a clock that is wrong hides none.

        Raises:
            NotFound: there is no repository or no such ref.
            OutsideError: the repository is damaged.
        """
        changes: list[list[Change]] = []
        told = _Told()
        with GitRepository(self._path) as repository:
            head = repository.commit_id(self._ref)
            if head is None:
                return ChangeBatch(changes=())
            if repository.is_shallow():
                why = "the clone is shallow: fetch all of it"
                told.gaps.append(Gap(what=f"older history of {self.name}", why=why))
            stacks = self._resources.stack_names(entry.path for entry in repository.entries(head).found)
            self._rendered.start(repository, head)
            for commit in self._new_commits(repository, head, since):
                changes.append(list(self._commit(repository, commit, stacks, told)))
        self._read_so_far = _Read(head, since)
        oldest_first = tuple(change for many in reversed(changes) for change in many)
        return ChangeBatch(changes=oldest_first, gaps=(*told.gaps, *self._summary(told)))

    def _new_commits(self, repository: GitRepository, head: str, since: datetime | None) -> Iterator[CommitInfo]:
        """Yield what to tell, newest first: commits after `since`, and those that were not there last time."""
        last = self._read_so_far
        # Asked again from the same time on, the last answer may have been lost on its way.
        was_taken = last is not None and since is not None and (last.since is None or since > last.since)
        known = last.head if last is not None and was_taken else None
        given: set[str] = set()
        if since is None or known is not None:
            for commit in repository.log(head, known=known):
                given.add(commit.id)
                yield commit
        if since is not None:
            for commit in repository.log(head, since=since):
                if commit.at > since and commit.id not in given:
                    yield commit

    def _summary(self, told: _Told) -> Iterator[Gap]:
        if told.backwards:
            what = f"the order in time of {len(told.backwards)} commits of {self.name}, {told.backwards[0][:12]} first"
            yield Gap(what=what, why="they are dated before commits that they are made from: a clock was wrong")
        if told.ahead:
            what = f"the time of {len(told.ahead)} commits of {self.name}, {told.ahead[0][:12]} first"
            yield Gap(what=what, why="they are dated in the future: a clock was wrong; taken as made by now")
        if self._rendered.left_out:
            what = f"what {self._rendered.left_out} older commits of {self.name} changed in overlays and charts"
            yield Gap(what=what, why=f"after {MOST_RENDERINGS} renderings no more are made in one reading")

    def _commit(
        self, repository: GitRepository, commit: CommitInfo, stacks: Mapping[str, str], told: _Told
    ) -> Iterator[Change]:
        actor = git_actor(commit.author, deployers=self._deployers)
        summary = commit.message.strip().partition("\n")[0][:500]
        earliest, latest = self._time(repository, commit, told)
        for uid, change, origin in self._fields(repository, commit, stacks, told.gaps):
            yield Change(
                id=f"git-{commit.id[:12]}-{digest([uid, change.path])[:10]}",
                uid=uid,
                kind="commit",
                path=change.path,
                before=change.before,
                after=change.after,
                earliest=earliest,
                latest=latest,
                actor=actor,
                summary=summary,
                source=self.name,
                reference=commit.id,
                origin=replace(origin, commit=commit.id, repository=self.name),
            )

    def _time(self, repository: GitRepository, commit: CommitInfo, told: _Told) -> tuple[datetime | None, datetime]:
        """Return when a commit was made, and note what is wrong with its date."""
        if any(repository.time_of(parent) > commit.at for parent in commit.parents):
            told.backwards.append(commit.id)
        now = self._clock() if self._clock else None
        if now is not None and commit.at > now + CLOCK_SKEW:
            told.ahead.append(commit.id)
            return None, now
        return commit.at, commit.at

    def _fields(
        self, repository: GitRepository, commit: CommitInfo, stacks: Mapping[str, str], gaps: list[Gap]
    ) -> Iterator[Made]:
        """Yield the changed fields by uid: within a file first, then between files, so that a move is no change."""
        if commit.is_cut:
            why = f"it changes more than {MOST_CHANGES} files"
            gaps.append(Gap(what=f"what {commit.id[:12]} changed in the rest of its files", why=why))
        outcome = self._rendered.of(repository, commit)
        for unit, reason in outcome.failed.items():
            gaps.append(Gap(what=f"what {commit.id[:12]} changed through {unit}", why=reason))
        yield from outcome.made
        gone: dict[str, Document] = {}
        new: dict[str, Document] = {}
        lines = FieldOrigins(repository, commit)
        for file in commit.files:
            try:
                before = (
                    self._side(repository, file, stacks, old=True) if file.old_path not in outcome.old_files else {}
                )
                after = (
                    self._side(repository, file, stacks, old=False) if file.new_path not in outcome.new_files else {}
                )
            except Invalid as error:
                gaps.append(Gap(what=f"what {commit.id[:12]} changed in {error.where}", why=error.reason))
                continue
            for uid in after.keys() & before.keys():
                for change in field_changes(before[uid].body, after[uid].body):
                    yield Made(uid, change, lines.of(change, before[uid], after[uid]))
            gone.update({uid: before[uid] for uid in before.keys() - after.keys()})
            new.update({uid: after[uid] for uid in after.keys() - before.keys()})
        for uid in dict.fromkeys((*gone, *new)):
            left, right = gone.get(uid), new.get(uid)
            for change in field_changes(left.body if left else ABSENT, right.body if right else ABSENT):
                yield Made(uid, change, lines.of(change, left, right))

    def _side(self, repository: GitRepository, file: FileChange, stacks: Mapping[str, str], *, old: bool) -> _Declared:
        path, blob = (file.old_path, file.old_blob) if old else (file.new_path, file.new_blob)
        if path is None or blob is None or not path.endswith(_SUFFIXES):
            return {}
        key = (blob, path)
        if key in self._cache.broken:
            raise Invalid(self._cache.broken[key], where=path)
        if key not in self._cache.known:
            try:
                self._cache.known[key] = self._read(repository.blob(blob), path, stacks)
            except Invalid as error:
                self._cache.broken[key] = error.reason
                raise Invalid(error.reason, where=path, line=error.line) from error
            if len(self._cache.known) > _CACHED_BLOBS:
                del self._cache.known[next(iter(self._cache.known))]
        return self._cache.known[key]

    def _read(self, data: bytes, path: str, stacks: Mapping[str, str]) -> _Declared:
        if len(data) > _MAX_BLOB_BYTES:
            raise Invalid(f"larger than {_MAX_BLOB_BYTES >> 20} MiB")
        if path.endswith(".tf") and len(data) > _MAX_HCL_BYTES:
            raise Invalid(f"larger than {_MAX_HCL_BYTES >> 10} KiB")
        found = self._resources.read(data, Origin(file=path), stacks)
        return {document.resource.uid: document for document in found}
