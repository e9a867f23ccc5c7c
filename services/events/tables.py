"""The tables of the events plane."""

import sqlalchemy as sa

from kit.tables import NAMING, common_tables, time_column
from services.events.model import DeliveryState, PayloadKind, SubscriptionState

metadata = sa.MetaData(naming_convention=NAMING)
common_tables(metadata)


def _one_of(column: str, values: list[str]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


domain_events = sa.Table(
    "domain_events",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column(
        "append_time",
        sa.DateTime(timezone=True),
        primary_key=True,
        server_default=sa.func.clock_timestamp(),
    ),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("aggregate_type", sa.Text, nullable=False),
    sa.Column("aggregate_id", sa.Uuid, nullable=False),
    sa.Column("aggregate_version", sa.BigInteger, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("schema_version", sa.SmallInteger, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("actor_id", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("root_id", sa.Text, nullable=False),
    sa.Column("causation_id", sa.Text, nullable=False),
    sa.Column("depth", sa.SmallInteger, nullable=False),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("ix_domain_events_event_id", "workspace_id", "event_id"),
    sa.Index("ix_domain_events_aggregate", "workspace_id", "aggregate_id", "position"),
    sa.Index("ix_domain_events_type", "workspace_id", "type", "position"),
    sa.Index("ix_domain_events_root", "workspace_id", "root_id"),
    sa.Index("ix_domain_events_trace", "workspace_id", "trace_id"),
    postgresql_partition_by="RANGE (append_time)",
)
subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("event_types", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("filter_json", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, _one_of("payload", [*PayloadKind]), nullable=False),
    sa.Column("headers", sa.Text, nullable=False),
    sa.Column("ordered", sa.Boolean, nullable=False),
    sa.Column("rate_limit", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, _one_of("state", [*SubscriptionState]), nullable=False),
    sa.Column("state_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
    time_column("failing_since", nullable=True),
    sa.Column("notices", sa.SmallInteger, nullable=False, server_default="0"),
    time_column("create_time"),
    time_column("update_time"),
)
subscription_secrets = sa.Table(
    "subscription_secrets",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("subscription_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    time_column("expire_time", nullable=True),
)
deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("subscription_id", sa.Uuid, nullable=False),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("aggregate_id", sa.Uuid, nullable=False),
    sa.Column("aggregate_version", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, _one_of("state", [*DeliveryState]), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("attempts_before", sa.Integer, nullable=False, server_default="0"),
    time_column("next_attempt_time", nullable=True),
    time_column("create_time"),
    time_column("finish_time", nullable=True),
    sa.Column("last_error", sa.Text, nullable=False, server_default=""),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("traceparent", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Index(
        "uq_deliveries_subscription_event",
        "workspace_id",
        "subscription_id",
        "event_id",
        unique=True,
    ),
    sa.Index("ix_deliveries_subscription", "workspace_id", "subscription_id", "id"),
    sa.Index("ix_deliveries_event", "workspace_id", "event_id"),
)
delivery_attempts = sa.Table(
    "delivery_attempts",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("delivery_id", sa.Uuid, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    time_column("start_time"),
    sa.Column("latency_ms", sa.Integer, nullable=False, server_default="0"),
    sa.Column("status", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("response_body", sa.Text, nullable=False, server_default=""),
    sa.Column("trace_id", sa.Text, nullable=False, server_default=""),
)
# The queue: narrow rows that come and go, and one row for each subscription with what paces it.
delivery_lanes = sa.Table(
    "delivery_lanes",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("subscription_id", sa.Uuid, primary_key=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("ordered", sa.Boolean, nullable=False),
    sa.Column("rate", sa.Integer, nullable=False),
    sa.Column("acts_as", sa.Text, nullable=False),
    time_column("next_due", nullable=True),
    time_column("last_served"),
    sa.Column("tokens", sa.Double, nullable=False, server_default="0"),
    time_column("tokens_time"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    time_column("open_until", nullable=True),
    sa.Index("ix_delivery_lanes_due", "next_due", postgresql_where=sa.text("enabled")),
)
delivery_queue = sa.Table(
    "delivery_queue",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("delivery_id", sa.Uuid, primary_key=True),
    sa.Column("subscription_id", sa.Uuid, nullable=False),
    sa.Column("aggregate_id", sa.Uuid, nullable=False),
    sa.Column("aggregate_version", sa.BigInteger, nullable=False),
    time_column("due_time"),
    sa.Column(
        "lease_time",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.text("'-infinity'"),
    ),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("ix_delivery_queue_due", "workspace_id", "subscription_id", "due_time"),
    sa.Index(
        "ix_delivery_queue_order",
        "workspace_id",
        "subscription_id",
        "aggregate_id",
        "aggregate_version",
    ),
)
dead_letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Uuid),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column(
        "state",
        sa.Text,
        _one_of("state", ["open", "replayed", "discarded"]),
        nullable=False,
        server_default="open",
    ),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("envelope", sa.Text, nullable=False, server_default=""),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    time_column("create_time"),
    time_column("settle_time", nullable=True),
)
