"""Helm charts in a tree of files: where they are, what belongs to each, the values of a release. Renders nothing."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from graph.document import Json, Object
from graph.errors import Invalid
from tools.adapters.documents import MAX_YAML_BYTES, Broken, read_documents
from tools.adapters.file_tree import FileTree

CHART_FILE: Final = "Chart.yaml"
_OWN_FILES: Final = frozenset({CHART_FILE, "Chart.lock", "values.yaml", "values.schema.json", "requirements.yaml"})
_OWN_FOLDERS: Final = ("templates/", "crds/", "charts/")
_SUBCHARTS: Final = "charts/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRelease:
    """How one chart is installed."""

    chart: str
    """Folder of the chart, relative to the root of the tree; empty for the root itself."""
    name: str = ""
    """Name of the release; that of the chart when empty."""
    namespace: str | None = None
    """Where it is installed; that of the source when None."""
    values: tuple[str, ...] = ()
    """Files of values below the root of the tree, the last one wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart that no other carries as its subchart."""

    folder: str
    """Relative to the root of the tree; empty for the root."""
    name: str
    files: tuple[str, ...]
    """Everything in its folder, relative to the root of the tree."""
    problem: str = ""
    """Why it can't be rendered; empty when nothing is known against it."""
    is_library: bool = False
    """Only lends templates to others and declares nothing."""

    @property
    def file(self) -> str:
        """Path of its `Chart.yaml`."""
        return posixpath.join(self.folder, CHART_FILE)

    @property
    def covered(self) -> frozenset[str]:
        """Its files that must not be read as plain manifests. What else lies in the folder may well be some."""
        start = len(self.folder) + 1 if self.folder else 0
        return frozenset(p for p in self.files if p[start:] in _OWN_FILES or p[start:].startswith(_OWN_FOLDERS))


def charts(tree: FileTree) -> dict[str, Chart]:
    """Map folder to chart for every chart of a tree; subcharts belong to the chart that carries them."""
    paths = tree.paths()
    folders = {posixpath.dirname(p) for p in paths if posixpath.basename(p) == CHART_FILE}
    carriers = tuple(posixpath.join(f, _SUBCHARTS) for f in folders)
    return {f: _chart(tree, f, paths) for f in sorted(folders) if not f"{f}/".startswith(carriers)}


def merged_values(tree: FileTree, paths: Sequence[str]) -> Object:
    """Return the values that several files give together: mappings are merged, anything else is replaced.

    Raises:
        Invalid: a file is missing, can't be read or holds no mapping.
    """
    values: Object = {}
    for path in paths:
        if path not in tree.paths():
            raise Invalid(f"the file of values {path!r} does not exist in {tree.label!r}")
        values = _merged(values, _mapping(tree, path))
    return values


def _merged(old: Object, new: Object) -> Object:
    both = {k: _merged(old[k], v) for k, v in new.items() if isinstance(v, dict) and isinstance(old.get(k), dict)}
    return {**old, **new, **both}


def _chart(tree: FileTree, folder: str, paths: Sequence[str]) -> Chart:
    inside = f"{folder}/" if folder else ""
    files = tuple(p for p in paths if p.startswith(inside))
    fallback = posixpath.basename(folder) or "chart"
    try:
        body = _mapping(tree, inside + CHART_FILE)
    except Invalid as error:
        return Chart(folder=folder, name=fallback, files=files, problem=error.reason)
    name = body.get("name")
    return Chart(
        folder=folder,
        name=name if isinstance(name, str) and name else fallback,
        files=files,
        is_library=body.get("type") == "library",
    )


def _mapping(tree: FileTree, path: str) -> Object:
    parts = list(read_documents(tree.read(path, limit=MAX_YAML_BYTES), name=path))
    if not parts:
        return {}
    first = parts[0]
    if isinstance(first, Broken):
        raise Invalid(f"{path}: {first.reason}", line=first.line)
    value: Json = first.value
    if len(parts) != 1 or not isinstance(value, Mapping):
        raise Invalid(f"{path} is no YAML mapping")
    return dict(value)
