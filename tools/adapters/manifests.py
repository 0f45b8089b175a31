"""State that stands in files: manifests, charts, Terraform, Compose, object dumps. Joins their readers, parses none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from graph.document import Json, Object
from graph.errors import Invalid, NotFound
from graph.kinds.compose.inspection import is_inspection, observed
from graph.kinds.terraform.plan import is_plan
from graph.packed import Bundle, Entry, Packed, Piece, together
from graph.resource import Facet
from graph.version import Document, Origin, Snapshot, Unreadable
from tools.adapters.chart import ChartRelease
from tools.adapters.commit_tree import CommitTree
from tools.adapters.compose_files import ComposeRun, read_projects
from tools.adapters.documents import MAX_JSON_BYTES, Broken, read_documents
from tools.adapters.file_origins import FileOrigins
from tools.adapters.file_tree import DiskTree, FileTree
from tools.adapters.git_repository import GitRepository
from tools.adapters.helm import chart_releases
from tools.adapters.kubernetes_objects import KubernetesReader, as_list, is_manifest, what_is_missing
from tools.adapters.kustomize import overlays
from tools.adapters.kustomize_scope import Scope, scope
from tools.adapters.rendering import Held, Renderings
from tools.adapters.terraform_json import is_state

_Part: TypeAlias = Document | Unreadable | Json

_MOST_YAML_BYTES: Final = 256 * 2**20
"""YAML that is parsed in one reading, which takes minutes; what was parsed before is not counted."""
_SUFFIXES: Final = (".yaml", ".yml", ".json", ".tfstate", ".yaml.gz", ".yml.gz", ".json.gz")


class _File(NamedTuple):
    """One file as it was read."""

    digest: bytes
    """Of its bytes; empty for one that can't be read."""
    held: Held
    others: tuple[Json, ...]
    """JSON values that are no manifests, as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestReading:
    """What a look at the files gave."""

    snapshot: Snapshot
    is_state: bool
    """Whether the files hold state at all, be it an empty list of objects or something that can't be read."""
    skipped: int
    """Documents that are plainly no state: values files, workflows, settings of tools."""
    uncommitted: tuple[str, ...] = ()
    """Files in a git work tree that differ from its HEAD; the origins of what they declare name no commit."""


