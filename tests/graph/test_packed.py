"""Packed documents are the same sequence of documents as those that were packed."""

from __future__ import annotations

from evals.scale.estate import Estate, document
from graph.packed import Bundle, Packed, Piece, fingerprint, identities, packed, portions, together
from graph.version import Document, Origin

DOCUMENTS = [document(body) for body in Estate(objects=28).live()]


def test_packed_documents_are_the_same_sequence() -> None:
    """By each way to look at them."""
    found = Packed([Bundle(DOCUMENTS[:5]), Bundle(()), Bundle(DOCUMENTS[5:])])
    assert [*found] == DOCUMENTS
    assert found == DOCUMENTS
    assert found == packed(DOCUMENTS)
    assert found != DOCUMENTS[1:]
    assert (found[4], found[5], found[-1]) == (DOCUMENTS[4], DOCUMENTS[5], DOCUMENTS[-1])
    assert found[3:7] == DOCUMENTS[3:7]
    assert len(found) == len(DOCUMENTS)
    assert [*identities(found)] == [d.resource for d in DOCUMENTS]


def test_portions_are_all_documents_once() -> None:
    """Whether they are packed or not."""
    for documents in (DOCUMENTS, Packed(Bundle([d]) for d in DOCUMENTS)):
        found = portions(documents, 4)
        assert [d for some in found for d in some] == DOCUMENTS
        assert len(found) > 1 or not isinstance(documents, Packed)
    assert portions((), 4) == [()]


def test_what_is_said_of_a_document_may_be_known_better_later() -> None:
    """Its origin is told with its commit; a part of a bundle is what was chosen of it."""
    bundle = Bundle(DOCUMENTS[:3])
    origin = Origin(file="a.yaml", commit="c")
    pieces = [Piece(bundle, [(i, bundle.entries[i]._replace(origin=origin))]) for i in (0, 2)]
    (piece,) = together(pieces)
    first, third = DOCUMENTS[0], DOCUMENTS[2]
    assert [*Packed([piece])] == [Document(resource=d.resource, body=d.body, origin=origin) for d in (first, third)]


def test_the_fingerprint_tells_content_and_place() -> None:
    """What is the same has the same one, packed or not."""
    moved = [Document(resource=d.resource, body=d.body, origin=Origin(file="b.yaml")) for d in DOCUMENTS]
    changed = [Document(resource=d.resource, body={**d.body, "x": 1}) for d in DOCUMENTS]
    assert fingerprint(DOCUMENTS) == fingerprint(Packed(Bundle([d]) for d in DOCUMENTS))
    assert len({fingerprint(some) for some in (DOCUMENTS, moved, changed, DOCUMENTS[:-1])}) == 4
