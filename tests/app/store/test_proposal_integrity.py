"""An approval holds for exactly what was approved, and one process wins it, once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.store.audit import AuditLog
from app.store.audit_head import Head, export_head
from app.store.database import Database
from app.store.proposal_records import Proposal, ProposalStatus
from app.store.proposals import Proposals
from app.store.users import Role, Users
from graph.errors import Conflict
from tests.app.store.samples import KEY, T0, Time, blast, minutes, plan


@pytest.fixture
def proposals(database: Database, audit: AuditLog, time: Time) -> Proposals:
    users = Users(database, audit, clock=time)
    for name in ("ana", "bo"):
        users.create(name, Role.APPROVER)
    return Proposals(database, audit, clock=time)


def _approved(proposals: Proposals, target: str = "", **more: Any) -> Proposal:
    values: dict[str, Any] = {
        "incident_id": "INC-1",
        "plan": plan(target),
        "requester": "plumbline",
        "blast": blast(),
        "policy_version": "7",
        "required_approvals": 1,
        "expires_at": minutes(60),
        "now": T0,
        "evidence": ("drift-1", "log-2"),
        "reasons": ("low risk",),
    }
    made = proposals.create(**(values | more))
    return proposals.approve(made.id, approver="ana", approver_roles=["approver"], digest=made.digest, now=T0)


def _in_plan(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    """Change a place in the stored plan."""

    def change(row: dict[str, Any]) -> None:
        stored = json.loads(row["plan"])
        place = stored
        for step in path[:-1]:
            place = place[step]
        assert place[path[-1]] != to
        place[path[-1]] = to
        row["plan"] = json.dumps(stored)

    return change


def _in_row(column: str, to: Any) -> Callable[[dict[str, Any]], None]:
    """Change a column."""

    def change(row: dict[str, Any]) -> None:
        assert row[column] != to
        row[column] = to

    return change


_UID = "k8s://demo/core/ConfigMap/shop/checkout-config"
TAMPERINGS = [
    pytest.param(_in_plan("action", "kind", to="delete_object"), id="tool"),
    pytest.param(_in_plan("action", "edits", 0, "after", to="500s"), id="parameters"),
    pytest.param(_in_plan("action", "edits", 0, "path", to="/data/other"), id="path"),
    pytest.param(_in_plan("action", "target", to=_UID + "2"), id="target"),
    pytest.param(_in_plan("action", "target", to=_UID.replace("/shop/", "/pay/")), id="namespace"),
    pytest.param(_in_plan("action", "target", to=_UID.replace("demo", "prod")), id="cluster"),
    pytest.param(_in_plan("observed", to="0" * 64), id="observed state"),
    pytest.param(_in_plan("preconditions", to=[]), id="preconditions"),
    pytest.param(_in_plan("verification", 0, "kind", to="object_exists"), id="verification"),
    pytest.param(_in_plan("verify_within_s", to=1.0), id="time to verify"),
    pytest.param(_in_plan("rollback", to=[]), id="rollback"),
    pytest.param(_in_plan("environment", to="prod"), id="environment"),
    pytest.param(_in_plan("policy_version", to="8"), id="policy version of the plan"),
    pytest.param(_in_plan("risk", to="high"), id="risk"),
    pytest.param(_in_plan("title", to="Set nothing"), id="title"),
    pytest.param(_in_plan("warnings", to=[]), id="warnings"),
    pytest.param(_in_plan("hold", to="wait"), id="hold"),
    pytest.param(_in_plan("action", to={}), id="unreadable plan"),
    pytest.param(_in_row("environment", "prod"), id="environment column"),
    pytest.param(_in_row("target", "other"), id="target column"),
    pytest.param(_in_row("policy_version", "8"), id="policy version"),
    pytest.param(_in_row("requester", "bo"), id="requester"),
    pytest.param(_in_row("incident_id", "INC-2"), id="incident"),
    pytest.param(_in_row("required_approvals", 0), id="number of approvals"),
    pytest.param(_in_row("evidence", '["drift-1"]'), id="evidence"),
    pytest.param(_in_row("reasons", "[]"), id="reasons"),
    pytest.param(_in_row("blast", '{"seeds":[],"affected":[],"unseen":[],"unseen_share":0}'), id="blast radius"),
    pytest.param(_in_row("digest", "0" * 64), id="digest"),
    pytest.param(_in_row("cause", "other"), id="cause"),
]


@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_changed_proposal_is_refused(
    proposals: Proposals, database: Database, tamper: Callable[[dict[str, Any]], None]
) -> None:
    """Whatever was changed in the database after the approval, nothing starts."""
    _approved(proposals)
    _tamper(database, "proposals", tamper)
    assert proposals.claim_approved("executor", T0) is None
    assert _status(database) == "refused"


@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_changed_proposal_can_not_be_approved(
    proposals: Proposals, database: Database, tamper: Callable[[dict[str, Any]], None]
) -> None:
    """The person was shown something else."""
    made = _approved(proposals, required_approvals=2)
    _tamper(database, "proposals", tamper)
    with pytest.raises(Conflict):
        proposals.approve("FIX-1", approver="bo", approver_roles=["approver"], digest=made.digest, now=T0)


def test_longer_life_is_refused(proposals: Proposals, database: Database) -> None:
    """Also when the times are moved."""
    _approved(proposals, expires_at=minutes(5))
    later = minutes(600).isoformat(timespec="microseconds")
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE proposals SET expires_at = :t, start_by = :t"), {"t": later})
    assert proposals.claim_approved("executor", minutes(6)) is None
    assert _status(database) == "refused"


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(_in_row("approver", "bo"), id="approver"),
        pytest.param(_in_row("digest", "0" * 64), id="digest"),
        pytest.param(_in_row("roles", '["admin"]'), id="roles"),
        pytest.param(_in_row("seal", "0" * 64), id="seal"),
    ],
)
def test_changed_approval_is_refused(
    proposals: Proposals, database: Database, tamper: Callable[[dict[str, Any]], None]
) -> None:
    """It is sealed."""
    _approved(proposals)
    _tamper(database, "approvals", tamper)
    assert proposals.claim_approved("executor", T0) is None
    assert _status(database) == "refused"


def test_forged_approval_is_refused(proposals: Proposals, database: Database) -> None:
    """Whoever can write the database can't approve."""
    made = _approved(proposals, required_approvals=2)
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO approvals (proposal, approver, roles, digest, at, seal) "
                "SELECT proposal, 'bo', roles, digest, at, seal FROM approvals WHERE approver = 'ana'"
            )
        )
        connection.execute(
            text("UPDATE proposals SET status = 'approved', start_by = expires_at WHERE digest = :d"),
            {"d": made.digest},
        )
    assert proposals.claim_approved("executor", T0) is None
    assert _status(database) == "refused"


