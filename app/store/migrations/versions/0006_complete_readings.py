"""When each source told all that it has"""

import sqlalchemy as sa
from alembic import op

from app.store.column_types import Line, Utc

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "graph_readings",
        sa.Column("environment", Line(), nullable=False),
        sa.Column("source", Line(), nullable=False),
        sa.Column("facet", Line(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "source", "facet", "at"),
    )
