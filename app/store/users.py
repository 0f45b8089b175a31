"""People and agents, their roles, and what lets them in. Credentials are 256 random bits, stored as hashes only."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import update
from sqlmodel import Session, col, select

from app.store.audit import AuditLog
from app.store.clock import Clock, utc_now
from app.store.database import Database, lock
from app.store.rows.users import CodeRow, SessionRow, TokenRow, UserRow
from app.store.upsert import row_count
from graph.errors import Conflict, NotAllowed, NotFound

SESSION_IDLE = timedelta(minutes=30)
SESSION_LIFE = timedelta(hours=12)

_SEEN_EVERY = timedelta(seconds=30)
"""A session's last use is written no more often than this; the idle time is that much inexact."""


class Role(StrEnum):
    """What somebody may do; each role may do all that the one before may."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    APPROVER = "approver"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what `other` may.

        >>> Role.ADMIN.includes(Role.APPROVER), Role.VIEWER.includes(Role.APPROVER)
        (True, False)
        """
        order = list(Role)
        return order.index(self) >= order.index(other)


class PrincipalKind(StrEnum):
    HUMAN = "human"
    AGENT = "agent"
    """A program; it never approves, whatever its role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who was let in, with the role of this moment."""

    id: int
    name: str
    """Unique; what the audit log and approvals call them."""
    role: Role
    kind: PrincipalKind
    disabled: bool = False


