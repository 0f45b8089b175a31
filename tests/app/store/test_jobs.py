"""Jobs are done once, by one worker at a time, and outlive it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from app.store.database import Database
from app.store.jobs import Job, Jobs
from graph.errors import Conflict
from tests.app.store.samples import Time


@pytest.fixture
def jobs(database: Database, time: Time) -> Jobs:
    return Jobs(database, clock=time, max_attempts=3)


def _ask(database: Database, jobs: Jobs, key: str = "a", *, run_at: datetime | None = None, n: int = 0) -> bool:
    with database.session() as session:
        return jobs.enqueue(session, "look", key, {"n": n}, run_at=run_at)


def _claim(jobs: Jobs, lease_s: float = 30) -> Job:
    job = jobs.claim("w", lease_s=lease_s)
    assert job is not None
    return job


def test_same_job_waits_once(database: Database, jobs: Jobs) -> None:
    """Asked for twice before it runs, it runs once, with the newest payload."""
    assert _ask(database, jobs, n=1)
    assert not _ask(database, jobs, n=2)
    job = _claim(jobs)
    assert (job.payload, job.attempt, job.fence) == ({"n": 2}, 1, 1)
    assert jobs.claim("w", lease_s=30) is None


def test_job_asked_for_while_it_runs_runs_again(database: Database, jobs: Jobs) -> None:
    """What came in meanwhile is not missed, and never looked at by two workers at once."""
    _ask(database, jobs, n=1)
    job = _claim(jobs)
    assert not _ask(database, jobs, n=2)
    assert jobs.claim("w", lease_s=30) is None
    jobs.finish(job)
    again = _claim(jobs)
    assert (again.payload, again.attempt) == ({"n": 2}, 1)
    jobs.finish(again)
    assert jobs.claim("w", lease_s=30) is None


def test_finished_job_can_be_asked_for_anew(database: Database, jobs: Jobs) -> None:
    """Only live jobs are the same."""
    _ask(database, jobs)
    jobs.finish(_claim(jobs))
    assert _ask(database, jobs)


def test_job_waits_for_its_time(database: Database, jobs: Jobs, time: Time) -> None:
    """It is not due before `run_at`."""
    _ask(database, jobs, run_at=time.now + timedelta(minutes=1))
    assert jobs.claim("w", lease_s=30) is None
    time.forward(minutes=1)
    _claim(jobs)


def test_kinds_are_told_apart(database: Database, jobs: Jobs) -> None:
    """A worker takes only what it can do."""
    _ask(database, jobs)
    assert jobs.claim("w", kinds=["other"], lease_s=30) is None
    assert jobs.claim("w", kinds=["other", "look"], lease_s=30) is not None


def test_lost_lease_passes_on(database: Database, jobs: Jobs, time: Time) -> None:
    """Another worker takes over, and the first one's end does not count any more."""
    _ask(database, jobs)
    first = _claim(jobs)
    time.forward(seconds=31)
    second = _claim(jobs)
    assert (second.attempt, second.fence) == (2, 2)
    assert not jobs.heartbeat(first, 30)
    with pytest.raises(Conflict):
        jobs.finish(first)
    with pytest.raises(Conflict):
        jobs.fail(first, "late", retry_at=time.now)
    jobs.finish(second)


def test_heartbeat_keeps_the_lease(database: Database, jobs: Jobs, time: Time) -> None:
    """As long as its worker lives, a job stays with it."""
    _ask(database, jobs)
    job = _claim(jobs)
    for _ in range(3):
        time.forward(seconds=20)
        assert jobs.heartbeat(job, 30)
    assert jobs.claim("w", lease_s=30) is None
    jobs.finish(job)


def test_failing_job_dies_after_its_attempts(database: Database, jobs: Jobs, time: Time) -> None:
    """It comes back at the given time, and is listed with its last error in the end."""
    _ask(database, jobs)
    for attempt in (1, 2, 3):
        job = _claim(jobs)
        assert job.attempt == attempt
        jobs.fail(job, f"error {attempt}", retry_at=time.now + timedelta(seconds=5))
        assert jobs.claim("w", lease_s=30) is None
        time.forward(seconds=5)
    assert jobs.claim("w", lease_s=30) is None
    assert [(j.key, j.error) for j in jobs.dead()] == [("a", "error 3")]


def test_hopeless_job_dies_at_once(database: Database, jobs: Jobs) -> None:
    """Without a time to try again it is given up."""
    _ask(database, jobs)
    jobs.fail(_claim(jobs), "bad", retry_at=None)
    assert len(jobs.dead()) == 1


def test_job_that_kills_its_workers_dies(database: Database, jobs: Jobs, time: Time) -> None:
    """A lease that runs out is an attempt, too."""
    _ask(database, jobs)
    for _ in range(3):
        _claim(jobs)
        time.forward(seconds=31)
    assert jobs.claim("w", lease_s=30) is None
    assert len(jobs.dead()) == 1


def test_racing_workers_share_the_work(database: Database, jobs: Jobs) -> None:
    """Sixty jobs, six workers: each job is claimed once."""
    for number in range(60):
        _ask(database, jobs, key=str(number))
    claimed: list[int] = []

    def work() -> None:
        while (job := jobs.claim("w", lease_s=600)) is not None:
            claimed.append(job.id)
            jobs.finish(job)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while (job := jobs.claim("w", lease_s=600)) is not None:
        claimed.append(job.id)
    assert len(claimed) == len(set(claimed)) == 60
