"""A target in memory, with versions, that can be made to fail, to change by itself, and to be slow to settle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graph.action import Action, FieldEdit
from graph.document import Object, put
from graph.errors import Conflict, PlumblineError
from tools.actions.holding import holds
from tools.actions.target import LiveObject


class FakeTarget:
    """Objects by uid. `writes` counts what took effect."""

    def __init__(self, objects: dict[str, Object]) -> None:
        self.objects = objects
        self.writes: list[tuple[str, str]] = []
        self.revision = 1
        self.healthy = True
        self.unreadable: PlumblineError | None = None
        self.before_write: Callable[[], None] = lambda: None
        """Called when a write comes in, before anything is decided; may raise."""
        self.after_write: Callable[[], None] = lambda: None
        """Called when a write took effect; may raise, as a lost answer does."""
        self.foresee: Callable[[Action], Object | None] = lambda action: None
        """What a rehearsal gives; may raise."""

    def covers(self, uid: str) -> bool:
        return True

    def read(self, uid: str) -> LiveObject | None:
        if self.unreadable:
            raise self.unreadable
        body = self.objects.get(uid)
        return None if body is None else LiveObject(body=body, version=str(self.revision))

    def is_healthy(self, uid: str) -> bool:
        if self.unreadable:
            raise self.unreadable
        return self.healthy

    def rehearse(self, action: Action, *, version: str) -> Object | None:
        return self.foresee(action)

    def set_fields(self, uid: str, edits: Sequence[FieldEdit], *, version: str) -> None:
        def edited() -> None:
            body = self.objects[uid]
            for edit in edits:
                if not holds(body, edit.path, edit.before):
                    raise Conflict(f"{edit.path} has another value")
                body = put(body, edit.path, edit.after)
            self.objects[uid] = body

        self._write("set_fields", uid, version, edited)

    def create(self, uid: str, body: Object) -> None:
        if uid in self.objects:
            raise Conflict(f"{uid} exists")
        self._write("create", uid, None, lambda: self.objects.__setitem__(uid, body))

    def delete(self, uid: str, *, version: str) -> None:
        self._write("delete", uid, version, lambda: self.objects.__delitem__(uid))

    def restart(self, uid: str, *, version: str) -> None:
        self._write("restart", uid, version, lambda: self._mark(uid, "restarted"))

    def resync_secret(self, uid: str, *, version: str) -> None:
        self._write("resync_secret", uid, version, lambda: self._mark(uid, "synced"))

    def change(self, uid: str, path: str, value: object) -> None:
        """Let somebody else change an object."""
        self.objects[uid] = put(self.objects[uid], path, value)
        self.revision += 1

    def _mark(self, uid: str, name: str) -> None:
        self.objects[uid] = put(self.objects[uid], f"/metadata/annotations/{name}", str(self.revision))

    def _write(self, kind: str, uid: str, version: str | None, effect: Callable[[], None]) -> None:
        self.before_write()
        if version is not None and version != str(self.revision):
            raise Conflict(f"{uid} changed since it was looked at")
        effect()
        self.revision += 1
        self.writes.append((kind, uid))
        self.after_write()
