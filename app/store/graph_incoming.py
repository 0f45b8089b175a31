"""Documents on their way into the store: made only where something about them is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import NamedTuple

from graph.packed import Entry, Packed, digest_of, text_of
from graph.version import Document


class Incoming(NamedTuple):
    """A document that a source gave; it is made only where something about it is new."""

    entry: Entry
    look: Callable[[], Document]

    @property
    def uid(self) -> str:
        return self.entry.resource.uid

    @property
    def blob(self) -> str:
        return self.entry.digest


def incoming_parts(documents: Sequence[Document], size: int) -> Iterator[Mapping[str, Incoming]]:
    """Cut documents into parts of a size that are stored together, by uid."""
    part: dict[str, Incoming] = {}
    for item in _packed(documents) if isinstance(documents, Packed) else _loose(documents):
        part[item.uid] = item
        if len(part) == size:
            yield part
            part = {}
    if part:
        yield part


def _packed(documents: Packed) -> Iterator[Incoming]:
    for piece in documents.pieces:
        made = cache(piece.documents)
        yield from (Incoming(entry, partial(_nth, made, n)) for n, (_, entry) in enumerate(piece.chosen))


def _nth(made: Callable[[], Sequence[Document]], number: int) -> Document:
    return made()[number]


def _loose(documents: Sequence[Document]) -> Iterator[Incoming]:
    for document in documents:
        entry = Entry(document.resource, document.origin, digest_of(text_of(document.body)))
        yield Incoming(entry, partial(_same, document))


def _same(document: Document) -> Document:
    return document
