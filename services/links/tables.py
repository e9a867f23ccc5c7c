"""Describe the links schema; row security is in the migrations.

Each direction has its own covering index. Races are decided by unique partial indexes: one live
edge of a type between two nodes, one for a source whose type allows one target, one for a target
whose type allows one source. Of a symmetric type both ends are the same, so that its single links
claim their ends in a table of their own.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from kit.tables import NAMING, common_tables, time_column

metadata = sa.MetaData(naming_convention=NAMING)

_LIVE = sa.text("delete_time IS NULL")
_DEAD = sa.text("delete_time IS NOT NULL")

links = sa.Table(
    "links",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("link_id", sa.Uuid, primary_key=True),
    sa.Column("link_type_id", sa.Uuid, nullable=False),
    sa.Column("source_kind", sa.Text, nullable=False),
    sa.Column("source_id", sa.Uuid, nullable=False),
    sa.Column("target_kind", sa.Text, nullable=False),
    sa.Column("target_id", sa.Uuid, nullable=False),
    sa.Column("attributes", JSONB, nullable=False),
    sa.Column("position", sa.Double, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("one_target", sa.Boolean, nullable=False),
    sa.Column("one_source", sa.Boolean, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("created_by", JSONB, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    time_column("delete_time", nullable=True),
    sa.Column("delete_operation_id", sa.Uuid),
    sa.CheckConstraint("origin IN ('link', 'field')", name="origin"),
    sa.CheckConstraint(
        "(delete_time IS NULL) = (delete_operation_id IS NULL)", name="delete_operation"
    ),
    sa.Index(
        "uq_links_pair",
        "workspace_id",
        "link_type_id",
        "source_id",
        "target_id",
        "source_kind",
        "target_kind",
        unique=True,
        postgresql_where=_LIVE,
    ),
    sa.Index(
        "uq_links_one_target",
        "workspace_id",
        "link_type_id",
        "source_id",
        "source_kind",
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL AND one_target"),
    ),
    sa.Index(
        "uq_links_one_source",
        "workspace_id",
        "link_type_id",
        "target_id",
        "target_kind",
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL AND one_source"),
    ),
    sa.Index(
        "ix_links_out",
        "workspace_id",
        "source_id",
        "source_kind",
        "link_type_id",
        "position",
        "link_id",
        postgresql_include=["target_kind", "target_id", "origin"],
        postgresql_where=_LIVE,
    ),
    sa.Index(
        "ix_links_in",
        "workspace_id",
        "target_id",
        "target_kind",
        "link_type_id",
        "position",
        "link_id",
        postgresql_include=["source_kind", "source_id", "origin"],
        postgresql_where=_LIVE,
    ),
    sa.Index("ix_links_dead_out", "workspace_id", "source_id", postgresql_where=_DEAD),
    sa.Index("ix_links_dead_in", "workspace_id", "target_id", postgresql_where=_DEAD),
    sa.Index("ix_links_operation", "workspace_id", "delete_operation_id", postgresql_where=_DEAD),
)

symmetric_ends = sa.Table(
    "symmetric_ends",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("link_type_id", sa.Uuid, primary_key=True),
    sa.Column("node_id", sa.Uuid, primary_key=True),
    sa.Column("node_kind", sa.Text, primary_key=True),
    sa.Column("link_id", sa.Uuid, nullable=False),
    sa.Index("ix_symmetric_ends_link", "workspace_id", "link_id"),
)

# What events have told: which nodes are deleted, by which event, as of which version.
node_states = sa.Table(
    "node_states",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("node_id", sa.Uuid, primary_key=True),
    sa.Column("node_kind", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("deleted", sa.Boolean, nullable=False),
    sa.Column("operation_id", sa.Uuid),
)

# The version of a record at which a relation field's edge was last set.
field_projections = sa.Table(
    "field_projections",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("record_id", sa.Uuid, primary_key=True),
    sa.Column("field_id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)

# Deletions that follow others: the queue, and what became of each.
cascades = sa.Table(
    "cascades",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("cascade_id", sa.Uuid, primary_key=True),
    sa.Column("operation_id", sa.Uuid, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("node_kind", sa.Text, nullable=False),
    sa.Column("node_id", sa.Uuid, nullable=False),
    sa.Column("deleted_version", sa.BigInteger),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("actor", JSONB, nullable=False),
    sa.Column("cause", JSONB, nullable=False),
    sa.Column("traceparent", sa.Text, nullable=False),
    time_column("due_time"),
    time_column("create_time"),
    # The first of those that are done in one call, once they were taken; they stay together, so
    # that a repeat is the same call.
    sa.Column("batch_id", sa.Uuid),
    # The deletion that it follows was undone while it was under way: so is it, once it is done.
    sa.Column("reversed", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.UniqueConstraint(
        "workspace_id", "operation_id", "action", "node_id", "node_kind", name="uq_cascades_target"
    ),
    sa.CheckConstraint("action IN ('delete', 'undelete')", name="action"),
    sa.CheckConstraint("state IN ('queued', 'done', 'parked', 'cancelled')", name="state"),
    sa.Index("ix_cascades_due", "due_time", postgresql_where=sa.text("state = 'queued'")),
    sa.Index(
        "ix_cascades_batch",
        "workspace_id",
        "batch_id",
        postgresql_where=sa.text("state = 'queued'"),
    ),
)

common_tables(metadata)
