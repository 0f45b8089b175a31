"""Facts that are few, such as outages, are found without a look at the relations, which are many"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("graph_facts_history", "graph_facts")
    op.create_index("graph_facts_history", "graph_facts", ["environment", "kind", "valid_from"])
