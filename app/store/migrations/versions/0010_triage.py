"""What alerts are held for, and when they fired"""

import sqlalchemy as sa
from alembic import op

from app.store.column_types import JsonText, Line, Utc

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "triage",
        sa.Column("alert", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("verdict", Line(), nullable=False),
        sa.Column("decision", JsonText(), nullable=False),
        sa.ForeignKeyConstraint(["alert"], ["alerts.id"]),
        sa.PrimaryKeyConstraint("alert"),
    )
    op.create_table(
        "firings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sender", Line(), nullable=False),
        sa.Column("name", Line(), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("firings_once", "firings", ["sender", "name", "started_at"], unique=True)
    with op.batch_alter_table("incidents") as table:
        table.add_column(sa.Column("triage", Line(), nullable=False, server_default="undecided"))
