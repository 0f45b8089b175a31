"""An executor that dies at any point acts at most once, and what is told of the execution afterwards is true."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from app.executor import serve
from app.store.proposal_records import FINAL, Note, ProposalStatus
from graph.incident import IncidentStatus
from tests.app.installations import AFTER, BEFORE, Installation, installed, template
from tests.processes import killable
from tools import failpoints

_PATIENCE_S = 20.0

_FORWARD = {
    "execution.claimed": (ProposalStatus.FAILED, BEFORE, 0),
    "intent.before": (ProposalStatus.FAILED, BEFORE, 0),
    "intent.noted": (ProposalStatus.FAILED, BEFORE, 0),
    "effect.written": (ProposalStatus.SUCCEEDED, AFTER, 1),
    "effect.done": (ProposalStatus.SUCCEEDED, AFTER, 1),
    "effect.noted": (ProposalStatus.SUCCEEDED, AFTER, 1),
    "verify.looked": (ProposalStatus.SUCCEEDED, AFTER, 1),
    "verify.noted": (ProposalStatus.SUCCEEDED, AFTER, 1),
    "end.before": (ProposalStatus.SUCCEEDED, AFTER, 1),
    "end.stored": (ProposalStatus.SUCCEEDED, AFTER, 1),
}
"""Where the executor dies; then: the status in the end, the value in the estate, how often it was written to."""

_BACK = {
    "effect.written": (ProposalStatus.UNKNOWN, AFTER, 1),
    "verify.looked": (ProposalStatus.FAILED, AFTER, 1),
    "verify.noted": (ProposalStatus.FAILED, AFTER, 1),
    "rollback.noted": (ProposalStatus.FAILED, AFTER, 1),
    "rollback.done": (ProposalStatus.ROLLED_BACK, BEFORE, 2),
    "end.before": (ProposalStatus.ROLLED_BACK, BEFORE, 2),
}
"""The same for a plan whose verification fails."""


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def installation(pristine: Path, tmp_path: Path) -> Iterator[Installation]:
    made = installed(pristine, tmp_path / "data")
    yield made
    made.store.database.dispose()


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    return killable()


@pytest.mark.parametrize(("point", "expected"), _FORWARD.items(), ids=_FORWARD)
def test_killed_executor_acted_at_most_once(
    installation: Installation, processes: ForkServerContext, point: str, expected: tuple[ProposalStatus, str, int]
) -> None:
    """After a restart the status says what happened to the estate, and nothing happened twice."""
    id = installation.approved()
    _die_at(point, installation, processes)
    _check(installation, processes, id, expected)


@pytest.mark.parametrize(("point", "expected"), _BACK.items(), ids=_BACK)
def test_killed_executor_leaves_a_true_word_about_undoing(
    installation: Installation, processes: ForkServerContext, point: str, expected: tuple[ProposalStatus, str, int]
) -> None:
    """A plan whose verification fails is never undone twice, and called undone only when it is."""
    id = installation.approved(is_good=False)
    _die_at(point, installation, processes)
    _check(installation, processes, id, expected)


def test_next_executor_waits_for_the_one_that_still_acts(
    installation: Installation, processes: ForkServerContext
) -> None:
    """A plan that another executor has begun is not settled before that one has ended it."""
    id = installation.approved()
    first = processes.Process(target=run_executor, args=(installation.data_dir, "intent.noted=sleep:1.5", "lock"))
    first.start()
    _await(lambda: [n.step for n in _notes(installation, id)] == ["intent"])
    second = processes.Process(target=run_executor, args=(installation.data_dir, "", "lock"))
    second.start()
    first.terminate()  # as its service does; the plan at hand is finished first
    _await(lambda: installation.proposal(id).status in FINAL)
    first.join(_PATIENCE_S)
    _end(second)
    assert (first.exitcode, installation.proposal(id).status) == (0, ProposalStatus.SUCCEEDED)
    assert (installation.value(), installation.writes()) == (AFTER, 1)


def test_without_that_lock_the_record_would_lie(installation: Installation, processes: ForkServerContext) -> None:
    """The check above can fail: executors that do not wait for each other call an effect undone that comes later."""
    id = installation.approved()
    first = processes.Process(target=run_executor, args=(installation.data_dir, "intent.noted=sleep:1.5", "lock-1"))
    first.start()
    _await(lambda: [n.step for n in _notes(installation, id)] == ["intent"])
    second = processes.Process(target=run_executor, args=(installation.data_dir, "", "lock-2"))
    second.start()
    _await(lambda: installation.proposal(id).status in FINAL)
    _await(lambda: installation.value() == AFTER)
    _end(first)
    _end(second)
    assert installation.proposal(id).status is ProposalStatus.FAILED
    assert "nothing was done" in installation.proposal(id).note


def run_executor(data_dir: Path, failpoint: str, lock: str) -> None:
    """Run the executor of an installation in this process until SIGTERM, armed with a failpoint."""
    failpoints.arm(failpoint)
    executor = installed_at(data_dir).executor()
    serve(executor, lock=data_dir / lock, until_eof=False)


def installed_at(data_dir: Path) -> Installation:
    """Open an installation from another process."""
    from app.settings import Settings
    from app.wiring import open_store

    return Installation(data_dir=data_dir, store=open_store(Settings(data_dir=data_dir)))


def _die_at(point: str, installation: Installation, processes: ForkServerContext) -> None:
    process = processes.Process(target=run_executor, args=(installation.data_dir, f"{point}=exit", "lock"))
    process.start()
    process.join(_PATIENCE_S)
    assert process.exitcode == -signal.SIGKILL, f"it did not die at {point}: {process.exitcode}"


def _check(
    installation: Installation,
    processes: ForkServerContext,
    id: str,
    expected: tuple[ProposalStatus, str, int],
) -> None:
    with _running(installation, processes):
        _await(lambda: installation.proposal(id).status in FINAL or _is_told_unknown(installation, id))
    proposal = installation.proposal(id)
    assert (proposal.status, installation.value(), installation.writes()) == expected
    assert proposal.note, "people are told how it ended"
    assert installation.store.incidents.get(proposal.incident_id).status is not IncidentStatus.FIXING
    report = installation.store.audit.verify()
    assert report.ok, report.problem


def _is_told_unknown(installation: Installation, id: str) -> bool:
    execution = installation.proposal(id).execution
    return execution is not None and execution.status is ProposalStatus.UNKNOWN and execution.finished_at is not None


def _notes(installation: Installation, id: str) -> tuple[Note, ...]:
    execution = installation.proposal(id).execution
    return execution.notes if execution else ()


@contextmanager
def _running(installation: Installation, processes: ForkServerContext) -> Iterator[None]:
    process = processes.Process(target=run_executor, args=(installation.data_dir, "", "lock"))
    process.start()
    try:
        yield
    finally:
        _end(process)
    assert process.exitcode in (0, -signal.SIGTERM)


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join(_PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
