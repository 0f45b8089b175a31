"""State that stands in files: manifests, object dumps. Puts the readers of each format together; parses none itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from graph.errors import Invalid
from graph.resource import Facet
from graph.version import Document, Origin, Snapshot, Unreadable
from tools.adapters.documents import MAX_JSON_BYTES, Broken, read_documents
from tools.adapters.file_tree import DiskTree, FileTree
from tools.adapters.kubernetes_objects import KubernetesReader, is_manifest

_SUFFIXES: Final = (".yaml", ".yml", ".json", ".yaml.gz", ".yml.gz", ".json.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestReading:
    """What a look at the files gave."""

    snapshot: Snapshot
    skipped: int
    """Documents that are plainly no state: values files, workflows, settings of tools."""


class ManifestSource:
    """A `StateSource` over one file, or over a folder of manifests or object dumps."""

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
        """
        self.name = name
        self.facet = facet
        self._path = path
        self._stack = stack
        self._clock = clock
        self._complete = complete
        self._kubernetes = KubernetesReader(cluster=cluster, default_namespace=default_namespace, salt=salt)

    def read(self) -> Snapshot:
        """Read all files.

        Raises:
            NotFound: there is nothing at the path.
            OutsideError: nothing could be read at all.
        """
        return self.inspect().snapshot

    def inspect(self) -> ManifestReading:
        """Read all files, and say also what was left out."""
        tree = DiskTree(self._path)
        taken_at = self._clock()
        documents: list[Document] = []
        unreadable: list[Unreadable] = list(tree.faults())
        skipped = 0
        for path in tree.paths():
            if len(tree.paths()) > 1 and not path.lower().endswith(_SUFFIXES):
                continue
            for found in self._read_file(tree, path):
                if isinstance(found, Document):
                    documents.append(found)
                elif isinstance(found, Unreadable):
                    unreadable.append(found)
                else:
                    skipped += 1
        snapshot = Snapshot(
            facet=self.facet,
            source=self.name,
            taken_at=taken_at,
            documents=tuple(documents),
            unreadable=tuple(unreadable),
            complete=self._complete and all(u.resource for u in unreadable),
        )
        return ManifestReading(snapshot=snapshot, skipped=skipped)

    def _read_file(self, tree: FileTree, path: str) -> Iterator[Document | Unreadable | None]:
        """Yield what a file holds, and None for each document that is no state."""
        try:
            data = tree.read(path, limit=MAX_JSON_BYTES)
        except Invalid as error:
            yield Unreadable(where=path, reason=error.reason)
            return
        origin = Origin(file=path)
        for part in read_documents(data, name=path):
            if isinstance(part, Broken):
                yield from self._kubernetes.broken(part, origin)
            elif is_manifest(part.value):
                yield from self._kubernetes.read(part, origin)
            else:
                yield None
