"""Create files, notes, todos and timelines, each bound to its workspace."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from kit import migrations, tables

revision = "0001"
down_revision = None

_TABLES = [
    "artifact_links",
    "files",
    "contents",
    "store_jobs",
    "notes",
    "note_revisions",
    "todos",
    "timeline_items",
]


def upgrade() -> None:
    op.create_table(
        "artifact_links",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("artifact_id", sa.Uuid(), nullable=False),
        sa.Column("artifact_kind", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("target_kind", sa.Text(), nullable=False),
        sa.Column(
            "artifact_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint(
            "workspace_id",
            "artifact_id",
            "artifact_kind",
            "target_id",
            "target_kind",
            name=op.f("pk_artifact_links"),
        ),
    )
    op.create_index(
        "ix_artifact_links_target",
        "artifact_links",
        [
            "workspace_id",
            "target_id",
            "target_kind",
            "artifact_kind",
            "artifact_time",
            "artifact_id",
        ],
        unique=False,
    )
    op.create_table(
        "contents",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "update_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state IN ('storing', 'stored', 'removing')", name=op.f("ck_contents_state")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "sha256", name=op.f("pk_contents")),
    )
    op.create_table(
        "files",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.Text(), nullable=False),
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
        sa.CheckConstraint("state IN ('pending', 'ready')", name=op.f("ck_files_state")),
        sa.PrimaryKeyConstraint("workspace_id", "file_id", name=op.f("pk_files")),
    )
    op.create_index("ix_files_content", "files", ["workspace_id", "sha256"], unique=False)
    op.create_index(
        "ix_files_creator",
        "files",
        ["workspace_id", "creator_id", "create_time", "file_id"],
        unique=False,
    )
    op.create_table(
        "note_revisions",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("note_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("updated_by", JSONB(), nullable=False),
        sa.Column(
            "update_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint(
            "workspace_id", "note_id", "version", name=op.f("pk_note_revisions")
        ),
    )
    op.create_table(
        "notes",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("note_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("words", TSVECTOR(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.Text(), nullable=False),
        sa.Column("created_by", JSONB(), nullable=False),
        sa.Column("updated_by", JSONB(), nullable=False),
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
        sa.PrimaryKeyConstraint("workspace_id", "note_id", name=op.f("pk_notes")),
    )
    op.create_index(
        "ix_notes_creator",
        "notes",
        ["workspace_id", "creator_id", "create_time", "note_id"],
        unique=False,
    )
    op.create_table(
        "store_jobs",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "due_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind IN ('reap_upload', 'remove_upload', 'collect_content')",
            name=op.f("ck_store_jobs_kind"),
        ),
        sa.PrimaryKeyConstraint("workspace_id", "job_id", name=op.f("pk_store_jobs")),
    )
    op.create_index("ix_store_jobs_due", "store_jobs", ["due_time"], unique=False)
    op.create_index("ix_store_jobs_file", "store_jobs", ["workspace_id", "file_id"], unique=False)
    op.create_table(
        "timeline_items",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("target_kind", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("actor", JSONB(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("fold_actor", sa.Text(), nullable=True),
        sa.Column("fold_versions", JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "item_id", name=op.f("pk_timeline_items")),
    )
    op.create_index(
        "ix_timeline_items_fold",
        "timeline_items",
        ["workspace_id", "target_id", "fold_actor", "occurred_at"],
        unique=False,
        postgresql_where=sa.text("fold_actor IS NOT NULL"),
    )
    op.create_index(
        "ix_timeline_items_page",
        "timeline_items",
        ["workspace_id", "target_id", "target_kind", "occurred_at", "item_id"],
        unique=False,
    )
    op.create_index(
        "uq_timeline_items_event",
        "timeline_items",
        ["workspace_id", "event_id", "target_id", "target_kind"],
        unique=True,
    )
    op.create_table(
        "todos",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("todo_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("due", sa.Text(), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("assignees", ARRAY(sa.Text()), nullable=False),
        sa.Column("position", sa.Double(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.Text(), nullable=False),
        sa.Column("created_by", JSONB(), nullable=False),
        sa.Column("updated_by", JSONB(), nullable=False),
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
        sa.Column("complete_time", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("priority IN ('low', 'normal', 'high')", name=op.f("ck_todos_priority")),
        sa.CheckConstraint(
            "status IN ('open', 'in_progress', 'done', 'cancelled')", name=op.f("ck_todos_status")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "todo_id", name=op.f("pk_todos")),
    )
    op.create_index(
        "ix_todos_creator",
        "todos",
        ["workspace_id", "creator_id", "create_time", "todo_id"],
        unique=False,
    )
    common = sa.MetaData(naming_convention=tables.NAMING)
    tables.common_tables(common)
    common.create_all(op.get_bind())
    migrations.secure("artifacts", _TABLES, queues=["store_jobs"])
    migrations.common("artifacts")
