"""Who of several processes does something alone: held for a time, renewed, and taken over when that time is past."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, or_, update
from sqlmodel import col

from app.store.clock import Clock, utc_now
from app.store.database import Database
from app.store.rows.drift import LeaseRow
from app.store.upsert import insert_or_nothing, row_count


class Leases:
    """The lease table."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def hold(self, name: str, holder: str, *, for_s: float) -> bool:
        """Take a lease that is free, over, or one's own, until `for_s` seconds from now; False when another has it."""
        now = self._clock()
        until = now + timedelta(seconds=for_s)
        with self._database.session() as session:
            row = LeaseRow(name=name, holder=holder, until=until)
            if row_count(session.execute(insert_or_nothing(session, row))):
                return True
            mine_or_over = or_(col(LeaseRow.holder) == holder, col(LeaseRow.until) < now)
            taken = update(LeaseRow).where(col(LeaseRow.name) == name, mine_or_over)
            return bool(row_count(session.execute(taken.values(holder=holder, until=until))))

    def release(self, name: str, holder: str) -> None:
        """Give a lease back; nothing happens when another has it."""
        with self._database.session() as session:
            session.execute(delete(LeaseRow).where(col(LeaseRow.name) == name, col(LeaseRow.holder) == holder))

    def release_all(self) -> None:
        """Give all leases back; call it when no process lives that could hold one."""
        with self._database.session() as session:
            session.execute(delete(LeaseRow))
