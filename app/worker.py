"""Threads that work through the durable job table. A job that its worker did not finish is taken by another."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import structlog

from app.store.jobs import Job, Jobs
from graph.document import Object
from graph.errors import PlumblineError

_log = structlog.get_logger(__name__)

Handler = Callable[[Job, Object], None]

_LEASE_S = 30.0
"""Some heartbeats long; a dead worker's job waits that long at most."""

_IDLE_S = 0.5
"""Look for jobs of other replicas this often; jobs of this process wake the worker at once."""


class Workers:
    """A few threads that claim jobs and hand them to the handler of their kind."""

    def __init__(self, jobs: Jobs, handlers: Mapping[str, Handler], *, threads: int) -> None:
        self._jobs = jobs
        self._handlers = dict(handlers)
        self._stop = threading.Event()
        self._wake = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._run, name=f"worker-{n}", daemon=True) for n in range(threads)]
        self._stand_ins: set[threading.Thread] = set()

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, *, within_s: float = 5) -> None:
        """Let running jobs end; what is left is taken up after the next start."""
        self._stop.set()
        for _ in self._threads:
            self._wake.release()
        for thread in (*self._threads, *self._stand_ins):
            thread.join(within_s)

    def wake(self) -> None:
        """Say that there is a new job."""
        self._wake.release()

    @contextmanager
    def stood_in_for(self) -> Iterator[None]:
        """Let another thread take jobs while the one at hand only waits for something outside."""
        is_back = threading.Event()
        stand_in = threading.Thread(target=self._run, args=(is_back,), name="stand-in", daemon=True)
        self._stand_ins.add(stand_in)
        stand_in.start()
        try:
            yield
        finally:
            is_back.set()
            self._stand_ins.discard(stand_in)

    def _run(self, is_back: threading.Event | None = None) -> None:
        """Work until told to stop; a stand-in until the thread that it stands in for is back."""
        name = f"{os.getpid()}-{threading.current_thread().name}"
        while not self._stop.is_set() and not (is_back and is_back.is_set()):
            try:
                job = self._jobs.claim(name, kinds=tuple(self._handlers), lease_s=_LEASE_S)
            except Exception:  # the run edge: a database that is away must not end the worker
                _log.exception("claim_failed")
                job = None
            if job is None:
                self._wake.acquire(timeout=_IDLE_S)
            else:
                self._work(job)

    def _work(self, job: Job) -> None:
        beat = _Heartbeat(self._jobs, job)
        beat.start()
        try:
            self._handlers[job.kind](job, job.payload)
        except Exception as error:  # the run edge: one bad job must not stop the others
            _log.exception("job_failed", kind=job.kind, key=job.key, attempt=job.attempt)
            delay = timedelta(seconds=min(60, 2**job.attempt))
            reason = f"{type(error).__name__}: {error}"
            self._record(job, lambda: self._jobs.fail(job, reason, retry_at=datetime.now(UTC) + delay))
        else:
            self._record(job, lambda: self._jobs.finish(job))
        finally:
            beat.stop()

    def _record(self, job: Job, end: Callable[[], None]) -> None:
        """Store how a job ended. Where that fails, its lease runs out and it is done once more."""
        try:
            end()
        except PlumblineError as error:
            _log.warning("job_end_not_recorded", kind=job.kind, key=job.key, error=str(error))


class _Heartbeat(threading.Thread):
    def __init__(self, jobs: Jobs, job: Job) -> None:
        super().__init__(name=f"heartbeat-{job.id}", daemon=True)
        self._jobs, self._job, self._done = jobs, job, threading.Event()

    def run(self) -> None:
        while not self._done.wait(_LEASE_S / 5):
            try:
                self._jobs.heartbeat(self._job, lease_s=_LEASE_S)
            except PlumblineError as error:
                _log.warning("heartbeat_failed", key=self._job.key, error=str(error))

    def stop(self) -> None:
        self._done.set()
