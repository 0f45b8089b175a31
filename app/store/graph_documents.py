"""Documents of versions, read when somebody looks at them, and kept as long as there is room."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from app.store.database import Database
from app.store.graph_bodies import PastBody, texts_of
from app.store.graph_rows import documents_of
from graph.codec import decode
from graph.document import Object
from graph.version import Origin

MOST_BYTES = 48 * 2**20
"""Of JSON text. As objects in memory it is about seven times as much."""


class Content(NamedTuple):
    """What a version holds, and where it stands in version control."""

    body: Object
    origin: Origin | None


class Documents:
    """The documents of one database. Safe for several threads."""

    def __init__(self, database: Database, *, most_bytes: int = MOST_BYTES) -> None:
        self._database = database
        self._most = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[int, int, Content]] = OrderedDict()
        self._bytes = 0

    def get(self, id: int, revision: int) -> Content:
        """Return the document of a version row as it was in a revision or later."""
        return self.get_all({id: revision})[id]

    def get_all(self, wanted: Mapping[int, int]) -> Mapping[int, Content]:
        """Return documents by the id of their row; `wanted` maps each id to its least revision."""
        found: dict[int, Content] = {}
        with self._lock:
            for id, revision in wanted.items():
                kept = self._kept.get(id)
                if kept is not None and kept[0] >= revision:
                    self._kept.move_to_end(id)
                    found[id] = kept[2]
        missing = [id for id in wanted if id not in found]
        if missing:
            found |= self._read(missing)
        return found

    def get_past(self, environment: str, wanted: Mapping[int, PastBody]) -> Mapping[int, Content]:
        """Return what version rows held once; it is not kept, since the past is asked for seldom."""
        with self._database.reading() as session:
            texts = dict(texts_of(session, environment, sorted({past.blob for past in wanted.values()})))
        return {id: _content(texts[past.blob], past.origin) for id, past in wanted.items()}

    def _read(self, ids: list[int]) -> dict[int, Content]:
        with self._database.reading() as session:
            rows = list(documents_of(session, ids))
        found = {}
        for id, revision, origin, body in rows:
            found[id] = _content(body, origin)
            self._keep(id, revision, len(body), found[id])
        return found

    def _keep(self, id: int, revision: int, size: int, content: Content) -> None:
        with self._lock:
            old = self._kept.pop(id, None)
            self._bytes += size - (old[1] if old else 0)
            self._kept[id] = revision, size, content
            while self._bytes > self._most and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1][1]


def _content(body: str, origin: str) -> Content:
    return Content(json.loads(body), None if origin == "null" else decode(Origin, json.loads(origin)))


def in_parts(ids: Iterable[tuple[int, int]], size: int = 500) -> Iterable[Mapping[int, int]]:
    """Cut (id, revision) pairs into mappings that are read at once."""
    part: dict[int, int] = {}
    for id, revision in ids:
        part[id] = revision
        if len(part) == size:
            yield part
            part = {}
    if part:
        yield part
