"""Describe the tables of the automation plane, for migrations and the drift check.

`run_queue` is the only table that workers scan across workspaces: narrow rows, there while a run
waits or works. `due_time` says when a row may be claimed: at once, after a retry's wait, or when
the lease of whoever holds it has run out. `token` fences: it is new with each claim, and what a
holder commits it commits together with a look at its token.
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
    sa.CheckConstraint(
        "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'blocked')",
        name="state",
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
    sa.CheckConstraint(
        "state IN ('pending', 'running', 'succeeded', 'failed', 'cancelled')", name="state"
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

common_tables(metadata)