class Users:
    """All principals."""

    def __init__(self, database: Database, audit: AuditLog, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def create(
        self, name: str, role: Role, kind: PrincipalKind = PrincipalKind.HUMAN, *, actor: str = "plumbline"
    ) -> User:
        """Add somebody.

        Raises:
            Conflict: the name is taken.
        """
        with self._database.session() as session:
            lock(session, "users")
            if _by_name(session, name) is not None:
                raise Conflict(f"there is a user {name!r} already")
            row = UserRow(name=name, role=Role(role).value, kind=PrincipalKind(kind).value, created_at=self._clock())
            session.add(row)
            session.flush()
            self._tell(session, actor, "user.created", name, {"role": row.role, "kind": row.kind})
            return _user(row)

    def get(self, name: str) -> User:
        """Return somebody by name.

        Raises:
            NotFound: nobody has this name.
        """
        with self._database.reading() as session:
            return _user(_known(session, name))

    def list(self) -> Sequence[User]:
        """Return everybody, by name."""
        with self._database.reading() as session:
            return [_user(row) for row in session.exec(select(UserRow).order_by(UserRow.name))]

    def set_role(self, name: str, role: Role, *, actor: str) -> User:
        """Give somebody another role; it counts from their next request on."""
        with self._database.session() as session:
            row = _known(session, name)
            before, row.role = row.role, Role(role).value
            self._tell(session, actor, "user.role", name, {"before": before, "after": row.role})
            return _user(row)

    def disable(self, name: str, *, actor: str) -> None:
        """Let somebody in no more; their tokens and sessions end at once."""
        with self._database.session() as session:
            _known(session, name).disabled = True
            self._tell(session, actor, "user.disabled", name, {})

    def issue_token(self, user: User, *, actor: str = "plumbline") -> str:
        """Make a bearer token. It is shown this once; only its hash is kept."""
        token = "plb_" + secrets.token_urlsafe(32)
        with self._database.session() as session:
            session.add(TokenRow(hash=_hash(token), user_id=user.id, created_at=self._clock()))
            session.flush()
            self._tell(session, actor, "token.issued", user.name, {"token": _hash(token)[:12]})
        return token

    def revoke_tokens(self, user: User, *, actor: str) -> int:
        """End all tokens of somebody; return how many."""
        with self._database.session() as session:
            mine = update(TokenRow).where(col(TokenRow.user_id) == user.id, col(TokenRow.revoked_at).is_(None))
            count = row_count(session.execute(mine.values(revoked_at=self._clock())))
            self._tell(session, actor, "token.revoked", user.name, {"tokens": count})
            return count

    def by_token(self, token: str) -> User | None:
        """Return whose bearer token this is, with their role of now; None when it lets nobody in."""
        with self._database.reading() as session:
            row = session.get(TokenRow, _hash(token))
            return _enabled(session, row.user_id) if row is not None and row.revoked_at is None else None

    def one_time_code(self, user: User, expires: datetime) -> str:
        """Make a code that lets somebody in once, until `expires` (UTC)."""
        code = secrets.token_urlsafe(32)
        with self._database.session() as session:
            session.add(CodeRow(hash=_hash(code), user_id=user.id, expires_at=expires))
        return code

    def redeem(self, code: str) -> User:
        """Use up a code.

        Raises:
            NotAllowed: it is unknown, used or expired.
        """
        now = self._clock()
        with self._database.session() as session:
            unused = update(CodeRow).where(
                col(CodeRow.hash) == _hash(code), col(CodeRow.used_at).is_(None), col(CodeRow.expires_at) > now
            )
            user_id = session.execute(unused.values(used_at=now).returning(col(CodeRow.user_id))).scalar_one_or_none()
            user = None if user_id is None else _enabled(session, user_id)
            if user is None:
                raise NotAllowed("this login link was used already or has expired: ask for a new one")
            self._tell(session, user.name, "user.login", user.name, {"by": "one-time code"})
            return user

    def start_session(self, user: User) -> str:
        """Begin a browser session; return its id, which only the browser keeps."""
        id = secrets.token_urlsafe(32)
        now = self._clock()
        with self._database.session() as session:
            session.add(SessionRow(hash=_hash(id), user_id=user.id, started_at=now, last_seen=now))
        return id

    def session_user(self, id: str) -> User | None:
        """Return whose session this is, with their role of now; None when it has ended. Counts as use of it."""
        now = self._clock()
        with self._database.reading() as session:
            row = session.get(SessionRow, _hash(id))
            if row is None or not _is_live(row, now):
                return None
            user = _enabled(session, row.user_id)
        if user is not None and now - row.last_seen >= _SEEN_EVERY:
            self._touch(id, now)
        return user

    def end_session(self, id: str) -> None:
        """Log out; the session is dead at the next request."""
        with self._database.session() as session:
            mine = update(SessionRow).where(col(SessionRow.hash) == _hash(id), col(SessionRow.ended_at).is_(None))
            session.execute(mine.values(ended_at=self._clock()))

    def _touch(self, id: str, now: datetime) -> None:
        with self._database.session() as session:
            mine = update(SessionRow).where(col(SessionRow.hash) == _hash(id), col(SessionRow.last_seen) < now)
            session.execute(mine.values(last_seen=now))

    def _tell(self, session: Session, actor: str, action: str, name: str, detail: dict[str, object]) -> None:
        session.flush()
        self._audit.append(session, actor=actor, action=action, subject=f"user:{name}", detail=detail)


def human_with_role(session: Session, name: str, role: Role) -> User:
    """Return an enabled human by name, whose role of this moment includes `role`.

    Raises:
        NotAllowed: there is no such person.
    """
    row = _by_name(session, name)
    if row is None or row.disabled:
        raise NotAllowed(f"nobody called {name!r} may do this")
    if row.kind != PrincipalKind.HUMAN.value:
        raise NotAllowed(f"{name!r} is not a person; only people may do this")
    if not Role(row.role).includes(role):
        raise NotAllowed(f"{name!r} is a {row.role}; this needs the role {role.value!r}")
    return _user(row)


def _is_live(row: SessionRow, now: datetime) -> bool:
    return row.ended_at is None and now - row.last_seen < SESSION_IDLE and now - row.started_at < SESSION_LIFE


def _enabled(session: Session, user_id: int) -> User | None:
    row = session.get(UserRow, user_id)
    return _user(row) if row is not None and not row.disabled else None


def _by_name(session: Session, name: str) -> UserRow | None:
    return session.exec(select(UserRow).where(UserRow.name == name)).first()


def _known(session: Session, name: str) -> UserRow:
    row = _by_name(session, name)
    if row is None:
        raise NotFound(f"no user {name!r}")
    return row


def _user(row: UserRow) -> User:
    assert row.id is not None
    return User(id=row.id, name=row.name, role=Role(row.role), kind=PrincipalKind(row.kind), disabled=row.disabled)


def _hash(secret: str) -> str:
    """A plain hash will do: nobody can guess 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
