"""Create field jobs: what changes the data of a field or an object, and what writers owe them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from kit import migrations, tables

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "field_jobs",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("job_id", sa.Uuid, primary_key=True),
        sa.Column("object_id", sa.Uuid, nullable=False),
        sa.Column("field_id", sa.Uuid),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("plan", JSONB, nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("after_time", sa.DateTime(timezone=True)),
        sa.Column("after_id", sa.Uuid),
        sa.Column("checked", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("problems", sa.BigInteger, nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("created_by", JSONB, nullable=False),
        tables.time_column("create_time"),
        tables.time_column("update_time"),
        tables.time_column("finish_time", nullable=True),
    )
    op.create_table(
        "field_job_problems",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("job_id", sa.Uuid, primary_key=True),
        sa.Column("record_id", sa.Uuid, primary_key=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_table(
        "field_duties",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("object_id", sa.Uuid, primary_key=True),
        sa.Column("job_id", sa.Uuid, primary_key=True),
        sa.Column("strict", sa.Boolean, nullable=False),
        sa.Column("until_version", sa.BigInteger),
    )
    op.create_table(
        "field_job_queue",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("job_id", sa.Uuid, primary_key=True),
        tables.time_column("due_time"),
        sa.Column("holder", sa.Uuid),
    )
    op.create_table(
        "auto_numbers",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("field_id", sa.Uuid, primary_key=True),
        sa.Column("next", sa.BigInteger, nullable=False),
    )
    migrations.secure(
        "records",
        ["field_jobs", "field_job_problems", "field_duties", "field_job_queue", "auto_numbers"],
        queues=["field_job_queue"],
    )
