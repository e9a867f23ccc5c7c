"""Describe the artifacts schema; row security is in the migrations.

What is attached to a target is one index scan, newest first; so is a page of its timeline.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from kit.tables import NAMING, common_tables, time_column

metadata = sa.MetaData(naming_convention=NAMING)

artifact_links = sa.Table(
    "artifact_links",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("artifact_id", sa.Uuid, primary_key=True),
    sa.Column("artifact_kind", sa.Text, primary_key=True),
    sa.Column("target_id", sa.Uuid, primary_key=True),
    sa.Column("target_kind", sa.Text, primary_key=True),
    time_column("artifact_time"),  # when the artifact was made: what listings are ordered by
    sa.Index(
        "ix_artifact_links_target",
        "workspace_id",
        "target_id",
        "target_kind",
        "artifact_kind",
        "artifact_time",
        "artifact_id",
    ),
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("file_id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("creator_id", sa.Text, nullable=False),
    sa.Column("created_by", JSONB, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    sa.CheckConstraint("state IN ('pending', 'ready')", name="state"),
    sa.Index("ix_files_content", "workspace_id", "sha256"),
    sa.Index("ix_files_creator", "workspace_id", "creator_id", "create_time", "file_id"),
)

# Content is stored once per workspace, under its checksum.
contents = sa.Table(
    "contents",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    time_column("update_time"),
    sa.CheckConstraint("state IN ('storing', 'stored', 'removing')", name="state"),
)

# What is to be done in the store, later and until it succeeds.
store_jobs = sa.Table(
    "store_jobs",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("job_id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("file_id", sa.Uuid),
    sa.Column("sha256", sa.Text, nullable=False, server_default=""),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0"),
    time_column("due_time"),
    time_column("create_time"),
    sa.CheckConstraint("kind IN ('reap_upload', 'remove_upload', 'collect_content')", name="kind"),
    sa.Index("ix_store_jobs_due", "due_time"),
    sa.Index("ix_store_jobs_file", "workspace_id", "file_id"),
)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("note_id", sa.Uuid, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("pinned", sa.Boolean, nullable=False),
    sa.Column("words", TSVECTOR, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("creator_id", sa.Text, nullable=False),
    sa.Column("created_by", JSONB, nullable=False),
    sa.Column("updated_by", JSONB, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    sa.Index("ix_notes_creator", "workspace_id", "creator_id", "create_time", "note_id"),
)

note_revisions = sa.Table(
    "note_revisions",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("note_id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("updated_by", JSONB, nullable=False),
    time_column("update_time"),
)

todos = sa.Table(
    "todos",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("todo_id", sa.Uuid, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("due", sa.Text, nullable=False),  # as it was written
    time_column("due_time", nullable=True),  # a date is due at its end
    sa.Column("priority", sa.Text, nullable=False),
    sa.Column("assignees", ARRAY(sa.Text), nullable=False),
    sa.Column("position", sa.Double, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("creator_id", sa.Text, nullable=False),
    sa.Column("created_by", JSONB, nullable=False),
    sa.Column("updated_by", JSONB, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    time_column("complete_time", nullable=True),
    sa.CheckConstraint("status IN ('open', 'in_progress', 'done', 'cancelled')", name="status"),
    sa.CheckConstraint("priority IN ('low', 'normal', 'high')", name="priority"),
    sa.Index("ix_todos_creator", "workspace_id", "creator_id", "create_time", "todo_id"),
)

timeline_items = sa.Table(
    "timeline_items",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("item_id", sa.Uuid, primary_key=True),
    sa.Column("target_id", sa.Uuid, nullable=False),
    sa.Column("target_kind", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("data", JSONB, nullable=False),
    sa.Column("actor", JSONB, nullable=False),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    # Of field changes: whose they are, and by field the first and last version that stand in data.
    sa.Column("fold_actor", sa.Text),
    sa.Column("fold_versions", JSONB),
    sa.Index(
        "ix_timeline_items_page",
        "workspace_id",
        "target_id",
        "target_kind",
        "occurred_at",
        "item_id",
    ),
    sa.Index(
        "uq_timeline_items_event",
        "workspace_id",
        "event_id",
        "target_id",
        "target_kind",
        unique=True,
    ),
    sa.Index(
        "ix_timeline_items_fold",
        "workspace_id",
        "target_id",
        "fold_actor",
        "occurred_at",
        postgresql_where=sa.text("fold_actor IS NOT NULL"),
    ),
)

common_tables(metadata)
