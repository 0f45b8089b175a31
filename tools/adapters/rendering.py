"""What is rendered from a tree of files, whatever renders it, and renderings kept from one reading to the next."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from graph.packed import Bundle
from graph.version import Document, Unreadable
from tools.adapters.file_tree import FileTree

Found: TypeAlias = Document | Unreadable

MOST_KEPT: Final = 256
"""Renderings that are kept; a history of overlays asks for each of them at two commits in a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Files that are rendered together: one kustomization with all that it builds on, or one release of a chart."""

    file: str
    """The file that stands for it in messages."""
    files: frozenset[str]
    """Every file that its rendering reads."""
    settings: str = ""
    """Everything else that decides what comes out."""
    render: Callable[[], Iterable[Found]]

    def key(self, tree: FileTree) -> bytes:
        """Return a digest of all that the rendering is made from."""
        digest = hashlib.sha256(f"{self.file}\0{self.settings}".encode("utf-8", "surrogatepass"))
        for path in sorted(self.files):
            digest.update(f"\0{path}\0{tree.fingerprint(path)}".encode("utf-8", "surrogatepass"))
        return digest.digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What is to be rendered in a tree."""

    units: Sequence[Unit] = ()
    faults: tuple[Unreadable, ...] = ()
    """What can't even be tried."""
    covered: frozenset[str] = frozenset()
    """Files that must not be read as plain manifests."""


class Held(NamedTuple):
    """What was rendered together."""

    bundle: Bundle
    faults: tuple[Unreadable, ...]

    @classmethod
    def of(cls, found: Iterable[Found]) -> Held:
        """Hold what a rendering gives."""
        both = list(found)
        bundle = Bundle(one for one in both if isinstance(one, Document))
        return cls(bundle, tuple(one for one in both if isinstance(one, Unreadable)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What a part of a tree gave."""

    bundles: tuple[Bundle, ...]
    faults: tuple[Unreadable, ...]
    covered: frozenset[str]
    """Files that must not be read again as plain manifests."""


class Renderings:
    """Renderings by a digest of all that they were made from, those that were used last."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Held] = {}
        self.made = 0
        """How often something was rendered."""

    def has(self, unit: Unit, tree: FileTree) -> bool:
        """Whether a unit was rendered as it is."""
        return unit.key(tree) in self._kept

    def of(self, unit: Unit, tree: FileTree) -> Held:
        """Return what a unit of a tree gives, rendered only when it was not before."""
        key = unit.key(tree)
        found = self._kept.pop(key, None)
        if found is None:
            self.made += 1
            found = Held.of(unit.render())
        self._kept[key] = found
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return found

    def all_of(self, units: Units, tree: FileTree) -> Rendering:
        """Return what all units of a tree give."""
        found = [self.of(unit, tree) for unit in units.units]
        faults = (*units.faults, *(fault for held in found for fault in held.faults))
        return Rendering(bundles=tuple(held.bundle for held in found), faults=faults, covered=units.covered)
