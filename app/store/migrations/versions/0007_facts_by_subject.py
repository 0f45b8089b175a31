"""What holds of one resource is found without a look at all that its source states"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_HOLDS = sa.text("valid_to IS NULL")


def upgrade() -> None:
    op.drop_index("graph_facts_current", "graph_facts")
    op.create_index(
        "graph_facts_current",
        "graph_facts",
        ["environment", "kind", "facet", "source", "subject", "hash"],
        unique=True,
        sqlite_where=_HOLDS,
        postgresql_where=_HOLDS,
    )
