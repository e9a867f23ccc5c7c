"""Describe the tables of the automation plane, for migrations and the drift check.

Workers scan three tables across workspaces. `run_queue` has narrow rows, there while a run is to
be claimed or is worked on. `due_time` says when a row may be claimed: at once, after a retry's
wait, or when the lease of whoever holds it has run out. `token` fences: it is new with each claim,
and what a holder commits it commits together with a look at its token. `waits` is what steps wait
for: a run that sleeps has no row in the queue, and a million of them cost no look. `schedules`
says when each workflow is due next. (`rule_sets` tells workers which workspaces there are.)
"""

import sqlalchemy as sa

from kit.tables import NAMING, common_tables, time_column

metadata = sa.MetaData(naming_convention=NAMING)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False, server_default="")


rules = sa.Table(
    "rules",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("rule_id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    _text("state_reason"),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("trigger_type", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text, nullable=False),
    sa.Column("webhook_secret", sa.LargeBinary, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    time_column("delete_time", nullable=True),
    sa.CheckConstraint("state IN ('enabled', 'disabled', 'paused')", name="state"),
    sa.Index(
        "uq_rules_name",
        "workspace_id",
        "name",
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL"),
    ),
    sa.Index("ix_rules_create_time", "workspace_id", "create_time", "rule_id"),
    sa.Index(
        "ix_rules_trigger",
        "workspace_id",
        "trigger_type",
        "object_id",
        postgresql_where=sa.text("delete_time IS NULL AND state = 'enabled'"),
    ),
)

rule_versions = sa.Table(
    "rule_versions",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("rule_id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("owner_id", sa.Text, nullable=False),
    sa.Column("definition", sa.Text, nullable=False),
    time_column("create_time"),
)

# One more with each change of any rule: what is held of a workspace's rules is good until then.
rule_sets = sa.Table(
    "rule_sets",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)

rule_rates = sa.Table(
    "rule_rates",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("rule_id", sa.Uuid, primary_key=True),
    time_column("minute"),
    sa.Column("count", sa.Integer, nullable=False),
)

# What a run was started by, once for all runs of an event.
occasions = sa.Table(
    "occasions",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("event_id", sa.Uuid, primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
    time_column("create_time"),
)

runs = sa.Table(
    "runs",
    metadata,
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
    _text("error"),
    sa.Column("depth", sa.SmallInteger, nullable=False),
    _text("traceparent"),
    _text("trace_id"),
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
    time_column("create_time"),
    time_column("start_time", nullable=True),
    time_column("finish_time", nullable=True),
    sa.Column("kind", sa.Text, nullable=False, server_default="rule"),
    sa.Column("epoch", sa.SmallInteger, nullable=False, server_default="0"),
    _text("output"),
    sa.Column("priority", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("parent_run_id", sa.Uuid),
    sa.Column("parent_step", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint(
        "state IN ('queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'blocked',"
        " 'skipped')",
        name="state",
    ),
    sa.Index(
        "ix_runs_parent",
        "workspace_id",
        "parent_run_id",
        postgresql_where=sa.text("parent_run_id IS NOT NULL"),
    ),
    sa.Index(
        "ix_runs_finish_time",
        "workspace_id",
        "finish_time",
        postgresql_where=sa.text("finish_time IS NOT NULL"),
    ),
    sa.Index("uq_runs_event", "workspace_id", "event_id", "rule_id", "rule_version", unique=True),
    sa.Index("ix_runs_rule", "workspace_id", "rule_id", "run_id"),
    sa.Index("ix_runs_record", "workspace_id", "record_id", "run_id"),
    sa.Index("ix_runs_state", "workspace_id", "state", "run_id"),
)

run_queue = sa.Table(
    "run_queue",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("run_id", sa.Uuid, primary_key=True),
    time_column("due_time"),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    _text("owner"),
    sa.Column("cancelling", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("signalled", sa.Boolean, nullable=False, server_default="false"),
    sa.Index("ix_run_queue_due_time", "workspace_id", "due_time"),
)

run_tokens = sa.Sequence("run_tokens", metadata=metadata)

steps = sa.Table(
    "steps",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("run_id", sa.Uuid, primary_key=True),
    sa.Column("step_index", sa.SmallInteger, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="pending"),
    sa.Column("epoch", sa.SmallInteger, nullable=False, server_default="0"),
    _text("input"),
    _text("output"),
    _text("error"),
    sa.Column("definite", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    time_column("waiting_since", nullable=True),
    time_column("start_time", nullable=True),
    time_column("finish_time", nullable=True),
    _text("path"),
    time_column("retry_at", nullable=True),
    sa.Column("passed_over", sa.Boolean, nullable=False, server_default="false"),
    sa.CheckConstraint(
        "state IN ('pending', 'running', 'waiting', 'succeeded', 'failed', 'cancelled')",
        name="state",
    ),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("run_id", sa.Uuid, primary_key=True),
    sa.Column("step_index", sa.SmallInteger, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False, server_default="running"),
    _text("error"),
    _text("trace_id"),
    time_column("start_time"),
    time_column("finish_time", nullable=True),
    sa.CheckConstraint(
        "outcome IN ('running', 'succeeded', 'failed', 'interrupted')", name="outcome"
    ),
)

# What was rotated out, and holds for a while: sealed signing secrets, hashes of URL tokens.
retired_secrets = sa.Table(
    "retired_secrets",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("source_id", sa.Uuid, primary_key=True),
    sa.Column("secret_id", sa.Uuid, primary_key=True),
    sa.Column("use", sa.Text, nullable=False),
    sa.Column("kept", sa.LargeBinary, nullable=False),
    time_column("expire_time"),
    sa.CheckConstraint("use IN ('signing', 'hook')", name="use"),
)

workflows = sa.Table(
    "workflows",
    metadata,
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
    _text("hook_salt"),
    time_column("create_time"),
    time_column("update_time"),
    time_column("delete_time", nullable=True),
    sa.CheckConstraint("state IN ('draft', 'enabled', 'paused')", name="state"),
    sa.Index(
        "uq_workflows_name",
        "workspace_id",
        "name",
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL"),
    ),
    sa.Index("ix_workflows_create_time", "workspace_id", "create_time", "workflow_id"),
)

workflow_versions = sa.Table(
    "workflow_versions",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("workflow_id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("owner_id", sa.Text, nullable=False),
    sa.Column("definition", sa.Text, nullable=False),
    time_column("create_time"),
)

# What happened to a rule or workflow: published, paused and why, enabled. Only ever appended to.
automation_history = sa.Table(
    "automation_history",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("subject_id", sa.Uuid, primary_key=True),
    sa.Column("entry_id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    _text("text"),
    _text("actor"),
    time_column("create_time"),
)

run_history = sa.Table(
    "run_history",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("run_id", sa.Uuid, primary_key=True),
    sa.Column("entry_id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    _text("text"),
    _text("actor"),
    time_column("create_time"),
)

waits = sa.Table(
    "waits",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("run_id", sa.Uuid, primary_key=True),
    sa.Column("step_index", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    time_column("due_time", nullable=True),
    _text("event_type"),
    _text("subject"),
    _text("match"),
    _text("outcome"),
    _text("payload"),
    sa.CheckConstraint("kind IN ('time', 'event', 'input', 'run', 'escalation')", name="kind"),
    sa.Index(
        "ix_waits_due_time",
        "due_time",
        postgresql_where=sa.text("outcome = '' AND due_time IS NOT NULL"),
    ),
    sa.Index(
        "ix_waits_input",
        "workspace_id",
        "run_id",
        postgresql_where=sa.text("outcome = '' AND kind = 'input'"),
    ),
    sa.Index(
        "ix_waits_event",
        "workspace_id",
        "event_type",
        "subject",
        postgresql_where=sa.text("outcome = '' AND kind = 'event'"),
    ),
)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("workflow_id", sa.Uuid, primary_key=True),
    time_column("next_time"),
    sa.Index("ix_schedules_next_time", "next_time"),
)

schedule_fires = sa.Table(
    "schedule_fires",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("workflow_id", sa.Uuid, primary_key=True),
    sa.Column("fire_time", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("run_id", sa.Uuid),
    time_column("create_time"),
)

# A workflow with limits: how many of its runs are under way, and when the next may start.
flows = sa.Table(
    "flows",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("workflow_id", sa.Uuid, primary_key=True),
    sa.Column("active", sa.Integer, nullable=False, server_default="0"),
    sa.Column("most", sa.Integer, nullable=False, server_default="0"),
    time_column("next_start"),
)

flow_backlog = sa.Table(
    "flow_backlog",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("workflow_id", sa.Uuid, primary_key=True),
    sa.Column("priority", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("run_id", sa.Uuid, primary_key=True),
)

debounces = sa.Table(
    "debounces",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("workflow_id", sa.Uuid, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("run_id", sa.Uuid, nullable=False),
)

# How far the headers of a workspace that were stored in the clear have been sealed.
header_sweeps = sa.Table(
    "header_sweeps",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("last_id", sa.Uuid, nullable=False),
    sa.Column("last_number", sa.BigInteger, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False, server_default="false"),
    sa.CheckConstraint("part IN ('rules', 'workflows', 'drafts', 'steps')", name="part"),
)

common_tables(metadata)
