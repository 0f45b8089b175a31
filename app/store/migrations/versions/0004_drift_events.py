"""Drift events, which of them are open, and who collects"""

import sqlalchemy as sa
from alembic import op

from app.store.column_types import JsonText, Line, Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drift_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("environment", Line(), nullable=False),
        sa.Column("uid", Line(), nullable=False),
        sa.Column("kind", Line(), nullable=False),
        sa.Column("detected_at", Utc(), nullable=False),
        sa.Column("recorded_at", Utc(), nullable=False),
        sa.Column("body", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("drift_events_number", "drift_events", ["environment", "id"])
    op.create_index("drift_events_resource", "drift_events", ["environment", "uid", "id"])
    op.create_index("drift_events_time", "drift_events", ["environment", "detected_at"])

    op.create_table(
        "open_drifts",
        sa.Column("environment", Line(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("uid", Line(), nullable=False),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "place"),
    )
    op.create_index("open_drifts_resource", "open_drifts", ["environment", "uid"])

    op.create_table(
        "leases",
        sa.Column("name", Line(), nullable=False),
        sa.Column("holder", Line(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
