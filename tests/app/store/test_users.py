"""Who is let in, and with which role."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.store.audit import AuditLog
from app.store.database import Database
from app.store.users import PrincipalKind, Role, Users
from graph.errors import Conflict, NotAllowed, NotFound
from tests.app.store.samples import Time


@pytest.fixture
def users(database: Database, audit: AuditLog, time: Time) -> Users:
    return Users(database, audit, clock=time)


def test_token_names_its_user(users: Users) -> None:
    """A token lets in its owner, and nothing else does."""
    ana = users.create("ana", Role.APPROVER)
    bot = users.create("bot", Role.RESPONDER, PrincipalKind.AGENT)
    token = users.issue_token(ana)
    assert users.by_token(token) == ana
    assert users.by_token(users.issue_token(bot)) == bot
    assert users.by_token(token + "x") is None
    assert users.by_token("\ud800") is None


def test_name_is_taken_once(users: Users) -> None:
    """Names identify people."""
    users.create("ana", Role.VIEWER)
    with pytest.raises(Conflict):
        users.create("ana", Role.ADMIN)
    assert users.get("ana").role is Role.VIEWER
    with pytest.raises(NotFound):
        users.get("bo")


def test_role_of_this_moment_counts(users: Users) -> None:
    """A changed role holds for tokens and sessions that exist."""
    ana = users.create("ana", Role.ADMIN)
    token, session = users.issue_token(ana), users.start_session(ana)
    users.set_role("ana", Role.VIEWER, actor="root")
    for user in (users.by_token(token), users.session_user(session)):
        assert user is not None
        assert user.role is Role.VIEWER


def test_disabled_user_is_out_at_once(users: Users) -> None:
    """Neither token nor session nor code helps."""
    ana = users.create("ana", Role.ADMIN)
    token, session = users.issue_token(ana), users.start_session(ana)
    users.disable("ana", actor="root")
    assert users.by_token(token) is None
    assert users.session_user(session) is None


def test_revoked_token_is_dead(users: Users) -> None:
    """All tokens of somebody end together."""
    ana = users.create("ana", Role.ADMIN)
    token = users.issue_token(ana)
    assert users.revoke_tokens(ana, actor="root") == 1
    assert users.by_token(token) is None


def test_code_works_once(users: Users, time: Time) -> None:
    """The second use is refused."""
    ana = users.create("ana", Role.ADMIN)
    code = users.one_time_code(ana, time.now + timedelta(minutes=5))
    assert users.redeem(code) == ana
    with pytest.raises(NotAllowed):
        users.redeem(code)


def test_code_expires(users: Users, time: Time) -> None:
    """It is of no use at its end."""
    code = users.one_time_code(users.create("ana", Role.ADMIN), time.now + timedelta(minutes=5))
    time.forward(minutes=5)
    with pytest.raises(NotAllowed):
        users.redeem(code)


def test_session_ends_when_idle(users: Users, time: Time) -> None:
    """Thirty minutes without a request."""
    session = users.start_session(users.create("ana", Role.ADMIN))
    time.forward(minutes=29)
    assert users.session_user(session) is not None
    time.forward(minutes=29)
    assert users.session_user(session) is not None
    time.forward(minutes=30)
    assert users.session_user(session) is None


def test_session_ends_after_twelve_hours(users: Users, time: Time) -> None:
    """However busy it is."""
    session = users.start_session(users.create("ana", Role.ADMIN))
    for _ in range(35):
        time.forward(minutes=20)
        assert users.session_user(session) is not None
    time.forward(minutes=20)
    assert users.session_user(session) is None


def test_session_ends_on_logout(users: Users) -> None:
    """It is dead on the next request."""
    session = users.start_session(users.create("ana", Role.ADMIN))
    users.end_session(session)
    assert users.session_user(session) is None


def test_no_credential_is_stored_in_clear(users: Users, database: Database, time: Time) -> None:
    """A reader of the database gets in nowhere."""
    ana = users.create("ana", Role.ADMIN)
    secrets = [users.issue_token(ana), users.start_session(ana), users.one_time_code(ana, time.now)]
    with database.engine.connect() as connection:
        stored = [
            str(row)
            for table in ("tokens", "sessions", "login_codes", "audit_entries", "users")
            for row in connection.execute(text(f"SELECT * FROM {table}"))
        ]
    assert not any(secret in row for secret in secrets for row in stored)


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_roles_are_ordered(role: Role) -> None:
    """Each role may do what those before it may."""
    order = ["viewer", "responder", "approver", "admin"]
    assert [role.includes(Role(o)) for o in order] == [order.index(role) >= n for n in range(4)]
