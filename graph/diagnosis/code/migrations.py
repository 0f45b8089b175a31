"""What statements of a migration do to a table in use: most are instant, some rewrite or lock it.

PostgreSQL and MySQL alike: https://www.postgresql.org/docs/current/sql-altertable.html (Notes),
https://dev.mysql.com/doc/refman/8.4/en/innodb-online-ddl-operations.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from graph.diagnosis.code.patch import Patch

MIGRATION = re.compile(r"migrat|(^|/)schema\.|flyway|liquibase|alembic|changelog|(^|/)ddl/|\.sql$", re.IGNORECASE)
_NAME = r"(?:if (?:not )?exists\s+)?(?:only\s+)?[\"'`\[]?(?:\w+[\"'`\]]?\.[\"'`\[]?)?(\w+)"
_TABLE = re.compile(
    rf"\balter table\s+{_NAME}|\bupdate\s+(?:only\s+)?[\"'`]?(\w+)[\"'`]?\s+set\b|\bdelete from\s+{_NAME}"
    rf"|\bindex\b[^;]*?\bon\s+{_NAME}|\b(?:lock|truncate)\s+table\s+{_NAME}|\b(?:vacuum full|cluster"
    rf"|reindex table)\s+{_NAME}"
    rf"|\bdrop table\s+{_NAME}",
    re.IGNORECASE,
)
_CALLED = re.compile(
    r"\b(?:add|drop|alter|change|rename|remove)_?(?:column|field|index|constraint|foreign_key|reference|column_null)"
    r"\w*\(?\s*(?:model_name\s*=\s*)?[:\"'](\w+)",
    re.IGNORECASE,
)
"""What migrations of frameworks call the same"""
_ADDS_COLUMN = re.compile(
    r"\badd\s+(?:column\s+)?(?!constraint|index|primary|foreign|unique|check|key\b)[\"'`]?\w+", re.IGNORECASE
)
_COMPUTED_DEFAULT = re.compile(
    r"default\s+\(?\s*(?!now\b|current_|localtime|nextval\b.*never)(?:[a-z_]\w*\.)?[a-z_]\w*\s*\(", re.IGNORECASE
)
_REWRITES = re.compile(
    r"\balter\s+(?:column\s+)?[\"'`]?\w+[\"'`]?\s+(?:set data\s+)?type\b|\bmodify\b|\bchange column\b|\bset not null\b"
    r"|\badd (?:constraint|foreign key|primary key|unique|check)\b(?!.*\bnot valid\b)(?!.*using index)"
    r"|\block table\b|\bvacuum full\b|\bcluster\b|\breindex (?!.*concurrently)|\bconvert to character set\b"
    r"|\bset logged\b|\bgenerated always as\b.*\bstored\b|\bserial\b|\bgenerated (?:always|by default) as identity\b",
    re.IGNORECASE,
)
_INDEX = re.compile(
    r"\bcreate\s+(?:unique\s+)?index\s+(?!.*concurrently)|\badd (?:unique )?(?:index|key)\b", re.IGNORECASE
)
_ALL_ROWS = re.compile(r"^\s*(?:update\s+\w+\s+set|delete from)\b", re.IGNORECASE)
_SOME_ROWS = re.compile(
    r"\b(?:created|updated|modified|inserted)\w*\s*>|\blimit\s+\d|\bid\s+(?:between|<|in\s*\()|\bid\s*=|interval",
    re.IGNORECASE,
)
_CALLS_THAT_LOCK = re.compile(
    r"alter_?field|alter_?column|change_column\b|change_column_null|add_?constraint|add_foreign_key"
    r"|add_?index(?!.*concurrent)|create_?index(?!.*concurrent)|runpython|add_?column\(.*(?:null:\s*false|nullable=false)",
    re.IGNORECASE,
)


class Migration(NamedTuple):
    """What the statements of a patch do."""

    locks: bool
    """One of them holds up those who use its table: it rewrites or reads all of it under a lock"""
    tables: frozenset[str]
    """Tables that statements change, in lower case"""


def migration(patch: Patch) -> Migration:
    """Read the statements that a patch brings; empty where it brings no migration."""
    if not any(MIGRATION.search(f) for f in patch.files):
        return Migration(locks=False, tables=frozenset())
    text = "\n".join(line.text for line in patch.lines if line.sign == "+" and line.is_code)
    tables: set[str] = set()
    locks = False
    for statement in _statements(text):
        tables |= _tables(statement)
        locks = locks or holds_up(statement)
    return Migration(locks=locks, tables=frozenset(tables))


def holds_up(statement: str) -> bool:
    """Whether a statement keeps others from a table that is in use, for as long as it has rows.

    >>> holds_up("ALTER TABLE a ADD COLUMN b text")
    False
    >>> holds_up("ALTER TABLE a ADD COLUMN b uuid DEFAULT gen_random_uuid()")
    True
    >>> holds_up("CREATE INDEX CONCURRENTLY i ON a (b)"), holds_up("UPDATE a SET b = 0")
    (False, True)
    """
    one = re.sub(r"\s+", " ", statement)
    if _REWRITES.search(one) or _INDEX.search(one) or _CALLS_THAT_LOCK.search(one):
        return True
    if _ADDS_COLUMN.search(one) and "alter table" in one.lower() and _COMPUTED_DEFAULT.search(one):
        return True
    return bool(_ALL_ROWS.search(one)) and not _SOME_ROWS.search(one)


def _statements(text: str) -> Iterator[str]:
    return (
        part
        for part in re.split(r";|\n(?=\s*(?:migrations\.|op\.|add_|remove_|change_|rename_))", text)
        if part.strip()
    )


def _tables(statement: str) -> set[str]:
    found = {name.lower() for names in _TABLE.findall(statement) for name in names if name}
    return found | {name.lower() for name in _CALLED.findall(statement)}
