"""The steps run in order with a checkpoint after each, so that any process can go on where a killed one ended."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from agents.investigator import Investigator
from agents.model import ModelUnavailable
from agents.state import Deps, Investigation
from agents.workflow import Workflow
from graph.errors import Unreachable
from tests.fakes.investigation import FakeCasebook, ScriptedModel, broken_shop, deps
from tests.graph.builders import NOW
from tests.processes import killable
from tools import failpoints


@contextmanager
def _investigator(path: Path, with_all: Deps) -> Iterator[Investigator]:
    with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
        yield Investigator(Workflow(SqliteSaver(connection)), with_all)


def _investigate(path: Path, with_all: Deps, run_id: str = "job-1") -> Investigation:
    with _investigator(path, with_all) as investigator:
        return investigator.investigate(
            run_id=run_id, incident="INC-1", environment="demo", started_at=NOW, requester="agent:plumbline"
        )


def _threads(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT DISTINCT thread_id FROM checkpoints")]


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints.db"


def test_runs_all_steps(checkpoints: Path) -> None:
    """From reading to the model's comments; the checkpoints of a finished run are gone."""
    with_all, environments, casebook = deps(model=ScriptedModel({"comments": [], "missing": []}))
    result = _investigate(checkpoints, with_all)
    assert environments.refreshes == 1
    assert len(casebook.diagnoses) == 2
    assert result["proposals"] == [f"FIX-{n + 1}" for n in range(len(casebook.plans))]
    assert result["proposals"]
    assert result["model"]["used"]
    assert _threads(checkpoints) == []


@pytest.mark.parametrize("model", [None, ScriptedModel(ModelUnavailable("away"))], ids=["none", "away"])
def test_runs_without_a_model(checkpoints: Path, model: ScriptedModel | None) -> None:
    """The proposals are there in both cases."""
    with_all, _, casebook = deps(model=model)
    assert _investigate(checkpoints, with_all)["proposals"]
    assert not casebook.diagnoses[-1][3]["used"]


def test_proposals_do_not_wait_for_the_model(checkpoints: Path) -> None:
    """What a person needs at once is stored before the model is asked."""
    casebook = FakeCasebook()
    seen: list[int] = []

    class Watching(ScriptedModel):
        def answer(self, **question: object) -> object:  # type: ignore[override]
            seen.append(len(casebook.plans))
            raise ModelUnavailable("away")

    with_all, _, _ = deps(casebook=casebook, model=Watching())  # type: ignore[arg-type]
    _investigate(checkpoints, with_all)
    assert seen == [len(casebook.plans)]
    assert seen[0] > 0


def test_failed_step_is_tried_again_alone(checkpoints: Path) -> None:
    """What was finished before is not done twice."""
    casebook = FakeCasebook()
    with_all, environments, _ = deps(casebook=casebook)
    stubborn = _FailsOnce(casebook)
    failing = Deps(environments=environments, casebook=stubborn, model=None, clock=with_all.clock)
    with pytest.raises(Unreachable):
        _investigate(checkpoints, failing)
    assert _threads(checkpoints) == ["job-1"]
    assert _investigate(checkpoints, failing)["proposals"]
    assert (environments.refreshes, len(casebook.diagnoses)) == (1, 1)


def test_finished_run_can_be_asked_for_again(checkpoints: Path) -> None:
    """The same id then starts from the beginning, on the state of that moment."""
    with_all, environments, casebook = deps()
    _investigate(checkpoints, with_all)
    _investigate(checkpoints, with_all)
    assert (environments.refreshes, len(casebook.diagnoses)) == (2, 2)


def test_runs_do_not_mix(checkpoints: Path) -> None:
    """Two ids are two runs, one of which failed."""
    environments_fail: Callable[[], None] = lambda: _raise(Unreachable("away"))  # noqa: E731
    with_all, environments, casebook = deps()
    environments.on_refresh = environments_fail
    with pytest.raises(Unreachable):
        _investigate(checkpoints, with_all, "job-1")
    environments.on_refresh = lambda: None
    _investigate(checkpoints, with_all, "job-2")
    assert _threads(checkpoints) == ["job-1"]
    assert len(casebook.diagnoses) == 1


@pytest.mark.parametrize(
    ("point", "again"),
    [("step.observe", ["read", "diagnosed"]), ("step.diagnose", ["diagnosed"]), ("step.propose", [])],
)
def test_another_process_goes_on(checkpoints: Path, tmp_path: Path, point: str, again: list[str]) -> None:
    """A run that was killed in a step begins with that step in the next process, and does none before it again."""
    context = killable()
    journal = tmp_path / "journal"
    first = context.Process(target=investigate_in_process, args=(checkpoints, journal, f"{point}=exit"))
    first.start()
    first.join(60)
    assert first.exitcode == -signal.SIGKILL
    before = journal.read_text().split()
    second = context.Process(target=investigate_in_process, args=(checkpoints, journal, ""))
    second.start()
    second.join(60)
    assert second.exitcode == 0
    assert journal.read_text().split()[len(before) :] == [*again, "proposed", "ended"]
    assert _threads(checkpoints) == []


def investigate_in_process(checkpoints: Path, journal: Path, failpoint: str) -> None:
    """Run the investigation in this process, and write down what it does."""
    failpoints.arm(failpoint)

    def write(word: str) -> None:
        with journal.open("a") as file:
            file.write(f"{word}\n")

    casebook = FakeCasebook()
    with_all, environments, _ = deps(scene=broken_shop(), casebook=casebook)
    environments.on_refresh = lambda: write("read")
    told = _Telling(casebook, write)
    with_all = Deps(environments=environments, casebook=told, model=None, clock=with_all.clock)
    assert _investigate(checkpoints, with_all)["proposals"]
    write("ended")


class _Telling:
    """A casebook that tells what is done to it."""

    def __init__(self, inner: FakeCasebook, write: Callable[[str], None]) -> None:
        self._inner, self._write = inner, write
        self.alerts, self.open_incidents, self.memories = inner.alerts, inner.open_incidents, inner.memories
        self.earlier_diagnoses, self.save_triage = inner.earlier_diagnoses, inner.save_triage

    def save_diagnosis(self, *args: object, **more: object) -> None:
        self._write("diagnosed")
        self._inner.save_diagnosis(*args, **more)  # type: ignore[arg-type]

    def propose(self, *args: object, **more: object) -> str | None:
        if not self._inner.plans:
            self._write("proposed")
        return self._inner.propose(*args, **more)  # type: ignore[arg-type]


class _FailsOnce(_Telling):
    """A casebook whose database is away when the first proposal is stored."""

    def __init__(self, inner: FakeCasebook) -> None:
        super().__init__(inner, lambda word: None)
        self._has_failed = False

    def propose(self, *args: object, **more: object) -> str | None:
        if not self._has_failed:
            self._has_failed = True
            raise Unreachable("the database is away")
        return super().propose(*args, **more)


def _raise(error: Exception) -> None:
    raise error
