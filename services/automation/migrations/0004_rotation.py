"""Let signing secrets and workflows' own URLs be rotated, the old ones holding for a while."""

import sqlalchemy as sa
from alembic import op

from kit import migrations, tables

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("workflows", sa.Column("hook_salt", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "retired_secrets",
        sa.Column("workspace_id", sa.Uuid, nullable=False),
        sa.Column("source_id", sa.Uuid, nullable=False),
        sa.Column("secret_id", sa.Uuid, nullable=False),
        sa.Column("use", sa.Text, nullable=False),
        sa.Column("kept", sa.LargeBinary, nullable=False),
        tables.time_column("expire_time"),
        sa.PrimaryKeyConstraint(
            "workspace_id", "source_id", "secret_id", name=op.f("pk_retired_secrets")
        ),
        sa.CheckConstraint("use IN ('signing', 'hook')", name=op.f("ck_retired_secrets_use")),
    )
    migrations.secure("automation", ["retired_secrets"])
