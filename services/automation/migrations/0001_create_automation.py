"""Create rules, runs and what workers need, each bound to its workspace."""

import sqlalchemy as sa
from alembic import op

from kit import migrations, tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "rules",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("rule_id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("state_reason", sa.Text, nullable=False, server_default=""),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("trigger_type", sa.Text, nullable=False),
        sa.Column("object_id", sa.Text, nullable=False),
        sa.Column("webhook_secret", sa.LargeBinary, nullable=False),
        tables.time_column("create_time"),
        tables.time_column("update_time"),
        tables.time_column("delete_time", nullable=True),
        sa.CheckConstraint(
            "state IN ('enabled', 'disabled', 'paused')", name=op.f("ck_rules_state")
        ),
    )
    op.create_index(
        "uq_rules_name",
        "rules",
        ["workspace_id", "name"],
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL"),
    )
    op.create_index("ix_rules_create_time", "rules", ["workspace_id", "create_time", "rule_id"])
    op.create_index(
        "ix_rules_trigger",
        "rules",
        ["workspace_id", "trigger_type", "object_id"],
        postgresql_where=sa.text("delete_time IS NULL AND state = 'enabled'"),
    )
    op.create_table(
        "rule_versions",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("rule_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        tables.time_column("create_time"),
    )
    op.create_table(
        "rule_sets",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rule_rates",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("rule_id", sa.Uuid, primary_key=True),
        tables.time_column("minute"),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_table(
        "occasions",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("event_id", sa.Uuid, primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        tables.time_column("create_time"),
    )
    op.create_table(
        "runs",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("run_id", sa.Uuid, primary_key=True),
        sa.Column("rule_id", sa.Uuid, nullable=False),
        sa.Column("rule_version", sa.BigInteger, nullable=False),
        sa.Column("rule_name", sa.Text, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("record_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.Column("depth", sa.SmallInteger, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False, server_default=""),
        sa.Column("trace_id", sa.Text, nullable=False, server_default=""),
        sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
        tables.time_column("create_time"),
        tables.time_column("start_time", nullable=True),
        tables.time_column("finish_time", nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'blocked')",
            name=op.f("ck_runs_state"),
        ),
    )
    op.create_index(
        "uq_runs_event",
        "runs",
        ["workspace_id", "event_id", "rule_id", "rule_version"],
        unique=True,
    )
    op.create_index("ix_runs_rule", "runs", ["workspace_id", "rule_id", "run_id"])
    op.create_index("ix_runs_record", "runs", ["workspace_id", "record_id", "run_id"])
    op.create_index("ix_runs_state", "runs", ["workspace_id", "state", "run_id"])
    op.create_table(
        "run_queue",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("run_id", sa.Uuid, primary_key=True),
        tables.time_column("due_time"),
        sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("owner", sa.Text, nullable=False, server_default=""),
        sa.Column("cancelling", sa.Boolean, nullable=False, server_default="false"),
    )
    op.create_index("ix_run_queue_due_time", "run_queue", ["workspace_id", "due_time"])
    op.create_table(
        "steps",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("run_id", sa.Uuid, primary_key=True),
        sa.Column("step_index", sa.SmallInteger, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="pending"),
        sa.Column("epoch", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("input", sa.Text, nullable=False, server_default=""),
        sa.Column("output", sa.Text, nullable=False, server_default=""),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.Column("definite", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        tables.time_column("waiting_since", nullable=True),
        tables.time_column("start_time", nullable=True),
        tables.time_column("finish_time", nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_steps_state"),
        ),
    )
    op.create_table(
        "attempts",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("run_id", sa.Uuid, primary_key=True),
        sa.Column("step_index", sa.SmallInteger, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False, server_default="running"),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.Column("trace_id", sa.Text, nullable=False, server_default=""),
        tables.time_column("start_time"),
        tables.time_column("finish_time", nullable=True),
        sa.CheckConstraint(
            "outcome IN ('running', 'succeeded', 'failed', 'interrupted')",
            name=op.f("ck_attempts_outcome"),
        ),
    )
    op.execute(sa.schema.CreateSequence(sa.Sequence("run_tokens")))
    common = sa.MetaData(naming_convention=tables.NAMING)
    tables.common_tables(common)
    common.create_all(op.get_bind())
    migrations.secure(
        "automation",
        [
            "rules",
            "rule_versions",
            "rule_sets",
            "rule_rates",
            "occasions",
            "runs",
            "run_queue",
            "steps",
            "attempts",
        ],
        queues=["run_queue"],
    )
    migrations.common("automation")