class ManifestSource:
    """A `StateSource` over one file, or over a folder of manifests, Terraform or object dumps, in git or not."""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        facet: Facet,
        cluster: str,
        stack: str,
        salt: bytes,
        clock: Callable[[], datetime],
        default_namespace: str | None = "default",
        complete: bool = True,
        ref: str | None = None,
        charts: Sequence[ChartRelease] = (),
        compose: Sequence[ComposeRun] = (),
    ) -> None:
        """Describe where to read; nothing is read yet.

        Args:
            name: name of the source within its environment.
            path: a file or a folder.
            facet: which state the files hold.
            cluster: name of the cluster in the uids of Kubernetes objects.
            stack: name of the stack in the uids of Terraform resources.
            salt: key under which values of Secrets are hashed.
            clock: gives the present, UTC.
            default_namespace: for namespaced objects that name none.
            complete: whether a resource that is not in the files does not exist.
            ref: branch, tag or commit to read instead of the files on disk; a bare repository is read at HEAD.
            charts: which Helm charts to render and how; empty: each chart that is found, with its own values.
            compose: which Compose files make a project; empty: those that `docker compose` finds in each folder.
        """
        self.name = name
        self.facet = facet
        self._path = path
        self._stack = stack
        self._salt = salt
        self._clock = clock
        self._complete = complete
        self._ref = ref
        self._charts = tuple(charts)
        self._compose = tuple(compose)
        self._kubernetes = KubernetesReader(cluster=cluster, default_namespace=default_namespace, salt=salt)
        self._renderings = Renderings()
        self._yaml_left = 0
        self._files: dict[str, _File] = {}
        self._commits: dict[str, dict[str, str]] = {}

    def read(self) -> Snapshot:
        """Read all files.

        Raises:
            NotFound: there is nothing at the path.
            OutsideError: nothing could be read at all.
        """
        return self.inspect().snapshot

    def inspect(self) -> ManifestReading:
        """Read all files, and say also what was left out."""
        with ExitStack() as stack:
            if not self._path.exists():
                raise NotFound(f"no file or folder {str(self._path)!r}: check the path")
            reach = scope(self._path)
            tree, origins = self._open(reach, stack)
            taken_at = self._clock()
            rendered = [
                self._renderings.all_of(overlays(tree, self._kubernetes, reach.focus), tree),
                self._renderings.all_of(chart_releases(tree, self._kubernetes, self._charts), tree),
                read_projects(tree, self._compose, folder_name=self._folder_name(), salt=self._salt),
            ]
            covered = frozenset[str]().union(*(r.covered for r in rendered))
            self._files = self._read_files(tree, covered)
            terraform, skipped, empty = _other_values(self._files)
            held = [Held(bundle, ()) for r in rendered for bundle in r.bundles] + [f.held for f in self._files.values()]
            unreadable = [*tree.faults(), *(fault for r in rendered for fault in r.faults)]
            is_terraform = bool(terraform) or any(path.endswith((".tf", ".tf.json")) for path in tree.paths())
            if is_terraform:
                held.append(Held.of(self._read_terraform(tree, terraform)))
            unreadable += [fault for one in held for fault in one.faults]
            anything = is_terraform or bool(unreadable or empty) or any(one.bundle.entries for one in held)
            pieces, twice = self._without_duplicates([one.bundle for one in held])
            files = {e.origin.file for piece in pieces for _, e in piece.chosen if e.origin}
            commits = origins.commits(files)
        unreadable += twice
        snapshot = Snapshot(
            facet=self.facet,
            source=self.name,
            taken_at=taken_at,
            documents=Packed(_marked(piece, origins, commits) for piece in pieces),
            unreadable=tuple(unreadable),
            complete=self._complete and all(u.resource for u in unreadable),
        )
        uncommitted = tuple(sorted(files - commits.keys())) if origins.is_git else ()
        return ManifestReading(snapshot=snapshot, is_state=anything, skipped=skipped, uncommitted=uncommitted)

    def _folder_name(self) -> str:
        path = self._path.resolve()
        return (path if path.is_dir() else path.parent).name

    def _open(self, reach: Scope, stack: ExitStack) -> tuple[FileTree, FileOrigins]:
        """Return the files to read and what tells their commits: the disk, or the commit that `ref` names."""
        try:
            repository = stack.enter_context(GitRepository(reach.root))
        except NotFound:
            if self._ref is not None:
                raise
            return DiskTree(reach.root, folders=reach.folders), FileOrigins(None, None, name=self.name)
        head = repository.commit_id(self._ref or "HEAD")
        if self._ref is None and not repository.is_bare:
            tree = DiskTree(reach.root, folders=reach.folders)
            return tree, self._origins(repository, head, tree)
        if head is None:
            raise NotFound(f"the repository {str(self._path)!r} has no commit yet")
        return CommitTree(repository, head), self._origins(repository, head)

    def _origins(self, repository: GitRepository, head: str | None, disk: DiskTree | None = None) -> FileOrigins:
        # The past of a commit does not change, so what was found in it is kept until there is another commit.
        self._commits = {head: self._commits.get(head, {})} if head else {}
        return FileOrigins(repository, head, name=self.name, disk=disk, known=self._commits.get(head or ""))

    def _plain(self, tree: FileTree, covered: frozenset[str]) -> Iterator[str]:
        paths = tree.paths()
        for path in paths:
            is_terraform = path.endswith((".tfstate", ".tf.json"))
            if path in covered and not is_terraform:
                continue
            if path.lower().endswith(_SUFFIXES) or (len(paths) == 1 and not path.endswith(".tf")):
                yield path

    def _read_files(self, tree: FileTree, covered: frozenset[str]) -> dict[str, _File]:
        self._yaml_left = _MOST_YAML_BYTES
        return {path: self._read_file(tree, path) for path in self._plain(tree, covered)}

    def _read_file(self, tree: FileTree, path: str) -> _File:
        """Return what a file holds, which is parsed only when its digest is a new one."""
        try:
            data = tree.read(path, limit=MAX_JSON_BYTES)
        except Invalid as error:
            return _broken(Unreadable(where=path, reason=error.reason, line=error.line))
        digest = hashlib.sha256(data).digest()
        known = self._files.get(path)
        if known and known.digest == digest:
            return known
        if not path.lower().endswith((".json", ".tfstate")):
            self._yaml_left -= len(data)
            if self._yaml_left < 0:
                reason = f"not read: the YAML before it is larger than {_MOST_YAML_BYTES >> 20} MiB together"
                return _broken(Unreadable(where=path, reason=reason))
        values: list[Json] = []
        held = Held.of(self._states(data, path, values))
        return _File(digest, held, tuple(values))

    def _states(self, data: bytes, path: str, others: list[Json]) -> Iterator[Document | Unreadable]:
        """Yield the documents and faults of a file, and put what else it holds into `others`."""
        for part in self._parse(data, path):
            if isinstance(part, Document | Unreadable):
                yield part
            else:
                others.append(part)

    def _parse(self, data: bytes, path: str) -> Iterator[_Part]:
        """Yield what a file holds: documents, faults, and as they are the JSON values that are no manifests."""
        origin = Origin(file=path)
        for part in read_documents(data, name=path):
            if isinstance(part, Broken):
                yield from self._kubernetes.broken(part, origin)
            elif is_manifest(part.value):
                yield from list(self._kubernetes.read(part, origin)) or [part.value]
            elif listed := as_list(part.value):
                yield from self._kubernetes.read(replace(part, value=listed), origin)
            elif is_inspection(part.value):
                yield from observed(part.value, salt=self._salt)
            elif reason := what_is_missing(part.value):
                yield Unreadable(where=path, reason=reason, line=part.line)
            else:
                yield part.value

    def _read_terraform(self, tree: FileTree, found: list[tuple[str, Object]]) -> Iterator[Document | Unreadable]:
        # Imported here because the HCL parser takes a tenth of a second to load, and most sources hold no Terraform.
        from tools.adapters.terraform_files import TerraformFiles

        files = TerraformFiles(tree, stack=self._stack, salt=self._salt)
        for path, value in found:
            files.add(path, value)
        yield from files.read(self.facet)

    def _without_duplicates(self, bundles: Sequence[Bundle]) -> tuple[list[Piece], list[Unreadable]]:
        """Keep one document for each resource.

        Observed twice: the later one holds. Declared twice with different content: nobody can say what is meant.
        """
        kept: dict[str, tuple[Bundle, int, Entry]] = {}
        faults: dict[str, Unreadable] = {}
        for bundle in bundles:
            for index, entry in enumerate(bundle.entries):
                uid = entry.resource.uid
                _, _, first = kept.setdefault(uid, (bundle, index, entry))
                if first.digest == entry.digest:
                    continue
                if self.facet is Facet.INTENDED:
                    faults[uid] = _declared_twice(first, entry)
                else:
                    kept[uid] = bundle, index, entry
        pieces = (Piece(bundle, ((i, entry),)) for uid, (bundle, i, entry) in kept.items() if uid not in faults)
        return list(together(pieces)), list(faults.values())


def _other_values(files: Mapping[str, _File]) -> tuple[list[tuple[str, Object]], int, int]:
    """Return plans and states of Terraform with their files; how much is no state; how many lists are empty."""
    terraform: list[tuple[str, Object]] = []
    skipped = empty = 0
    for path, file in files.items():
        for value in file.others:
            if is_plan(value) or is_state(value):
                terraform.append((path, value))
            elif is_manifest(value):
                empty += 1
            else:
                skipped += 1
    return terraform, skipped, empty


def _declared_twice(one: Entry, other: Entry) -> Unreadable:
    places = " and ".join(f"{o.file}:{o.line or 1}" for o in (one.origin, other.origin) if o)
    return Unreadable(
        where=other.origin.file if other.origin else "",
        line=other.origin.line if other.origin else None,
        resource=other.resource,
        reason=f"declared twice with different content: {places}",
    )


def _marked(piece: Piece, origins: FileOrigins, commits: Mapping[str, str]) -> Piece:
    chosen = [(i, entry._replace(origin=origins.mark(entry.origin, commits))) for i, entry in piece.chosen]
    return Piece(piece.bundle, chosen)


def _broken(fault: Unreadable) -> _File:
    return _File(b"", Held(Bundle(()), (fault,)), ())
