"""Memories"""

import sqlalchemy as sa
from alembic import op

from app.store.column_types import JsonText, Line, Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "memories",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("environment", Line(), nullable=False),
        sa.Column("incident", Line(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("by", Line(), nullable=False),
        sa.Column("body", JsonText(), nullable=False),
        sa.Column("removed_at", Utc(), nullable=True),
        sa.Column("removed_by", Line(), nullable=False),
        sa.Column("removed_because", Line(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_memories_environment", "memories", ["environment"])
    op.create_index("ix_memories_incident", "memories", ["incident"])
    op.create_table(
        "memory_uses",
        sa.Column("memory", sa.Integer(), nullable=False),
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("diagnosis", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["memory"], ["memories.number"]),
        sa.ForeignKeyConstraint(["incident"], ["incidents.number"]),
        sa.PrimaryKeyConstraint("memory", "incident", "diagnosis"),
    )
