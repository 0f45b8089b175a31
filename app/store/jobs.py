"""Background work that outlives its process: claimed under a lease, fenced, retried, dead after too many attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Update, case, update
from sqlmodel import Session, and_, col, or_, select

from app.store.clock import Clock, utc_now
from app.store.database import Database
from app.store.rows.jobs import JobRow
from app.store.upsert import insert_or_nothing, row_count
from graph.document import Json
from graph.errors import Conflict

_MAX_ATTEMPTS = 5
"""More attempts than a passing fault needs; with doubling pauses they span about a minute."""

_FREE_CLAIMS = 20
"""So often a job may be claimed before the death of its process counts as its own failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One claimed piece of work."""

    id: int
    kind: str
    key: str
    payload: Json
    attempt: int
    """From 1."""
    fence: int
    """Grows with each claim; whoever holds an older one can't finish the job any more."""
    error: str = ""
    """Why the attempt before failed."""


class Jobs:
    """The job table."""

    def __init__(self, database: Database, *, clock: Clock = utc_now, max_attempts: int = _MAX_ATTEMPTS) -> None:
        self._database = database
        self._clock = clock
        self._max_attempts = max_attempts

    def enqueue(self, session: Session, kind: str, key: str, payload: Json, *, run_at: datetime | None = None) -> bool:
        """Ask for work in the caller's transaction; the same (kind, key) waits once.

        Asking for a job that is running lets it run once more when it ends, so that nothing that came in meanwhile is
        missed.

        Returns:
            Whether there is a new row.
        """
        now = self._clock()
        if self._ask_again(session, kind, key, payload):
            return False
        row = JobRow(kind=kind, key=key, payload=payload, status="queued", run_at=run_at or now, created_at=now)
        result = session.execute(insert_or_nothing(session, row))
        # Another transaction of PostgreSQL may have put the job in between the two statements.
        return bool(row_count(result)) or not self._ask_again(session, kind, key, payload)

    def claim(self, worker: str, *, kinds: Sequence[str] | None = None, lease_s: float) -> Job | None:
        """Take the job that is due for longest, or one whose worker let its lease run out; None when there is none.

        Args:
            worker: name of the claimer, for people.
            kinds: take only these.
            lease_s: seconds until others may take it over, unless it is finished or its lease renewed.
        """
        now = self._clock()
        due = or_(
            and_(JobRow.status == "queued", JobRow.run_at <= now),
            and_(JobRow.status == "running", col(JobRow.lease_until) < now),
        )
        wanted = due if kinds is None else and_(due, col(JobRow.kind).in_(kinds))
        with self._database.reading() as session:
            # Most looks find nothing; those must not wait for the write lock.
            if session.exec(select(JobRow.id).where(wanted).limit(1)).first() is None:
                return None
        with self._database.session() as session:
            self._bury(session, now)
            candidate = (
                select(JobRow.id).where(wanted).order_by(col(JobRow.run_at), col(JobRow.id)).limit(1)
            ).with_for_update(skip_locked=True)
            row = session.execute(
                update(JobRow)
                .where(col(JobRow.id) == candidate.scalar_subquery())
                .values(
                    status="running",
                    again=False,
                    worker=worker,
                    lease_until=now + timedelta(seconds=lease_s),
                    attempt=col(JobRow.attempt) + 1,
                    fence=col(JobRow.fence) + 1,
                )
                .returning(JobRow)
            ).scalar_one_or_none()
            return None if row is None else _job(row)

    def heartbeat(self, job: Job, lease_s: float) -> bool:
        """Renew the lease; False when somebody else has the job by now."""
        with self._database.session() as session:
            lease_until = self._clock() + timedelta(seconds=lease_s)
            return bool(row_count(session.execute(self._mine(job).values(lease_until=lease_until))))

    def finish(self, job: Job) -> None:
        """Mark it done; it is queued again when it was asked for while it ran.

        Raises:
            Conflict: somebody else took the job over; what this run did must not count.
        """
        now = self._clock()
        asked_again = col(JobRow.again)
        self._end(
            job,
            status=case((asked_again, "queued"), else_="done"),
            attempt=case((asked_again, 0), else_=col(JobRow.attempt)),
            run_at=case((asked_again, now), else_=col(JobRow.run_at)),
            finished_at=now,
            error="",
            again=False,
            lease_until=None,
        )

    def fail(self, job: Job, error: str, *, retry_at: datetime | None) -> None:
        """Give it back for another attempt at `retry_at` (UTC; None: never), or bury it after too many.

        Raises:
            Conflict: somebody else took the job over.
        """
        now = self._clock()
        if retry_at is None or job.attempt >= self._max_attempts:
            self._end(job, status="dead", error=error, finished_at=now, lease_until=None)
        else:
            self._end(job, status="queued", error=error, run_at=retry_at, lease_until=None)

    def take_back(self) -> int:
        """Queue again what was running; call it when no process lives that could run it. Returns how many.

        That the process was killed is no fault of the job, unless it happens every time.
        """
        is_free = col(JobRow.fence) < _FREE_CLAIMS
        given_back = case((is_free, col(JobRow.attempt) - 1), else_=col(JobRow.attempt))
        left = update(JobRow).where(col(JobRow.status) == "running")
        now = self._clock()
        with self._database.session() as session:
            session.execute(_buried(left.where(~is_free, col(JobRow.attempt) >= self._max_attempts), now))
            values = {"status": "queued", "attempt": given_back, "run_at": now, "lease_until": None}
            return row_count(session.execute(left.values(**values)))

    def dead(self, limit: int = 100) -> list[Job]:
        """Return jobs that were given up, newest first."""
        statement = select(JobRow).where(JobRow.status == "dead").order_by(col(JobRow.id).desc()).limit(limit)
        with self._database.reading() as session:
            return [_job(row) for row in session.exec(statement)]

    def _ask_again(self, session: Session, kind: str, key: str, payload: Json) -> bool:
        """Let a live job of this name run with the newest payload, again if it runs already."""
        live = and_(JobRow.kind == kind, JobRow.key == key, col(JobRow.status).in_(("queued", "running")))
        running = col(JobRow.status) == "running"
        return bool(row_count(session.execute(update(JobRow).where(live).values(payload=payload, again=running))))

    def _bury(self, session: Session, now: datetime) -> None:
        """Give up jobs whose workers died too often."""
        given_up = update(JobRow).where(
            col(JobRow.status) == "running",
            col(JobRow.lease_until) < now,
            col(JobRow.attempt) >= self._max_attempts,
        )
        session.execute(_buried(given_up, now))

    def _mine(self, job: Job) -> Update:
        return update(JobRow).where(
            col(JobRow.id) == job.id, col(JobRow.status) == "running", col(JobRow.fence) == job.fence
        )

    def _end(self, job: Job, **values: object) -> None:
        with self._database.session() as session:
            if not row_count(session.execute(self._mine(job).values(**values))):
                raise Conflict(f"job {job.id} ({job.kind} {job.key!r}) is not held by this worker any more")


def _buried(jobs: Update, now: datetime) -> Update:
    return jobs.values(status="dead", error="its worker stopped answering too often", finished_at=now)


def _job(row: JobRow) -> Job:
    assert row.id is not None
    return Job(
        id=row.id,
        kind=row.kind,
        key=row.key,
        payload=row.payload,
        attempt=row.attempt,
        fence=row.fence,
        error=row.error,
    )
