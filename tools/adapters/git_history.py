"""Git history to changes of resources: which commit changed which field of what, and whose commit it was.

Documents are compared, not lines, so moving or reformatting a file is no change. A field that a kustomization sets is
found in the file that declares the object, under the name it has there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from graph.change import Change
from graph.document import ABSENT, Object, digest
from graph.errors import Invalid
from graph.evidence import Gap
from graph.version import Document, Origin
from tools.adapters.actors import git_actor
from tools.adapters.declared_resources import DeclaredResources
from tools.adapters.field_changes import FieldChange, field_changes
from tools.adapters.git_repository import CommitInfo, FileChange, GitRepository
from tools.ports import ChangeBatch

_SUFFIXES: Final = (".yaml", ".yml", ".json", ".tf")
_MAX_BLOB_BYTES: Final = 5 * 2**20
"""Larger files in a repository are data, and comparing every version of them would take minutes."""
_CACHED_BLOBS: Final = 20_000

_Declared: TypeAlias = Mapping[str, Document]


@dataclass(slots=True)
class _Cache:
    """Documents by blob and path: a blob is read again in each commit that follows the one that made it."""

    known: dict[tuple[str, str], _Declared] = field(default_factory=dict)
    broken: dict[tuple[str, str], str] = field(default_factory=dict)


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
        """
        self.name = name
        self._path = path
        self._ref = ref
        self._deployers = frozenset(deployers)
        self._resources = DeclaredResources(
            cluster=cluster, stack=stack, salt=salt, default_namespace=default_namespace
        )
        self._cache = _Cache()

    def changes(self, since: datetime | None) -> ChangeBatch:
        """Return the changes of commits after `since` (by commit time), oldest commit first.

        Raises:
            NotFound: there is no repository or no such ref.
            OutsideError: the repository is damaged.
        """
        changes: list[Change] = []
        gaps: list[Gap] = []
        with GitRepository(self._path) as repository:
            head = repository.commit_id(self._ref)
            if head is None:
                return ChangeBatch(changes=())
            if repository.is_shallow():
                gaps.append(Gap(what=f"older history of {self.name}", why="the clone is shallow: fetch all of it"))
            stacks = self._resources.stack_names(path for path, _, _ in repository.entries(head))
            for commit in reversed(list(repository.log(head, since=since))):
                if since is None or commit.at > since:
                    changes += self._commit(repository, commit, stacks, gaps)
        return ChangeBatch(changes=tuple(changes), gaps=tuple(gaps))

    def _commit(
        self, repository: GitRepository, commit: CommitInfo, stacks: Mapping[str, str], gaps: list[Gap]
    ) -> Iterator[Change]:
        actor = git_actor(commit.author, deployers=self._deployers)
        summary = commit.message.strip().partition("\n")[0][:500]
        for uid, change in self._fields(repository, commit, stacks, gaps):
            yield Change(
                id=f"git-{commit.id[:12]}-{digest([uid, change.path])[:10]}",
                uid=uid,
                kind="commit",
                path=change.path,
                before=change.before,
                after=change.after,
                earliest=commit.at,
                latest=commit.at,
                actor=actor,
                summary=summary,
                source=self.name,
                reference=commit.id,
            )

    def _fields(
        self, repository: GitRepository, commit: CommitInfo, stacks: Mapping[str, str], gaps: list[Gap]
    ) -> Iterator[tuple[str, FieldChange]]:
        """Yield the changed fields by uid: within a file first, then between files, so that a move is no change."""
        gone: dict[str, Object] = {}
        new: dict[str, Object] = {}
        for file in commit.files:
            try:
                before, after = (
                    self._side(repository, file, stacks, old=True),
                    self._side(repository, file, stacks, old=False),
                )
            except Invalid as error:
                gaps.append(Gap(what=f"what {commit.id[:12]} changed in {error.where}", why=error.reason))
                continue
            for uid in after.keys() & before.keys():
                for change in field_changes(before[uid].body, after[uid].body):
                    yield uid, change
            gone.update({uid: before[uid].body for uid in before.keys() - after.keys()})
            new.update({uid: after[uid].body for uid in after.keys() - before.keys()})
        for uid in dict.fromkeys((*gone, *new)):
            for change in field_changes(gone.get(uid, ABSENT), new.get(uid, ABSENT)):
                yield uid, change

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
        found = self._resources.read(data, Origin(file=path), stacks)
        return {document.resource.uid: document for document in found}
