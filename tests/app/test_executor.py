"""The executor runs what was approved, once, and never stays silent about how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from app.executor import Executor
from app.looks import INVESTIGATE_JOB, Looks
from app.store.proposal_records import ProposalStatus
from app.store.proposals import Proposals
from graph.action import Action, ActionKind, FieldEdit, Plan
from graph.document import Json, digest
from graph.errors import Unreachable
from graph.incident import IncidentStatus
from tests.app.installations import AFTER, BEFORE, CONFIG, PATH, Installation, installed, template
from tests.fakes.target import FakeTarget
from tools.actions.target import Target


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def installation(pristine: Path, tmp_path: Path) -> Iterator[Installation]:
    made = installed(pristine, tmp_path / "data")
    yield made
    made.store.database.dispose()


def _executor(installation: Installation, target: Target | None = None, proposals: Proposals | None = None) -> Executor:
    store = installation.store
    return Executor(
        proposals=proposals or store.proposals,
        incidents=store.incidents,
        looks=Looks(store.database, store.jobs),
        targets={"shop": [target or installation.target]},
        poll_s=0.01,
    )


def _status(installation: Installation, id: str) -> IncidentStatus:
    return installation.store.incidents.get(installation.proposal(id).incident_id).status


def _asked_to_look(installation: Installation) -> bool:
    return installation.store.jobs.claim("test", kinds=[INVESTIGATE_JOB], lease_s=1) is not None


def test_runs_what_was_approved(installation: Installation) -> None:
    """Once; the incident is mitigated, each step is noted, and the audit log is whole."""
    id = installation.approved()
    executor = _executor(installation)
    assert executor.run_one()
    assert not executor.run_one()
    proposal = installation.proposal(id)
    assert (proposal.status, installation.value(), installation.writes()) == (ProposalStatus.SUCCEEDED, AFTER, 1)
    assert proposal.execution is not None
    assert [n.step for n in proposal.execution.notes] == ["intent", "effect", "verified"]
    assert _status(installation, id) is IncidentStatus.MITIGATED
    assert not _asked_to_look(installation)
    assert installation.store.audit.verify().ok


def test_nothing_runs_without_an_approval(installation: Installation) -> None:
    """A pending proposal is not touched."""
    id = installation.approved(approvers=())
    assert not _executor(installation).run_one()
    assert (installation.proposal(id).status, installation.writes()) == (ProposalStatus.PENDING, 0)


def test_undone_fix_asks_for_another_look(installation: Installation) -> None:
    """The world is not what was thought."""
    id = installation.approved(is_good=False)
    _executor(installation).run_one()
    assert (installation.proposal(id).status, installation.value()) == (ProposalStatus.ROLLED_BACK, BEFORE)
    assert _status(installation, id) is IncidentStatus.DIAGNOSED
    assert _asked_to_look(installation)


def test_changed_world_is_refused(installation: Installation) -> None:
    """Somebody changed the target after the approval."""
    id = installation.approved()
    live = installation.target.read(CONFIG)
    assert live is not None
    edit = FieldEdit(path="/data/LOG_LEVEL", before="info", after="debug")
    installation.target.set_fields(CONFIG, [edit], version=live.version)
    _executor(installation).run_one()
    assert (installation.proposal(id).status, installation.value()) == (ProposalStatus.REFUSED, BEFORE)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"policy_version": "older"}, "policy changed"),
        ({"action": Action(kind=ActionKind.DELETE_OBJECT, target="k8s://other/core/ConfigMap/a/b")}, "no write access"),
    ],
    ids=["other policy", "not covered"],
)
def test_what_may_not_be_done_is_refused(installation: Installation, more: dict[str, Any], reason: str) -> None:
    """And told, with nothing done."""
    id = installation.approved(**more)
    _executor(installation).run_one()
    proposal = installation.proposal(id)
    assert (proposal.status, installation.writes()) == (ProposalStatus.REFUSED, 0)
    assert reason in proposal.note


class AwayFor(Proposals):
    """Stores proposals in a database that is away when one step is to be noted."""

    def __init__(self, inner: Proposals, step: str) -> None:
        self.__dict__.update(inner.__dict__)
        self._away_at = step

    def note(self, execution: object, step: str, detail: Json) -> None:
        if step == self._away_at:
            self._away_at = ""
            raise Unreachable("the database is away")
        super().note(execution, step, detail)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("step", "status", "writes"),
    [
        ("intent", ProposalStatus.FAILED, 0),
        ("effect", ProposalStatus.SUCCEEDED, 1),
        ("verified", ProposalStatus.SUCCEEDED, 1),
    ],
)
def test_database_that_is_away_leaves_nothing_hanging(
    installation: Installation, step: str, status: ProposalStatus, writes: int
) -> None:
    """The same executor settles what it could not note, as soon as it can, without acting again."""
    id = installation.approved()
    executor = _executor(installation, proposals=AwayFor(installation.store.proposals, step))
    with pytest.raises(Unreachable):
        executor.run_one()
    assert installation.proposal(id).status is ProposalStatus.RUNNING
    executor.settle()
    assert (installation.proposal(id).status, installation.writes()) == (status, writes)


def test_running_executor_settles_by_itself(installation: Installation) -> None:
    """Its loop goes on after a failure, and ends when told to."""
    id = installation.approved()

    class Stopping(AwayFor):
        def finish(self, *args: object, **more: object) -> object:  # type: ignore[override]
            executor.stop()
            return super().finish(*args, **more)  # type: ignore[arg-type]

    executor = _executor(installation, proposals=Stopping(installation.store.proposals, "effect"))
    executor.run()
    assert (installation.proposal(id).status, installation.writes()) == (ProposalStatus.SUCCEEDED, 1)


class Broken(FakeTarget):
    """A target with a fault of its own."""

    def read(self, uid: str) -> None:
        raise RuntimeError("a bug")


def test_bug_of_a_target_ends_the_plan_only(installation: Installation) -> None:
    """It neither ends the executor nor keeps other executions from being settled."""
    id = installation.approved()
    executor = _executor(installation, Broken({}))
    with pytest.raises(RuntimeError):
        executor.run_one()
    executor.settle()
    assert (installation.proposal(id).status, installation.writes()) == (ProposalStatus.FAILED, 0)


def test_unknown_end_is_told_once_and_looked_at_again(installation: Installation) -> None:
    """Its target stays locked until somebody can tell; then the end is stored."""
    id = installation.approved()
    away = installation.target
    target = _Cut(away)
    executor = _executor(installation, cast(Target, target))
    executor.run_one()
    assert installation.proposal(id).status is ProposalStatus.UNKNOWN
    executor.settle()
    told = len(installation.store.audit.entries(limit=1000))
    executor.settle()
    assert len(installation.store.audit.entries(limit=1000)) == told, "the same word twice"
    target.is_cut = False
    executor.settle()
    assert (installation.proposal(id).status, installation.writes()) == (ProposalStatus.SUCCEEDED, 1)
    assert _status(installation, id) is IncidentStatus.MITIGATED


class _Cut:
    """A target whose connection breaks with the first write, after it took effect."""

    def __init__(self, inner: Target) -> None:
        self._inner = inner
        self.is_cut = False
        self.covers = inner.covers

    def __getattr__(self, name: str) -> Any:
        if self.is_cut:
            raise Unreachable("no route")
        return getattr(self._inner, name)

    def read(self, uid: str) -> object:
        if self.is_cut:
            raise Unreachable("no route")
        return self._inner.read(uid)

    def set_fields(self, *args: object, **more: object) -> None:
        self._inner.set_fields(*args, **more)  # type: ignore[arg-type]
        self.is_cut = True
        raise Unreachable("no route")


def test_two_executors_never_get_the_same_plan(installation: Installation) -> None:
    """The row is claimed by compare-and-set."""
    installation.approved()
    first = installation.store.proposals.claim_approved("one", datetime.now(UTC))
    second = installation.store.proposals.claim_approved("two", datetime.now(UTC))
    assert first is not None
    assert second is None


def _elsewhere(plan: Plan) -> Plan:
    target = plan.action.target.replace("/shop/", "/production/")
    return replace(plan, action=replace(plan.action, target=target))


def test_digest_binds_the_namespace(installation: Installation) -> None:
    """An approval of a change in one namespace is none for the same change in another."""
    plan = installation.plan()
    assert plan.digest != _elsewhere(plan).digest


def test_digest_without_the_namespace_would_not(installation: Installation) -> None:
    """The check above can fail: a digest over kind and name alone is the same in both."""

    def careless(plan: Plan) -> str:
        _, _, rest = plan.action.target.partition("://")
        _, group, kind, _, name = rest.split("/")
        return digest([group, kind, name, plan.action.kind.value, [PATH, AFTER], plan.observed])

    plan = installation.plan()
    assert careless(plan) == careless(_elsewhere(plan))
