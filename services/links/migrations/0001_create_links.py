"""Create links, what events told of their ends, and cascades, each bound to its workspace."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from kit import migrations, tables

revision = "0001"
down_revision = None

_TABLES = ["links", "symmetric_ends", "node_states", "field_projections", "cascades"]


def upgrade() -> None:
    op.create_table(
        "cascades",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("cascade_id", sa.Uuid(), nullable=False),
        sa.Column("operation_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("node_kind", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("deleted_version", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("actor", JSONB(), nullable=False),
        sa.Column("cause", JSONB(), nullable=False),
        sa.Column("traceparent", sa.Text(), nullable=False),
        sa.Column(
            "due_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("action IN ('delete', 'undelete')", name=op.f("ck_cascades_action")),
        sa.CheckConstraint(
            "state IN ('queued', 'done', 'parked', 'cancelled')", name=op.f("ck_cascades_state")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "cascade_id", name=op.f("pk_cascades")),
        sa.UniqueConstraint(
            "workspace_id",
            "operation_id",
            "action",
            "node_id",
            "node_kind",
            name="uq_cascades_target",
        ),
    )
    op.create_index(
        "ix_cascades_due",
        "cascades",
        ["due_time"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_table(
        "field_projections",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("field_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace_id", "record_id", "field_id", name=op.f("pk_field_projections")
        ),
    )
    op.create_table(
        "links",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("link_type_id", sa.Uuid(), nullable=False),
        sa.Column("source_kind", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("target_kind", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("attributes", JSONB(), nullable=False),
        sa.Column("position", sa.Double(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("one_target", sa.Boolean(), nullable=False),
        sa.Column("one_source", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_by", JSONB(), nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "update_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delete_operation_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("origin IN ('link', 'field')", name=op.f("ck_links_origin")),
        sa.CheckConstraint(
            "(delete_time IS NULL) = (delete_operation_id IS NULL)",
            name=op.f("ck_links_delete_operation"),
        ),
        sa.PrimaryKeyConstraint("workspace_id", "link_id", name=op.f("pk_links")),
    )
    op.create_index(
        "ix_links_dead_in",
        "links",
        ["workspace_id", "target_id"],
        unique=False,
        postgresql_where=sa.text("delete_time IS NOT NULL"),
    )
    op.create_index(
        "ix_links_dead_out",
        "links",
        ["workspace_id", "source_id"],
        unique=False,
        postgresql_where=sa.text("delete_time IS NOT NULL"),
    )
    op.create_index(
        "ix_links_in",
        "links",
        ["workspace_id", "target_id", "target_kind", "link_type_id", "position", "link_id"],
        unique=False,
        postgresql_include=["source_kind", "source_id", "origin"],
        postgresql_where=sa.text("delete_time IS NULL"),
    )
    op.create_index(
        "ix_links_operation",
        "links",
        ["workspace_id", "delete_operation_id"],
        unique=False,
        postgresql_where=sa.text("delete_time IS NOT NULL"),
    )
    op.create_index(
        "ix_links_out",
        "links",
        ["workspace_id", "source_id", "source_kind", "link_type_id", "position", "link_id"],
        unique=False,
        postgresql_include=["target_kind", "target_id", "origin"],
        postgresql_where=sa.text("delete_time IS NULL"),
    )
    op.create_index(
        "uq_links_one_source",
        "links",
        ["workspace_id", "link_type_id", "target_id", "target_kind"],
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL AND one_source"),
    )
    op.create_index(
        "uq_links_one_target",
        "links",
        ["workspace_id", "link_type_id", "source_id", "source_kind"],
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL AND one_target"),
    )
    op.create_index(
        "uq_links_pair",
        "links",
        ["workspace_id", "link_type_id", "source_id", "target_id", "source_kind", "target_kind"],
        unique=True,
        postgresql_where=sa.text("delete_time IS NULL"),
    )
    op.create_table(
        "node_states",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("node_kind", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("operation_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint(
            "workspace_id", "node_id", "node_kind", name=op.f("pk_node_states")
        ),
    )
    op.create_table(
        "symmetric_ends",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("link_type_id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("node_kind", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace_id", "link_type_id", "node_id", "node_kind", name=op.f("pk_symmetric_ends")
        ),
    )
    op.create_index(
        "ix_symmetric_ends_link", "symmetric_ends", ["workspace_id", "link_id"], unique=False
    )
    common = sa.MetaData(naming_convention=tables.NAMING)
    tables.common_tables(common)
    common.create_all(op.get_bind())
    migrations.secure("links", _TABLES, queues=["cascades"])
    migrations.common("links")
