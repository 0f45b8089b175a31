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

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from graph.document import Object

_LOADER: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

CLUSTER_FOLDER = "_cluster"


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
            stat = file.stat()
        except FileNotFoundError:
            self._parsed.pop(file, None)
            return None
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        known = self._parsed.get(file)
        if known and known[0] == stamp:
            return known[1]
        body = _parse(file)
        self._parsed[file] = (stamp, body)
        return body

    def _each(self, folder: Path, pattern: str) -> Iterator[tuple[Path, Object | ValueError]]:
        for file in sorted(folder.glob(pattern)):
            try:
                body = self.one(file)
            except ValueError as error:
                yield file, error
                continue
            # A file may vanish between the listing and the reading; then the object is gone.
            if body is not None:
                yield file, body


def lines(file: Path) -> Iterator[Object]:
    """Yield the objects of a JSONL file; a torn last line is left out, an absent file is empty."""
    if not file.exists():
        return
    with file.open(encoding="utf-8") as stream:
        for line in stream:
            if line.endswith("\n") and line.strip():
                yield json.loads(line)


def _parse(file: Path) -> Object:
    try:
        text = file.read_text(encoding="utf-8")
        body = json.loads(text) if file.suffix == ".json" else yaml.load(text, Loader=_LOADER)  # noqa: S506
    except yaml.YAMLError as error:
        raise ValueError(str(error).replace("\n", " ")) from error
    if not isinstance(body, dict):
        raise ValueError("holds no object")
    return body
