"""Terraform files of a tree: which stack each belongs to, and what they say of one facet. Evaluates nothing itself.

Intended state comes from a plan in JSON when there is one, else from the literal values of the source, else from the
state file. Applied and actual state come from the plan (its prior state, refreshed), else from the state file.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from graph.document import Object
from graph.errors import Invalid
from graph.kinds.terraform.address import without_keys
from graph.kinds.terraform.document import document
from graph.kinds.terraform.plan import is_plan, read_plan
from graph.kinds.terraform.state import read_state
from graph.resource import Facet, Platform, Resource, terraform_uid
from graph.version import Document, Origin, Unreadable
from tools.adapters.documents import decode
from tools.adapters.file_tree import FileTree
from tools.adapters.hcl import HclFile, HclResource, declared_blocks, read_hcl

_MAX_BYTES: Final = 2**19
"""The parser reads some ten kilobytes in a second; hand-written source is far smaller."""
_MAX_SECONDS: Final = 120.0
"""Of processor time for the source of one tree. Blocks that were parsed are kept, so the next reading gets further."""


@dataclass(slots=True)
class _Stack:
    """Files of one root module."""

    name: str
    plans: list[tuple[str, Object]] = field(default_factory=list)
    states: list[tuple[str, Object]] = field(default_factory=list)


class TerraformFiles:
    """Collects the Terraform files of a tree, then says what they hold."""

    def __init__(self, tree: FileTree, *, stack: str, salt: bytes) -> None:
        self._stack = stack
        self._salt = salt
        self._sources: dict[str, dict[str, HclFile]] = {}
        self._json: list[tuple[str, Object]] = []
        self.faults: list[Unreadable] = []
        broken: list[tuple[str, str, Invalid]] = []
        self._until = time.thread_time() + _MAX_SECONDS
        for path in tree.paths():
            if path.endswith(".tf"):
                self._read_source(tree, path, broken)
            elif path.endswith(".tf.json"):
                self.faults.append(Unreadable(where=path, reason="Terraform source in JSON is not read; give a plan"))
        self._prefixes = self._module_prefixes()
        self._roots = sorted({""} if not self._sources else self._sources.keys() - self._called())
        self._blocks = dict(self._block_origins())
        for path, text, error in broken:
            self.faults += self._broken(path, text, error)

    def add(self, path: str, value: Object) -> None:
        """Take a plan or a state that stands in the file `path`."""
        self._json.append((path, value))

    def read(self, facet: Facet) -> Iterator[Document | Unreadable]:
        """Yield what all files together say of one facet."""
        yield from self.faults
        stacks = self._stacks()
        for stack in stacks.values():
            yield from self._read_json(stack, facet)
        if facet is Facet.INTENDED:
            planned = {s.name for s in stacks.values() if s.plans}
            for root in self._roots:
                name = self._name(root)
                if name not in planned and root in self._sources:
                    yield from self._read_literals(root, name)

    def _read_json(self, stack: _Stack, facet: Facet) -> Iterator[Document | Unreadable]:
        for path, value in stack.plans:
            try:
                reading = read_plan(value, stack=stack.name, salt=self._salt)
            except Invalid as error:
                yield Unreadable(where=path, reason=error.reason)
                continue
            side = {Facet.INTENDED: reading.intended, Facet.APPLIED: reading.applied, Facet.ACTUAL: reading.actual}
            for one in side[facet]:
                yield replace(one, origin=self._origin(one, stack.name, path))
        has_source = any(self._name(root) == stack.name for root in self._roots if root in self._sources)
        if stack.plans or (facet is Facet.INTENDED and has_source):
            return
        for path, value in stack.states:
            try:
                for one in read_state(value, stack=stack.name, salt=self._salt):
                    yield replace(one, origin=self._origin(one, stack.name, path))
            except Invalid as error:
                yield Unreadable(where=path, reason=error.reason)

    def _read_literals(self, root: str, stack: str) -> Iterator[Document | Unreadable]:
        for folder, prefixes in self._prefixes.items():
            for prefix in (p for r, p in prefixes if r == root):
                for path, source in self._sources[folder].items():
                    for block in source.resources:
                        yield from _from_block(block, prefix, stack, path, self._salt)

    def _stacks(self) -> Mapping[str, _Stack]:
        stacks: dict[str, _Stack] = {}
        for path, value in self._json:
            name = self._name(self._home(posixpath.dirname(path)))
            stack = stacks.setdefault(name, _Stack(name))
            (stack.plans if is_plan(value) else stack.states).append((path, value))
        return stacks

    def _home(self, folder: str) -> str:
        """Return the root module to which a plan or state in `folder` belongs: its own, else the only one."""
        if folder in self._roots or len(self._roots) != 1:
            return folder
        return self._roots[0]

    def _name(self, root: str) -> str:
        """Return the name of a stack; several root modules in one tree must not share their addresses."""
        if len(self._roots) == 1 and root == self._roots[0]:
            return self._stack
        return f"{self._stack}:{root.replace('/', ':')}" if root else self._stack

    def _read_source(self, tree: FileTree, path: str, broken: list[tuple[str, str, Invalid]]) -> None:
        text = ""
        files = self._sources.setdefault(posixpath.dirname(path), {})
        try:
            text = decode(tree.read(path, limit=_MAX_BYTES))
            if time.thread_time() > self._until:
                raise Invalid(f"not parsed: the source files before it took more than {_MAX_SECONDS:.0f} s")
            files[path] = read_hcl(text)
        except Invalid as error:
            broken.append((path, text, error))

    def _broken(self, path: str, text: str, error: Invalid) -> Iterator[Unreadable]:
        yield Unreadable(where=path, reason=error.reason, line=error.line)
        for root, prefix in self._prefixes.get(posixpath.dirname(path), ()):
            for kind, type_, name, line in declared_blocks(text):
                if kind == "resource":
                    resource = _resource(self._name(root), f"{prefix}{type_}.{name}", type_, name)
                    yield Unreadable(where=path, reason=error.reason, line=line, resource=resource)

    def _called(self) -> set[str]:
        return {child for folder, files in self._sources.items() for _, child in _calls(folder, files)}

    def _module_prefixes(self) -> dict[str, list[tuple[str, str]]]:
        """Map folder to each (root module, address prefix) under which its resources appear."""
        prefixes: dict[str, list[tuple[str, str]]] = {folder: [] for folder in self._sources}
        for root in sorted(self._sources.keys() - self._called()):
            waiting = [(root, "", 0)]
            while waiting:
                folder, prefix, depth = waiting.pop()
                if folder not in prefixes or depth > 20:
                    continue
                prefixes[folder].append((root, prefix))
                calls = _calls(folder, self._sources[folder])
                waiting += [(child, f"{prefix}module.{name}.", depth + 1) for name, child in calls]
        return prefixes

    def _origin(self, one: Document, stack: str, path: str) -> Origin:
        address = without_keys(one.resource.display)
        return self._blocks.get((stack, address), Origin(file=path))

    def _block_origins(self) -> Iterator[tuple[tuple[str, str], Origin]]:
        for folder, prefixes in self._prefixes.items():
            for root, prefix in prefixes:
                for file, source in self._sources[folder].items():
                    for block in source.resources:
                        address = f"{prefix}{block.type}.{block.name}"
                        yield (self._name(root), address), Origin(file=file, line=block.line)


def _calls(folder: str, files: Mapping[str, HclFile]) -> Sequence[tuple[str, str]]:
    """Return (name, folder) of the local modules that a folder calls."""
    return [
        (module.name, normal if (normal := posixpath.normpath(posixpath.join(folder, module.source))) != "." else "")
        for source in files.values()
        for module in source.modules
        if module.source.startswith((".", "/"))
    ]


def _from_block(block: HclResource, prefix: str, stack: str, path: str, salt: bytes) -> Iterator[Document | Unreadable]:
    address = f"{prefix}{block.type}.{block.name}"
    if block.is_repeated and block.count is None:
        yield Unreadable(
            where=path,
            line=block.line,
            resource=_resource(stack, address, block.type, block.name),
            reason="its count or for_each is an expression: give a plan (`terraform show -json PLAN`)",
        )
        return
    addresses = [f"{address}[{i}]" for i in range(min(block.count, 1000))] if block.count is not None else [address]
    for one in addresses:
        # What an expression gives is known only to Terraform: those places are declared, but not comparable.
        yield document(
            stack=stack,
            type=block.type,
            name=block.name,
            address=one,
            values=block.values,
            salt=salt,
            origin=Origin(file=path, line=block.line),
            unknown=sorted(f"/values{p}" for p in block.expressions),
        )


def _resource(stack: str, address: str, type_: str, name: str) -> Resource:
    return Resource(uid=terraform_uid(stack=stack, address=address), platform=Platform.TERRAFORM, kind=type_, name=name)
