"""Many documents in little room: what is at hand are their identities and digests, and bodies are made when looked at.

Bodies as objects in memory take about seven times as much as their text, and their text compresses well because the
objects of one kind look alike. Whoever reads all of a large estate holds it like this.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Final, NamedTuple, overload

from graph.document import Json, Object
from graph.resource import Resource
from graph.version import Document, Origin

TOGETHER: Final = 500
"""Documents that are packed together where nothing else says which belong together."""
_LEVEL: Final = 1
"""Of compression: higher ones take several times as long for a tenth of the room."""


class Entry(NamedTuple):
    """One document, but for its body."""

    resource: Resource
    origin: Origin | None
    digest: str
    """`digest_of` the body."""


def text_of(body: Json) -> str:
    """Return the text of a body; equal bodies have equal texts."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def digest_of(text: str) -> str:
    """Return the SHA-256 of the text of a body."""
    return hashlib.sha256(text.encode()).hexdigest()


class Bundle:
    """Documents that are packed, and unpacked, together."""

    __slots__ = ("_data", "entries")

    def __init__(self, documents: Iterable[Document]) -> None:
        """Pack documents."""
        bodies: list[Object] = []
        entries: list[Entry] = []
        for document in documents:
            entries.append(Entry(document.resource, document.origin, digest_of(text_of(document.body))))
            bodies.append(document.body)
        self.entries = tuple(entries)
        # The order of keys is kept as it was read.
        self._data = zlib.compress(json.dumps(bodies, separators=(",", ":")).encode(), _LEVEL)

    def bodies(self) -> list[Object]:
        """Make the bodies, in the order of `entries`."""
        found: list[Object] = json.loads(zlib.decompress(self._data))
        return found


class Piece(NamedTuple):
    """Some documents of a bundle."""

    bundle: Bundle
    chosen: Sequence[tuple[int, Entry]]
    """Places in the bundle, and what is said of the documents there: origins may be known better by now."""

    def documents(self) -> list[Document]:
        """Make the documents."""
        bodies = self.bundle.bodies()
        return [Document(resource=e.resource, body=bodies[i], origin=e.origin) for i, e in self.chosen]


def together(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join pieces of the same bundle that follow one another, so that it is unpacked once."""
    for _, some in groupby(pieces, key=lambda piece: id(piece.bundle)):
        same = list(some)
        yield Piece(same[0].bundle, [one for piece in same for one in piece.chosen])


class Packed(Sequence[Document]):
    """A sequence of documents, each of which is made anew whenever it is looked at."""

    __slots__ = ("_count", "pieces")

    def __init__(self, pieces: Iterable[Piece | Bundle]) -> None:
        """Join pieces, or whole bundles."""
        made = (Piece(p, tuple(enumerate(p.entries))) if isinstance(p, Bundle) else p for p in pieces)
        self.pieces = tuple(p for p in made if p.chosen)
        self._count = sum(len(p.chosen) for p in self.pieces)

    def entries(self) -> Iterator[Entry]:
        """Yield what is known of each document without making it."""
        return (entry for piece in self.pieces for _, entry in piece.chosen)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Document]:
        for piece in self.pieces:
            yield from piece.documents()

    @overload
    def __getitem__(self, index: int) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Document]: ...
    def __getitem__(self, index: int | slice) -> Document | Sequence[Document]:
        if isinstance(index, slice):
            return list(self)[index]
        place = index + self._count if index < 0 else index
        for piece in self.pieces:
            if 0 <= place < len(piece.chosen):
                return piece.documents()[place]
            place -= len(piece.chosen)
        raise IndexError(index)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Packed):
            return [*self.entries()] == [*other.entries()]
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


def identities(documents: Sequence[Document]) -> Iterator[Resource]:
    """Yield of which resources documents are, without making those that are packed."""
    if isinstance(documents, Packed):
        return (entry.resource for entry in documents.entries())
    return (document.resource for document in documents)


def portions(documents: Sequence[Document], size: int) -> list[Sequence[Document]]:
    """Cut documents into portions of about `size`, at least one."""
    if len(documents) <= size:
        return [documents]
    found: list[Sequence[Document]] = []
    pieces: list[Piece] = []
    room = size
    for piece in packed(documents).pieces:
        pieces.append(piece)
        room -= len(piece.chosen)
        if room <= 0:
            found.append(Packed(pieces))
            pieces, room = [], size
    return [*found, Packed(pieces)] if pieces else found


def fingerprint(documents: Sequence[Document]) -> str:
    """Return a digest of which documents these are, what they say, and where they stand."""
    whole = hashlib.sha256()
    for resource, origin, digest in packed(documents).entries():
        place = (origin.file, origin.line, origin.commit, origin.repository) if origin else ()
        whole.update(f"{resource.uid}\0{digest}\0{place}\0".encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def packed(documents: Sequence[Document]) -> Packed:
    """Return documents packed; as they are, when they are so already."""
    if isinstance(documents, Packed):
        return documents
    return Packed(_bundles(iter(documents)))


def _bundles(documents: Iterator[Document]) -> Iterator[Bundle]:
    while some := list(islice(documents, TOGETHER)):
        yield Bundle(some)
