"""What a kustomization refers to, read without rendering it: which files it covers, and whether it may be rendered."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from graph.document import Json, Object
from graph.errors import Invalid
from tools.adapters.documents import MAX_YAML_BYTES, Broken, Located, read_documents
from tools.adapters.file_tree import FileTree

FILE_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""Names under which kustomize looks for its file in a folder."""

_PATH_LISTS: Final = (
    "resources",
    "bases",
    "components",
    "crds",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "patchesStrategicMerge",
)
_PATH_OBJECTS: Final = ("patches", "patchesJson6902", "replacements")
_GENERATORS: Final = ("configMapGenerator", "secretGenerator")
_REMOTE: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|git::|git@|[a-z0-9.-]+\.(?:com|org|net|io|dev)[/:])", re.IGNORECASE
)


@dataclass(slots=True)
class Kustomization:
    """One kustomization folder and everything below it that rendering reads."""

    folder: str
    """Relative to the root of the tree; empty for the root."""
    file: str
    body: Object
    files: set[str] = field(default_factory=set)
    """Files it names itself, without those of the folders it builds on."""
    folders: set[str] = field(default_factory=set)
    """Other kustomization folders it builds on."""
    problems: list[str] = field(default_factory=list)
    """Why it must not be rendered."""

    @property
    def is_component(self) -> bool:
        """Whether it only makes sense as a part of another."""
        return self.body.get("kind") == "Component"


def kustomizations(tree: FileTree) -> dict[str, Kustomization]:
    """Map folder to kustomization for every one in the tree."""
    paths = set(tree.paths())
    folders = {posixpath.dirname(p) for p in paths}
    found: dict[str, Kustomization] = {}
    for path in sorted(paths):
        folder, _, name = path.rpartition("/")
        if name in FILE_NAMES and folder not in found:
            one = Kustomization(folder, path, _body(tree, path))
            if not one.body:
                one.problems.append("is no YAML mapping or can't be parsed")
            _follow(one, paths, folders)
            found[folder] = one
    for one in found.values():
        lost = sorted(f for f in one.folders if f not in found)
        one.problems += [f"refers to folder {f or '.'!r}, which holds no kustomization" for f in lost]
    return found


def roots(found: Mapping[str, Kustomization], focus: str = "") -> Sequence[Kustomization]:
    """Return what to render: the one in the folder that was asked for, else all that no other builds on."""
    if focus in found:
        return [found[focus]]
    built_on = {folder for one in found.values() for folder in one.folders}
    return [one for folder, one in found.items() if folder not in built_on and not one.is_component]


def closure(root: Kustomization, found: Mapping[str, Kustomization]) -> list[Kustomization]:
    """Return `root` and all that it builds on, each once."""
    seen: dict[str, Kustomization] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if one.folder not in seen:
            seen[one.folder] = one
            waiting += [found[f] for f in sorted(one.folders) if f in found]
    return list(seen.values())


def _body(tree: FileTree, path: str) -> Object:
    try:
        parts = list(read_documents(tree.read(path, limit=MAX_YAML_BYTES), name=path))
    except Invalid:
        return {}
    if len(parts) != 1 or isinstance(parts[0], Broken) or not isinstance(parts[0].value, dict):
        return {}
    return parts[0].value


def _follow(one: Kustomization, paths: Collection[str], folders: Collection[str]) -> None:
    for reference in _references(one.body):
        if "\n" in reference:
            continue  # an inline patch
        path = posixpath.normpath(posixpath.join(one.folder or ".", reference))
        path = "" if path == "." else path
        if path in paths:
            one.files.add(path)
        elif path in folders or any(f.startswith(path + "/") for f in folders):
            one.folders.add(path)
        elif _REMOTE.match(reference):
            one.problems.append(f"refers to the remote place {reference!r}, which is not fetched")
        elif path.startswith(("../", "/")) or path == "..":
            one.problems.append(f"refers to {reference!r}, which lies outside of the folder that is read")
        else:
            one.problems.append(f"refers to {reference!r}, which does not exist")


def folder_references(body: Object) -> Iterator[str]:
    """Yield the references that may name folders with kustomizations of their own."""
    for key in ("resources", "bases", "components"):
        yield from (text for text in _list(body.get(key)) if isinstance(text, str))


def _references(body: Object) -> Iterator[str]:
    for key in _PATH_LISTS:
        yield from (text for text in _list(body.get(key)) if isinstance(text, str))
    for key in _PATH_OBJECTS:
        yield from _texts(body.get(key), "path")
    for key in _GENERATORS:
        for generator in _list(body.get(key)):
            if isinstance(generator, dict):
                sources = [*_list(generator.get("files")), *_list(generator.get("envs")), generator.get("env")]
                yield from (s.partition("=")[2] or s for s in sources if isinstance(s, str))
    yield from _texts([body.get("openapi")], "path")


def _texts(items: Json, key: str) -> Iterator[str]:
    for item in _list(items):
        if isinstance(item, dict) and isinstance(item.get(key), str):
            yield item[key]


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def source_documents(tree: FileTree, chain: Sequence[Kustomization]) -> Iterator[tuple[str, Located | Broken]]:
    """Yield (file, document) of every YAML file that the kustomizations name."""
    for path in sorted({p for one in chain for p in one.files}):
        if path.endswith((".yaml", ".yml", ".json")):
            try:
                data = tree.read(path, limit=MAX_YAML_BYTES)
            except Invalid as error:
                yield path, Broken(reason=error.reason)
                continue
            for part in read_documents(data, name=path):
                yield path, part
