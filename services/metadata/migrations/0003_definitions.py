"""Add slots of converted fields, constraints of objects, changes that wait for jobs, blueprints."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from kit import migrations, tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column(
        "fields", sa.Column("slot", sa.Text, nullable=False, server_default=sa.text("''"))
    )
    op.add_column(
        "objects",
        sa.Column("constraints", JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")),
    )
    op.create_table(
        "field_changes",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("job_id", sa.Uuid, primary_key=True),
        sa.Column("field_id", sa.Uuid),
        sa.Column("object_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", JSONB, nullable=False),
        sa.Column("actor", JSONB, nullable=False),
        tables.time_column("create_time"),
    )
    op.create_table(
        "blueprints",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("blueprint_version", sa.BigInteger, nullable=False),
        sa.Column("made", JSONB, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        tables.time_column("create_time"),
        tables.time_column("update_time"),
    )
    migrations.secure("metadata", ["field_changes", "blueprints"])
