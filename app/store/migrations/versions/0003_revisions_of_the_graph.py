"""Rows of the graph say in which revision they were written last, and changes say their kind"""

import json

import sqlalchemy as sa
from alembic import op

from app.store.column_types import Line, Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CHUNK = 5_000


def upgrade() -> None:
    with op.batch_alter_table("graph_versions") as table:
        table.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
        table.create_index("graph_versions_revision", ["environment", "revision"])
        table.create_index("graph_versions_begun", ["environment", "valid_from"])
        table.create_index("graph_versions_ended", ["environment", "valid_to"])
        table.create_index("graph_versions_learned", ["environment", "recorded_at"])
    with op.batch_alter_table("graph_facts") as table:
        table.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
        table.create_index("graph_facts_revision", ["environment", "revision"])
        table.create_index("graph_facts_subject", ["environment", "kind", "subject"])
        table.create_index("graph_facts_ended", ["environment", "valid_to"])
    with op.batch_alter_table("graph_sources") as table:
        table.add_column(sa.Column("heard_at", Utc(), nullable=True))
    with op.batch_alter_table("graph_changes") as table:
        table.add_column(sa.Column("kind", Line(), nullable=False, server_default=""))
        table.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
        table.create_index("graph_changes_resource", ["environment", "uid", "latest"])
        table.create_index("graph_changes_kind", ["environment", "kind", "latest"])
    _fill_kinds()


def _fill_kinds() -> None:
    """Take the kind of each change from its body."""
    changes = sa.table(
        "graph_changes",
        sa.column("environment", sa.Text),
        sa.column("id", sa.Text),
        sa.column("kind", sa.Text),
        sa.column("body", sa.Text),
    )
    connection = op.get_bind()
    same = sa.and_(changes.c.environment == sa.bindparam("e"), changes.c.id == sa.bindparam("i"))
    statement = sa.update(changes).where(same).values(kind=sa.bindparam("k"))
    found = connection.execute(sa.select(changes.c.environment, changes.c.id, changes.c.body))
    for rows in found.partitions(_CHUNK):
        connection.execute(statement, [{"e": e, "i": i, "k": _kind(json.loads(body))} for e, i, body in rows])


def _kind(body: dict[str, str]) -> str:
    return body.get("kind", "").replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
