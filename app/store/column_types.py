"""Column types that behave the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from graph.document import Json


class Utc(TypeDecorator[datetime]):
    """An aware time in UTC.

    SQLite has no times: there it is text of fixed width, so that text order is time order.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, `timestamptz` elsewhere."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive times: nobody can tell what they mean."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone can't be stored: {value!r}")
        value = value.astimezone(UTC)
        return value.isoformat(timespec="microseconds") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002  (given by SQLAlchemy)
        """Give the time back in UTC, whatever zone the connection uses."""
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


class JsonText(TypeDecorator[Json]):
    """JSON kept as ASCII text.

    PostgreSQL's own JSON types refuse U+0000 and lone surrogates, which outside text may hold; escaped text keeps
    every value as it came.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Json, dialect: Dialect) -> str:  # noqa: ARG002  (given by SQLAlchemy)
        """Serialise; None is JSON null."""
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    def process_result_value(self, value: Any, dialect: Dialect) -> Json:  # noqa: ARG002  (given by SQLAlchemy)
        """Parse."""
        return None if value is None else json.loads(value)


class Line(TypeDecorator[str]):
    """Short text from anywhere that is searched or compared.

    What PostgreSQL can't hold (U+0000, lone surrogates) is replaced by U+FFFD.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (given by SQLAlchemy)
        """Replace what can't be stored."""
        if value is None:
            return None
        return value.replace("\x00", "�").encode("utf-8", "replace").decode()
