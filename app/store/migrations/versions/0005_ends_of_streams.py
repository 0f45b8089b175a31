"""Until when a stream of changes has told what happened"""

import sqlalchemy as sa
from alembic import op

from app.store.column_types import Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("graph_sources") as table:
        table.add_column(sa.Column("told_until", Utc(), nullable=True))
