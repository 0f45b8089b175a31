"""Workers do each job once, retry what fails, and survive a database that is away at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.alone import Presence
from app.store.database import Database
from app.store.jobs import Job, Jobs
from app.worker import Handler, Workers
from graph.document import Object
from graph.errors import Conflict, Unreachable
from tests.app.store.samples import Time

_PATIENCE_S = 10.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'plumbline.db'}")
    made.migrate()
    yield made
    made.dispose()


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


@pytest.fixture
def start(jobs: Jobs) -> Iterator[Callable[..., Workers]]:
    """Start workers with one handler; they are stopped in the end."""
    started: list[Workers] = []

    def run(handler: Handler, *, of: Jobs | None = None, threads: int = 1) -> Workers:
        workers = Workers(of or jobs, {"look": handler}, threads=threads)
        workers.start()
        started.append(workers)
        return workers

    yield run
    for workers in started:
        workers.stop()


def _ask(database: Database, jobs: Jobs, key: str = "a") -> None:
    with database.session() as session:
        jobs.enqueue(session, "look", key, {"key": key})


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_job_is_done_once(database: Database, jobs: Jobs, start: Callable[..., Workers]) -> None:
    """Whatever the number of threads."""
    done: list[str] = []
    for number in range(8):
        _ask(database, jobs, str(number))
    start(lambda job, payload: done.append(payload["key"]), threads=3)
    _await(lambda: len(done) >= 8)
    assert sorted(done) == [str(n) for n in range(8)]


def test_waking_is_not_lost(database: Database, jobs: Jobs, start: Callable[..., Workers]) -> None:
    """A job that comes while all workers idle is taken up."""
    done = threading.Event()
    workers = start(lambda job, payload: done.set())
    _ask(database, jobs)
    workers.wake()
    assert done.wait(_PATIENCE_S)


def test_failed_job_is_tried_again_and_does_not_stop_others(
    database: Database, jobs: Jobs, start: Callable[..., Workers]
) -> None:
    """Any exception ends the attempt, not the worker."""
    attempts: list[tuple[str, int]] = []

    def handle(job: Job, payload: Object) -> None:
        attempts.append((job.key, job.attempt))
        if job.key == "bad" and job.attempt == 1:
            raise RuntimeError("a bug")

    _ask(database, jobs, "bad")
    _ask(database, jobs, "good")
    start(handle)
    _await(lambda: len(attempts) == 3)
    assert attempts == [("bad", 1), ("good", 1), ("bad", 2)]


class AwayOnce(Jobs):
    """A job table whose database is away when the first job ends."""

    has_failed = False

    def finish(self, job: Job) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise Unreachable("the database is away")
        super().finish(job)


def test_worker_survives_an_end_that_cant_be_stored(database: Database, start: Callable[..., Workers]) -> None:
    """One thread, and still the next job is done."""
    jobs = AwayOnce(database)
    done: list[str] = []
    _ask(database, jobs, "first")
    _ask(database, jobs, "second")
    start(lambda job, payload: done.append(job.key), of=jobs)
    _await(lambda: len(done) == 2)
    assert jobs.has_failed


def test_what_a_dead_process_left_is_taken_back_at_once(database: Database) -> None:
    """Without waiting for the lease, and without counting against the job."""
    clock = Time()
    jobs = Jobs(database, clock=clock, max_attempts=2)
    _ask(database, jobs)
    for _ in range(10):
        job = jobs.claim("w", lease_s=30)
        assert job is not None
        assert job.attempt == 1
        assert jobs.take_back() == 1
        with pytest.raises(Conflict):
            jobs.finish(job)


def test_job_that_kills_its_process_every_time_is_given_up(database: Database) -> None:
    """Or the service would never start again."""
    jobs = Jobs(database, clock=Time())
    _ask(database, jobs)
    claims = 0
    while jobs.claim("w", lease_s=30) is not None:
        claims += 1
        assert claims < 100
        jobs.take_back()
    assert [job.key for job in jobs.dead()] == ["a"]
    assert claims > 10


def test_only_the_first_process_finds_nobody_else(tmp_path: Path) -> None:
    """Jobs are taken back only when no other service lives."""
    first, second = Presence(tmp_path / "lock"), Presence(tmp_path / "lock")
    assert first.announce()
    assert not second.announce()
    first.leave()
    third = Presence(tmp_path / "lock")
    assert not third.announce()
    second.leave()
    third.leave()
    fourth = Presence(tmp_path / "lock")
    assert fourth.announce()
    fourth.leave()


def test_job_that_waits_outside_leaves_its_place_to_another(
    database: Database, jobs: Jobs, start: Callable[..., Workers]
) -> None:
    """One thread does the second job while the first one waits, and is one again afterwards."""
    second_done, first_done = threading.Event(), threading.Event()
    running: list[Workers] = []

    def work(job: Job, payload: Object) -> None:
        if payload["key"] == "second":
            second_done.set()
            return
        with running[0].stood_in_for():
            assert second_done.wait(_PATIENCE_S)
        first_done.set()

    workers = start(work)
    running.append(workers)
    for key in ("first", "second"):
        _ask(database, jobs, key)
        workers.wake()
    assert first_done.wait(_PATIENCE_S)
    _await(lambda: not any(t.name == "stand-in" for t in threading.enumerate()))
