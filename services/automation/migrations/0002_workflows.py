"""Add workflows, waits, schedules, flow control and histories; runs learn whose they are."""

import sqlalchemy as sa
from alembic import op

from kit import migrations, tables

revision = "0002"
down_revision = "0001"

_RUN_STATES = (
    "'queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'blocked', 'skipped'"
)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _small(name: str, default: str) -> "sa.Column[int]":
    return sa.Column(name, sa.SmallInteger, nullable=False, server_default=default)


def _integer(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def upgrade() -> None:
    _extend()
    _create_workflows()
    _create_engine()
    migrations.secure(
        "automation",
        [
            "workflows",
            "workflow_versions",
            "automation_history",
            "waits",
            "schedules",
            "schedule_fires",
            "flows",
            "flow_backlog",
            "debounces",
            "run_history",
        ],
        queues=["waits", "schedules"],
    )
    # Workers find the workspaces that have something to forget by their rule sets.
    worker = "armature_automation_worker"
    op.execute(
        f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{worker}') THEN"
        f" CREATE POLICY workers ON rule_sets TO {worker} USING (true) WITH CHECK (true);"
        " END IF; END $$"
    )


def _extend() -> None:
    op.add_column("runs", sa.Column("kind", sa.Text, nullable=False, server_default="rule"))
    op.add_column("runs", _small("epoch", "0"))
    op.add_column("runs", _text("output"))
    op.add_column(
        "runs", sa.Column("priority", sa.SmallInteger, nullable=False, server_default="1")
    )
    op.add_column("runs", sa.Column("parent_run_id", sa.Uuid))
    op.add_column("runs", _integer("parent_step"))
    op.create_index(
        "ix_runs_parent",
        "runs",
        ["workspace_id", "parent_run_id"],
        postgresql_where=sa.text("parent_run_id IS NOT NULL"),
    )
    op.create_index(
        "ix_runs_finish_time",
        "runs",
        ["workspace_id", "finish_time"],
        postgresql_where=sa.text("finish_time IS NOT NULL"),
    )
    op.drop_constraint(op.f("ck_runs_state"), "runs")
    op.create_check_constraint(op.f("ck_runs_state"), "runs", f"state IN ({_RUN_STATES})")
    op.add_column("steps", _text("path"))
    op.add_column("steps", sa.Column("retry_at", sa.DateTime(timezone=True)))
    op.drop_constraint(op.f("ck_steps_state"), "steps")
    op.create_check_constraint(
        op.f("ck_steps_state"),
        "steps",
        "state IN ('pending', 'running', 'waiting', 'succeeded', 'failed', 'cancelled')",
    )
    op.add_column(
        "run_queue", sa.Column("signalled", sa.Boolean, nullable=False, server_default="false")
    )


def _create_workflows() -> None:
    op.create_table(
        "workflows",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("workflow_id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        _text("description"),
        sa.Column("draft", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        _text("state_reason"),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        _text("trigger_type"),
        sa.Column("webhook_secret", sa.LargeBinary, nullable=False),
        sa.Column("hook_hash", sa.LargeBinary, nullable=False),
        tables.time_column("create_time"),
        tables.time_column("update_time"),
        tables.time_column("delete_time", nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'enabled', 'paused')", name=op.f("ck_workflows_state")
        ),
    )
    op.create_index(
        "uq_workflows_name",
        "workflows",
        ["workspace_id", "name"],
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL"),
    )
    op.create_index(
        "ix_workflows_create_time", "workflows", ["workspace_id", "create_time", "workflow_id"]
    )
    op.create_table(
        "workflow_versions",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("workflow_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        tables.time_column("create_time"),
    )
    op.create_table(
        "automation_history",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("subject_id", sa.Uuid, primary_key=True),
        sa.Column("entry_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        _text("text"),
        _text("actor"),
        tables.time_column("create_time"),
    )
    op.create_table(
        "run_history",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("run_id", sa.Uuid, primary_key=True),
        sa.Column("entry_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        _text("text"),
        _text("actor"),
        tables.time_column("create_time"),
    )


def _create_engine() -> None:
    op.create_table(
        "waits",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("run_id", sa.Uuid, primary_key=True),
        sa.Column("step_index", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("due_time", sa.DateTime(timezone=True)),
        _text("event_type"),
        _text("subject"),
        _text("match"),
        _text("outcome"),
        _text("payload"),
        sa.CheckConstraint(
            "kind IN ('time', 'event', 'input', 'run', 'escalation')", name=op.f("ck_waits_kind")
        ),
    )
    op.create_index(
        "ix_waits_due_time",
        "waits",
        ["due_time"],
        postgresql_where=sa.text("outcome = '' AND due_time IS NOT NULL"),
    )
    op.create_index(
        "ix_waits_event",
        "waits",
        ["workspace_id", "event_type", "subject"],
        postgresql_where=sa.text("outcome = '' AND kind = 'event'"),
    )
    op.create_table(
        "schedules",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("workflow_id", sa.Uuid, primary_key=True),
        tables.time_column("next_time"),
    )
    op.create_index("ix_schedules_next_time", "schedules", ["next_time"])
    op.create_table(
        "schedule_fires",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("workflow_id", sa.Uuid, primary_key=True),
        sa.Column("fire_time", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("run_id", sa.Uuid),
        tables.time_column("create_time"),
    )
    op.create_table(
        "flows",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("workflow_id", sa.Uuid, primary_key=True),
        sa.Column("active", sa.Integer, nullable=False, server_default="0"),
        sa.Column("most", sa.Integer, nullable=False, server_default="0"),
        tables.time_column("next_start"),
    )
    op.create_table(
        "flow_backlog",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("workflow_id", sa.Uuid, primary_key=True),
        sa.Column("priority", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("run_id", sa.Uuid, primary_key=True),
    )
    op.create_table(
        "debounces",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("workflow_id", sa.Uuid, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("run_id", sa.Uuid, nullable=False),
    )
