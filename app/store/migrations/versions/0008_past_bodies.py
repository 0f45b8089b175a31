"""What versions held before only insignificant parts of it changed"""

import sqlalchemy as sa
from alembic import op

from app.store.column_types import JsonText, Line, Utc

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "graph_bodies",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("environment", Line(), nullable=False),
        sa.Column("uid", Line(), nullable=False),
        sa.Column("superseded_at", Utc(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("origin", JsonText(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["graph_versions.id"]),
        sa.ForeignKeyConstraint(["environment", "blob"], ["graph_blobs.environment", "graph_blobs.hash"]),
        sa.PrimaryKeyConstraint("version", "until"),
    )
    op.create_index("graph_bodies_time", "graph_bodies", ["environment", "until"])
    op.create_index("graph_bodies_learned", "graph_bodies", ["environment", "superseded_at"])
    op.create_index("graph_bodies_blob", "graph_bodies", ["environment", "blob"])
