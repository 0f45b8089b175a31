"""The audit log finds whatever is done to it behind its back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from app.store.audit import AuditLog
from app.store.audit_head import Head, export_head, read_head
from app.store.database import Database
from graph.errors import Conflict, Refused
from tests.app.store.samples import KEY, Time


@pytest.fixture
def log(audit: AuditLog) -> AuditLog:
    """A log of nine entries."""
    for number in range(1, 10):
        audit.record(actor="ana", action="test.done", subject=f"INC-{number % 3}", detail={"n": number, "x": "ü\x00"})
    return audit


def test_untouched_log_is_whole(log: AuditLog) -> None:
    """Nine entries, nothing wrong."""
    report = log.verify()
    assert (report.ok, report.entries, report.first_bad, report.problem) == (True, 9, None, "")


def test_empty_log_is_whole(audit: AuditLog) -> None:
    """Nothing happened yet."""
    assert audit.verify().ok


def test_entries_come_back_in_order(log: AuditLog) -> None:
    """By number, by subject, newest first."""
    assert [e.seq for e in log.entries(after_seq=3, limit=2)] == [4, 5]
    assert [e.seq for e in log.entries(subject="INC-1")] == [1, 4, 7]
    assert [e.seq for e in log.latest(2)] == [9, 8]
    assert [e.seq for e in log.about(["INC-1", "INC-2"])] == [1, 2, 4, 5, 7, 8]
    assert log.entries()[0].detail == {"n": 1, "x": "ü\x00"}


def _flip(database: Database, _: Path) -> None:
    _run(database, "UPDATE audit_entries SET detail = replace(detail, '5', '6') WHERE seq = 5")


def _rename_actor(database: Database, _: Path) -> None:
    _run(database, "UPDATE audit_entries SET actor = 'bob' WHERE seq = 1")


def _shift_time(database: Database, _: Path) -> None:
    _run(database, "UPDATE audit_entries SET at = (SELECT at FROM audit_entries WHERE seq = 9) WHERE seq = 4")
    _run(database, "UPDATE audit_entries SET detail = detail || ' ' WHERE seq = 4")


def _delete_first(database: Database, _: Path) -> None:
    _run(database, "DELETE FROM audit_entries WHERE seq = 1")


def _delete_middle(database: Database, _: Path) -> None:
    _run(database, "DELETE FROM audit_entries WHERE seq = 5")


def _delete_middle_and_close_the_hole(database: Database, _: Path) -> None:
    _run(database, "DELETE FROM audit_entries WHERE seq = 5")
    for seq in range(6, 10):
        _run(database, f"UPDATE audit_entries SET seq = {seq - 1} WHERE seq = {seq}")


def _delete_tail(database: Database, _: Path) -> None:
    _run(database, "DELETE FROM audit_entries WHERE seq > 7")


def _delete_tail_and_move_the_end(database: Database, _: Path) -> None:
    _run(database, "DELETE FROM audit_entries WHERE seq > 7")
    _run(database, "UPDATE audit_head SET seq = 7, hash = (SELECT hash FROM audit_entries WHERE seq = 7)")


def _delete_all(database: Database, _: Path) -> None:
    _run(database, "DELETE FROM audit_entries")
    _run(database, "DELETE FROM audit_head")


def _insert_at_end(database: Database, _: Path) -> None:
    _run(
        database,
        "INSERT INTO audit_entries SELECT 10, at, actor, action, subject, detail, hash, prev FROM audit_entries "
        "WHERE seq = 9",
    )


def _insert_in_between(database: Database, _: Path) -> None:
    for seq in range(9, 4, -1):
        _run(database, f"UPDATE audit_entries SET seq = {seq + 1} WHERE seq = {seq}")
    _run(
        database,
        "INSERT INTO audit_entries SELECT 5, at, actor, action, subject, detail, prev, hash FROM audit_entries "
        "WHERE seq = 4",
    )


def _insert_before_the_first(database: Database, _: Path) -> None:
    _run(
        database,
        "INSERT INTO audit_entries SELECT 0, at, actor, action, subject, detail, prev, hash FROM audit_entries "
        "WHERE seq = 1",
    )


def _swap(database: Database, _: Path) -> None:
    for change in ("SET seq = 100 WHERE seq = 3", "SET seq = 3 WHERE seq = 6", "SET seq = 6 WHERE seq = 100"):
        _run(database, f"UPDATE audit_entries {change}")


def _drop_end(database: Database, _: Path) -> None:
    _run(database, "DELETE FROM audit_head")


def _damage_export(_: Database, folder: Path) -> None:
    (folder / "audit.head").write_text("{}")


@pytest.mark.parametrize(
    ("tamper", "first_bad"),
    [
        pytest.param(_flip, 5, id="edit"),
        pytest.param(_rename_actor, 1, id="edit actor"),
        pytest.param(_shift_time, 4, id="edit time"),
        pytest.param(_delete_first, 1, id="delete first"),
        pytest.param(_delete_middle, 5, id="delete middle"),
        pytest.param(_delete_middle_and_close_the_hole, 5, id="delete and renumber"),
        pytest.param(_delete_tail, 8, id="delete tail"),
        pytest.param(_delete_tail_and_move_the_end, 8, id="delete tail and move end"),
        pytest.param(_delete_all, 1, id="delete all"),
        pytest.param(_insert_at_end, 10, id="insert at end"),
        pytest.param(_insert_in_between, 5, id="insert"),
        pytest.param(_insert_before_the_first, 0, id="insert before first"),
        pytest.param(_swap, 3, id="reorder"),
        pytest.param(_drop_end, 10, id="delete end row"),
        pytest.param(_damage_export, 10, id="damage export"),
    ],
)
def test_finds_tampering(
    log: AuditLog,
    database: Database,
    tmp_path: Path,
    tamper: Callable[[Database, Path], None],
    first_bad: int,
) -> None:
    """The report names the first entry that is not what was written."""
    tamper(database, tmp_path)
    report = log.verify()
    assert not report.ok
    assert report.first_bad == first_bad
    assert report.problem


def test_finds_a_restored_backup(log: AuditLog, database: Database, tmp_path: Path) -> None:
    """A database that is older than the exported end is noticed, and says so until somebody accepts it."""
    export_head(tmp_path / "audit.head", Head(seq=12, hash="a" * 64))
    assert log.verify().first_bad == 10
    with database.reading() as session, pytest.raises(Conflict, match="restored"):
        log.check_not_behind(session)
    log.accept_restored(actor="ana", reason="disk died")
    assert log.verify().ok
    with database.reading() as session:
        log.check_not_behind(session)


def test_export_only_moves_forward(tmp_path: Path) -> None:
    """A slow writer does not put back an older end."""
    path = tmp_path / "head"
    export_head(path, Head(seq=5, hash="five"))
    export_head(path, Head(seq=4, hash="four"))
    assert read_head(path) == Head(seq=5, hash="five")


def test_each_commit_exports_the_end(log: AuditLog, tmp_path: Path) -> None:
    """The file names the newest entry."""
    assert json.loads((tmp_path / "audit.head").read_text())["seq"] == 9


def test_other_key_can_neither_write_nor_judge(log: AuditLog, database: Database, time: Time) -> None:
    """A log continued with a wrong key would be lost; it is refused instead."""
    other = AuditLog(database, b"x" * 32, clock=time)
    with pytest.raises(Refused, match="another key"):
        other.record(actor="a", action="b", subject="c", detail={})
    assert not other.verify().ok
    assert log.verify().ok


def test_what_is_not_logged_did_not_happen(log: AuditLog, database: Database, time: Time) -> None:
    """When the entry can't be written, the transaction it belongs to is undone."""
    other = AuditLog(database, b"x" * 32, clock=time)

    def act() -> None:
        with database.session() as session:
            session.connection().execute(text("INSERT INTO environments (name, revision) VALUES ('a', 1)"))
            other.append(session, actor="a", action="b", subject="c", detail={})

    with pytest.raises(Refused):
        act()
    with database.reading() as session:
        assert session.connection().execute(text("SELECT count(*) FROM environments")).scalar() == 0


def test_concurrent_writers_make_one_chain(database: Database, database_url: str, time: Time, tmp_path: Path) -> None:
    """Writers with connections of their own never fork the chain."""

    def write() -> None:
        own = Database(database_url)
        log = AuditLog(own, KEY, tmp_path / "audit.head", clock=time)
        for number in range(10):
            log.record(actor="a", action="b", subject="c", detail={"n": number})
        own.dispose()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = AuditLog(database, KEY, tmp_path / "audit.head", clock=time).verify()
    assert (report.ok, report.entries) == (True, 40)


def _run(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(statement))
