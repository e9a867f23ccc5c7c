"""Describe the tables that every service's schema has, for its `tables.py` to include."""

from datetime import datetime

import sqlalchemy as sa

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def time_column(name: str, *, nullable: bool = False) -> "sa.Column[datetime]":
    """A moment; set by the database unless it may be absent."""
    default = None if nullable else sa.func.now()
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def common_tables(metadata: sa.MetaData) -> None:
    """Add outbox, its leases, idempotency keys, inbox and consumer dead letters."""
    sa.Table(
        "outbox",
        metadata,
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("event_id", sa.Uuid, primary_key=True),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            primary_key=True,
            server_default=sa.func.clock_timestamp(),
        ),
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("partition", sa.SmallInteger, nullable=False),
        sa.Column("aggregate_type", sa.Text, nullable=False),
        sa.Column("aggregate_id", sa.Uuid, nullable=False),
        sa.Column("aggregate_version", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("schema_version", sa.SmallInteger, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False),
        sa.Column("root_id", sa.Text, nullable=False),
        sa.Column("causation_id", sa.Text, nullable=False),
        sa.Column("depth", sa.SmallInteger, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True)),
        sa.Index(
            "ix_outbox_unpublished",
            "partition",
            "seq",
            postgresql_where=sa.text("published_at IS NULL"),
        ),
        postgresql_partition_by="RANGE (occurred_at)",
    )
    sa.Table(
        "outbox_leases",
        metadata,
        sa.Column("partition", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("owner", sa.Text, nullable=False, server_default=""),
        sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
        time_column("expires_at"),
    )
    sa.Table(
        "idempotency_keys",
        metadata,
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("method", sa.Text, primary_key=True),
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        time_column("create_time"),
        sa.Index("ix_idempotency_keys_create_time", "create_time"),
    )
    sa.Table(
        "inbox",
        metadata,
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Uuid, primary_key=True),
        time_column("create_time"),
        sa.Index("ix_inbox_create_time", "create_time"),
    )
