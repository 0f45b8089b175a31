"""An estate that remembers its writes in order, as etcd does, and forgets the oldest. Knows no protocol."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from graph.document import Object
from tools.actions.simulated_cluster.store import EstateStore
from tools.adapters.estate_files import Key


class Write(NamedTuple):
    """One change of one object."""

    revision: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    body: Object
    """As it is now; what is gone as it was last, with the version of its deletion."""


class RecordedStore(EstateStore):
    """Keeps the last writes for those who watch, and audit records in a file where one is given.

    Whoever reads or writes holds `changed`; it is notified with each write.
    """

    def __init__(
        self, *, audit: Path | None = None, kept: int = 1000, tell: Callable[[Write], None] | None = None
    ) -> None:
        """Begin empty.

        Args:
            audit: file to which audit records are appended at once.
            kept: how many writes are remembered.
            tell: is told of each write before its audit record is there.
        """
        super().__init__()
        self.changed = threading.Condition(threading.RLock())
        self.writes: deque[Write] = deque()
        self.forgotten = 0
        """Revision up to which writes are forgotten: whoever wants to go on from before it must list again."""
        self._audit = audit
        self._kept = kept
        self._tell = tell

    @property
    def revision(self) -> int:
        """Version of the whole cluster."""
        return int(self.runtime["revision"])

    def put(self, key: Key, body: Object) -> None:
        """Keep an object, and remember that it was written."""
        before = self.objects.get(key)
        super().put(key, body)
        if before != body:
            self._remember("MODIFIED" if before is not None else "ADDED", body)

    def remove(self, key: Key) -> None:
        """Forget an object, and remember that it was there."""
        body = self.objects.get(key)
        super().remove(key)
        if body is not None:
            revision = {"resourceVersion": self.next_revision()}
            self._remember("DELETED", {**body, "metadata": {**body["metadata"], **revision}})

    def append(self, file: str, record: Object) -> None:
        """Write an audit record; other records are of no interest here."""
        if self._audit is not None and file.startswith("audit/"):
            with self._audit.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record, separators=(",", ":")) + "\n")

    def forget(self) -> None:
        """Forget all writes so far, as etcd does when it is compacted."""
        with self.changed:
            self.next_revision()
            self.writes.clear()
            self.forgotten = self.revision

    def since(self, revision: int) -> Iterable[Write] | None:
        """Return the writes after a version of the cluster, oldest first; None when some of them are forgotten."""
        if revision < self.forgotten:
            return None
        return [w for w in self.writes if w.revision > revision]

    def _remember(self, type: Literal["ADDED", "MODIFIED", "DELETED"], body: Object) -> None:
        with self.changed:
            write = Write(int(body["metadata"]["resourceVersion"]), type, body)
            if self._tell is not None:
                self._tell(write)
            self.writes.append(write)
            while len(self.writes) > self._kept:
                self.forgotten = self.writes.popleft().revision
            self.changed.notify_all()
