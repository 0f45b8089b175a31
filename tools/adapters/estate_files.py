"""Layout of a file-backed estate: which file of the directory holds what. Reads only; knows no meaning of any object.

```
kubernetes/NAMESPACE or _cluster/KIND/NAME.yaml   live objects
cloud/ADDRESS with / replaced by _.json           cloud resources: type, name, address, provider, values, version
audit/kubernetes.jsonl  audit/cloudtrail.jsonl  audit/deployments.jsonl
logs/NAMESPACE/WORKLOAD.jsonl                     time, pod, text
metrics.jsonl                                     time, resource (NAMESPACE/KIND/NAME), metric, value, unit, objective
outages.yaml                                      evidence that can't be read just now, and why
```
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from graph.document import Object
from tools.adapters.documents import Broken, read_documents
from tools.adapters.json_lines import Line, read_lines
from tools.adapters.yaml_scalars import resolve_core

CLUSTER_FOLDER = "_cluster"


MAX_BYTES: Final = 16 * 2**20
"""An API server takes objects of up to 1.5 MiB."""


class NoDocument(ValueError):
    """A file that can't be parsed; `line` counts from 1, None where it is not known."""

    def __init__(self, reason: str, line: int | None) -> None:
        super().__init__(reason)
        self.line = line


class Key(NamedTuple):
    """Where a live object stands; the empty namespace is the cluster."""

    namespace: str
    kind: str
    name: str


def object_file(root: Path, key: Key) -> Path:
    """Return the file of a live object."""
    return root / "kubernetes" / (key.namespace or CLUSTER_FOLDER) / key.kind / f"{key.name}.yaml"


def cloud_file(root: Path, address: str) -> Path:
    """Return the file of a cloud resource."""
    return root / "cloud" / f"{address.replace('/', '_')}.json"


def log_file(root: Path, namespace: str, workload: str) -> Path:
    """Return the log file of a workload."""
    return root / "logs" / namespace / f"{workload}.jsonl"


class EstateFiles:
    """Reads an estate directory, parsing again only the files that changed since this instance read them last."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._parsed: dict[Path, tuple[tuple[int, int, int], Object]] = {}

    def objects(self) -> Iterator[tuple[Path, Object | ValueError]]:
        """Yield each live object with its file, or the error why the file can't be parsed, in the order of paths."""
        yield from self._each(self.root / "kubernetes", "*/*/*.yaml")

    def cloud(self) -> Iterator[tuple[Path, Object | ValueError]]:
        """Yield each cloud resource with its file, or the error why the file can't be parsed."""
        yield from self._each(self.root / "cloud", "*.json")

    def one(self, file: Path) -> Object | None:
        """Return the document of a file, or None when there is no such file.

        Raises:
            ValueError: the file can't be parsed, or holds no object.
        """
        try:
            seen = file.stat()
        except FileNotFoundError:
            self._parsed.pop(file, None)
            return None
        stamp = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        known = self._parsed.get(file)
        if known and known[0] == stamp:
            return known[1]
        body = _parse(file)
        self._parsed[file] = (stamp, body)
        return body

    def _each(self, folder: Path, pattern: str) -> Iterator[tuple[Path, Object | ValueError]]:
        inside = self.root.resolve()
        for file in sorted(folder.glob(pattern)):
            if file.is_symlink() and not file.resolve().is_relative_to(inside):
                yield file, NoDocument("a symbolic link that leads out of the estate; not followed", None)
                continue
            try:
                body = self.one(file)
            except ValueError as error:
                yield file, error
                continue
            # A file may vanish between the listing and the reading; then the object is gone.
            if body is not None:
                yield file, body


def lines(file: Path) -> Iterator[Object]:
    """Yield the objects of a JSONL file; a torn or broken line is left out, an absent file is empty."""
    if not file.exists():
        return
    for line in read_lines(file):
        if isinstance(line, Line):
            yield line.value


def _parse(file: Path) -> Object:
    """Read one document, as carefully as any that comes from outside: an estate may be a dump of a real one."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise ValueError("no regular file")
    with file.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES >> 20} MiB")
    parts = list(read_documents(data, name=file.name, plain=resolve_core))
    if len(parts) != 1:
        raise ValueError("holds no single document")
    part = parts[0]
    if isinstance(part, Broken):
        raise NoDocument(part.reason, part.line)
    if not isinstance(part.value, dict):
        raise ValueError("holds no object")
    return part.value