def test_run_proposal_that_is_reset_does_not_run_again(proposals: Proposals, database: Database) -> None:
    """An approval is used up by its execution row, not by a status alone."""
    _approved(proposals)
    run = proposals.claim_approved("executor", T0)
    assert run is not None
    proposals.finish(run, ProposalStatus.FAILED, "")
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE proposals SET status = 'approved'"))
    assert proposals.claim_approved("executor", T0) is None


def test_restored_database_starts_nothing(
    proposals: Proposals, database: Database, audit: AuditLog, tmp_path: Path
) -> None:
    """Approvals of yesterday's backup are void."""
    _approved(proposals)
    export_head(tmp_path / "audit.head", Head(seq=99, hash="a" * 64))
    with pytest.raises(Conflict, match="restored"):
        proposals.claim_approved("executor", T0)
    assert proposals.void_restored(actor="ana", reason="disk died", now=T0) == ["FIX-1"]
    assert proposals.claim_approved("executor", T0) is None
    assert audit.verify().ok


def test_racing_threads_claim_each_once(proposals: Proposals) -> None:
    """Four threads, twenty approvals, twenty claims."""
    for number in range(20):
        _approved(proposals, target=f"t{number}", incident_id=f"INC-{number + 1}")
    claimed: list[str] = []

    def work() -> None:
        while any(p.status is ProposalStatus.APPROVED for p in proposals.list()):
            run = proposals.claim_approved("executor", T0)
            if run is not None:
                claimed.append(run.proposal_id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 20


_EXECUTOR = """
import sys
from datetime import datetime
from pathlib import Path
from app.store.audit import AuditLog
from app.store.database import Database
from app.store.proposal_records import ProposalStatus
from app.store.proposals import Proposals
url, key, head, now, name = sys.argv[1:]
database = Database(url)
proposals = Proposals(database, AuditLog(database, bytes.fromhex(key), Path(head)))
database.ping()
print("ready", flush=True)
sys.stdin.readline()
while proposals.list(ProposalStatus.APPROVED, limit=1):
    run = proposals.claim_approved(name, datetime.fromisoformat(now))
    if run is not None:
        print(run.proposal_id, flush=True)
"""


# The full race takes half a minute on two cores; PLUMBLINE_FULL_RACE=1 asks for it.
_RACE = (8, 100) if os.environ.get("PLUMBLINE_FULL_RACE") else (3, 15)


@pytest.mark.parametrize(("processes", "approvals"), [_RACE])
def test_racing_processes_claim_each_once(
    proposals: Proposals, database: Database, database_url: str, tmp_path: Path, processes: int, approvals: int
) -> None:
    """As many executions as approvals, and one unbroken audit log."""
    for number in range(approvals):
        _approved(proposals, target=f"t{number}", incident_id=f"INC-{number + 1}")
    head = tmp_path / "audit.head"
    arguments = [database_url, KEY.hex(), str(head), T0.isoformat()]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _EXECUTOR, *arguments, f"executor-{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    claimed: list[str] = []
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        out, _ = process.communicate(timeout=100)
        assert process.returncode == 0
        claimed += out.split()
    assert Counter(Counter(claimed).values()) == {1: approvals}
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM executions")).scalar() == approvals
    assert AuditLog(database, KEY, head).verify().ok


def _tamper(database: Database, table: str, change: Callable[[dict[str, Any]], None]) -> None:
    with database.engine.begin() as connection:
        row = dict(connection.execute(text(f"SELECT * FROM {table}")).mappings().one())
        before = dict(row)
        change(row)
        for column in row.keys() & {c for c in row if row[c] != before[c]}:
            connection.execute(text(f"UPDATE {table} SET {column} = :value"), {"value": row[column]})


def _status(database: Database) -> str:
    with database.engine.connect() as connection:
        return str(connection.execute(text("SELECT status FROM proposals")).scalar())
