"""How far a kustomization reaches: the folder above it that holds all it builds on. Renders nothing.

An overlay usually builds on `../../base`. Kustomize allows that for folders with a kustomization of their own, and
keeps each of them to the files below it; so does this. Nothing else outside of the given folder is looked at, and
nothing outside of the git work tree that holds it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graph.document import Object
from graph.errors import Invalid
from tools.adapters.documents import MAX_YAML_BYTES, Broken, read_documents
from tools.adapters.file_tree import DiskTree
from tools.adapters.kustomization import FILE_NAMES, folder_references

_MOST_FOLDERS: Final = 200
"""A hostile chain of kustomizations ends here; real ones have a handful of links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where to read what a path stands for."""

    root: Path
    """Folder or file to open."""
    focus: str = ""
    """Folder below `root` that was asked for; empty: `root` itself."""
    folders: tuple[str, ...] = ()
    """Folders below `root` to read; empty: all."""


def scope(path: Path) -> Scope:
    """Return what to read for a path: itself, or more where the kustomization there builds on folders outside."""
    if path.name in FILE_NAMES and path.is_file():
        path = path.parent
    start = path.resolve()
    if not start.is_dir() or _file(start) is None:
        return Scope(root=path)
    folders = _closure(start)
    root = Path(os.path.commonpath(folders))
    if root == start:
        return Scope(root=path)
    return Scope(
        root=root,
        focus=start.relative_to(root).as_posix(),
        folders=tuple(sorted({f.relative_to(root).as_posix() for f in folders})),
    )


def _closure(start: Path) -> set[Path]:
    """Return the folders with a kustomization that `start` builds on, itself among them."""
    limit = next((f for f in (start, *start.parents) if (f / ".git").exists()), None)
    seen: set[Path] = set()
    waiting = [start]
    while waiting and len(seen) < _MOST_FOLDERS:
        folder = waiting.pop()
        file = _file(folder)
        if file is not None and folder not in seen:
            seen.add(folder)
            waiting += [f for f in _named(folder, _body(file)) if limit is None or f.is_relative_to(limit)]
    return seen


def _file(folder: Path) -> Path | None:
    return next((folder / name for name in FILE_NAMES if (folder / name).is_file()), None)


def _named(folder: Path, body: Object) -> Iterator[Path]:
    for reference in folder_references(body):
        if "://" in reference or "\n" in reference or os.path.isabs(reference):
            continue
        try:
            target = (folder / reference).resolve()
            if target.is_dir():
                yield target
        except (OSError, RuntimeError, ValueError):
            continue  # a name that no file system knows; the rendering says what is wrong with it


def _body(file: Path) -> Object:
    try:
        data = DiskTree(file).read(file.name, limit=MAX_YAML_BYTES)
    except Invalid:
        return {}
    parts = list(read_documents(data, name=file.name))
    if len(parts) != 1 or isinstance(parts[0], Broken) or not isinstance(parts[0].value, dict):
        return {}
    return parts[0].value
