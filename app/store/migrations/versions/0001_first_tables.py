"""First tables"""

import sqlalchemy as sa
from alembic import op

from app.store.column_types import JsonText, Line, Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_CURRENT = sa.text("valid_to IS NULL")


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("actor", Line(), nullable=False),
        sa.Column("action", Line(), nullable=False),
        sa.Column("subject", Line(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("prev", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_audit_entries_subject", "audit_entries", ["subject"])

    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("seal", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sender", Line(), nullable=False),
        sa.Column("key", Line(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("headers", JsonText(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("status", Line(), nullable=False),
        sa.Column("reason", Line(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("deliveries_once", "deliveries", ["sender", "key"], unique=True)
    op.create_index("deliveries_status", "deliveries", ["status"])

    op.create_table(
        "environments",
        sa.Column("name", Line(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "graph_blobs",
        sa.Column("environment", Line(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "hash"),
    )
    op.create_table(
        "graph_changes",
        sa.Column("environment", Line(), nullable=False),
        sa.Column("id", Line(), nullable=False),
        sa.Column("uid", Line(), nullable=False),
        sa.Column("latest", Utc(), nullable=False),
        sa.Column("recorded_at", Utc(), nullable=False),
        sa.Column("body", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "id"),
    )
    op.create_index("graph_changes_time", "graph_changes", ["environment", "latest"])

    op.create_table(
        "graph_facts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("environment", Line(), nullable=False),
        sa.Column("kind", Line(), nullable=False),
        sa.Column("facet", Line(), nullable=False),
        sa.Column("source", Line(), nullable=False),
        sa.Column("subject", Line(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("body", JsonText(), nullable=False),
        sa.Column("valid_from", Utc(), nullable=False),
        sa.Column("valid_to", Utc(), nullable=True),
        sa.Column("recorded_at", Utc(), nullable=False),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "graph_facts_current",
        "graph_facts",
        ["environment", "kind", "facet", "source", "hash"],
        unique=True,
        sqlite_where=_CURRENT,
        postgresql_where=_CURRENT,
    )
    op.create_index("graph_facts_history", "graph_facts", ["environment", "valid_from"])

    op.create_table(
        "graph_sources",
        sa.Column("environment", Line(), nullable=False),
        sa.Column("name", Line(), nullable=False),
        sa.Column("facet", Line(), nullable=False),
        sa.Column("first_read_at", Utc(), nullable=True),
        sa.Column("read_at", Utc(), nullable=True),
        sa.Column("error", Line(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "name", "facet"),
    )
    op.create_table(
        "graph_symptoms",
        sa.Column("environment", Line(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("recorded_at", Utc(), nullable=False),
        sa.Column("body", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "hash"),
    )
    op.create_index("graph_symptoms_time", "graph_symptoms", ["environment", "at"])

    op.create_table(
        "incidents",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("environment", Line(), nullable=False),
        sa.Column("correlation", Line(), nullable=False),
        sa.Column("status", Line(), nullable=False),
        sa.Column("title", Line(), nullable=False),
        sa.Column("severity", Line(), nullable=False),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("resolved_at", Utc(), nullable=True),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("incidents_joined", "incidents", ["environment", "correlation", "status"])
    op.create_index("ix_incidents_status", "incidents", ["status"])

    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", Line(), nullable=False),
        sa.Column("key", Line(), nullable=False),
        sa.Column("payload", JsonText(), nullable=False),
        sa.Column("status", Line(), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("run_at", Utc(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("worker", Line(), nullable=False),
        sa.Column("lease_until", Utc(), nullable=True),
        sa.Column("error", Line(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("jobs_due", "jobs", ["status", "run_at"])
    op.create_index(
        "jobs_live",
        "jobs",
        ["kind", "key"],
        unique=True,
        sqlite_where=sa.text("status IN ('queued', 'running')"),
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )

    op.create_table(
        "proposals",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("incident_id", Line(), nullable=False),
        sa.Column("environment", Line(), nullable=False),
        sa.Column("target", Line(), nullable=False),
        sa.Column("kind", Line(), nullable=False),
        sa.Column("cause", Line(), nullable=False),
        sa.Column("status", Line(), nullable=False),
        sa.Column("note", Line(), nullable=False),
        sa.Column("requester", Line(), nullable=False),
        sa.Column("policy_version", Line(), nullable=False),
        sa.Column("required_approvals", sa.Integer(), nullable=False),
        sa.Column("reasons", JsonText(), nullable=False),
        sa.Column("evidence", JsonText(), nullable=False),
        sa.Column("plan", JsonText(), nullable=False),
        sa.Column("blast", JsonText(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("changed_at", Utc(), nullable=False),
        sa.Column("start_by", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_proposals_incident_id", "proposals", ["incident_id"])
    op.create_index("ix_proposals_status", "proposals", ["status"])
    op.create_index(
        "proposals_one_for_a_cause",
        "proposals",
        ["incident_id", "cause"],
        unique=True,
        sqlite_where=sa.text("status IN ('pending', 'held', 'approved', 'running')"),
        postgresql_where=sa.text("status IN ('pending', 'held', 'approved', 'running')"),
    )
    op.create_index(
        "proposals_one_run_for_a_target",
        "proposals",
        ["environment", "target"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )

    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sender", Line(), nullable=False),
        sa.Column("key", Line(), nullable=False),
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("status", Line(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("body", JsonText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incidents.number"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("alerts_once", "alerts", ["sender", "key"], unique=True)
    op.create_index("ix_alerts_incident", "alerts", ["incident"])

    op.create_table(
        "approvals",
        sa.Column("proposal", sa.Integer(), nullable=False),
        sa.Column("approver", Line(), nullable=False),
        sa.Column("roles", JsonText(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("seal", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal"],
            ["proposals.number"],
        ),
        sa.PrimaryKeyConstraint("proposal", "approver"),
    )
    op.create_table(
        "diagnoses",
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("took_s", sa.Float(), nullable=False),
        sa.Column("model", JsonText(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("diagnosis", JsonText(), nullable=False),
        sa.Column("blast", JsonText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incidents.number"],
        ),
        sa.PrimaryKeyConstraint("incident", "number"),
    )
    op.create_table(
        "executions",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("proposal", sa.Integer(), nullable=False),
        sa.Column("executor", Line(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("status", Line(), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("detail", JsonText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["proposal"],
            ["proposals.number"],
        ),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("proposal"),
    )
    op.create_index("ix_executions_status", "executions", ["status"])

    op.create_table(
        "graph_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("environment", Line(), nullable=False),
        sa.Column("uid", Line(), nullable=False),
        sa.Column("facet", Line(), nullable=False),
        sa.Column("source", Line(), nullable=False),
        sa.Column("resource", JsonText(), nullable=False),
        sa.Column("origin", JsonText(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("significant", sa.String(), nullable=False),
        sa.Column("valid_from", Utc(), nullable=False),
        sa.Column("valid_to", Utc(), nullable=True),
        sa.Column("last_seen", Utc(), nullable=False),
        sa.Column("recorded_at", Utc(), nullable=False),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["environment", "blob"],
            ["graph_blobs.environment", "graph_blobs.hash"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("graph_versions_blob", "graph_versions", ["environment", "blob"])
    op.create_index(
        "graph_versions_current",
        "graph_versions",
        ["environment", "facet", "source", "uid"],
        unique=True,
        sqlite_where=_CURRENT,
        postgresql_where=_CURRENT,
    )
    op.create_index("graph_versions_history", "graph_versions", ["environment", "uid", "facet", "source", "valid_from"])

    op.create_table(
        "login_codes",
        sa.Column("hash", Line(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("used_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", Line(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("last_seen", Utc(), nullable=False),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "tokens",
        sa.Column("hash", Line(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("revoked_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "execution_notes",
        sa.Column("execution", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("step", Line(), nullable=False),
        sa.Column("detail", JsonText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution"],
            ["executions.number"],
        ),
        sa.PrimaryKeyConstraint("execution", "seq"),
    )
