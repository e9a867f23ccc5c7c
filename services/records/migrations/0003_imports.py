"""Create imports: their state, the blocks of rows they are worked off in, and what was refused."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from kit import migrations, tables

revision = "0003"
down_revision = "0002"

_COUNTS = (
    *("received_bytes", "lines", "rows", "processed", "created", "updated", "unchanged"),
    *("restored", "failed", "undone", "undo_skipped"),
)


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("import_id", sa.Uuid, primary_key=True),
        sa.Column("object_id", sa.Uuid, nullable=False),
        sa.Column("options", JSONB, nullable=False),
        sa.Column("layout", JSONB),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("tail", sa.LargeBinary, nullable=False),
        sa.Column("blocks", sa.Integer, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _COUNTS),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("principal_id", sa.Text, nullable=False),
        sa.Column("created_by", JSONB, nullable=False),
        tables.time_column("create_time"),
        tables.time_column("update_time"),
        tables.time_column("finish_time", nullable=True),
        sa.CheckConstraint(
            "state IN ('receiving', 'running', 'succeeded', 'failed', 'cancelled', 'undoing',"
            " 'undone')",
            name="state",
        ),
    )
    # What waits for a worker: at once where it runs, later where it is to be forgotten.
    op.create_table(
        "import_jobs",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("import_id", sa.Uuid, primary_key=True),
        tables.time_column("due_time"),
        sa.Column("holder", sa.Uuid),
    )
    op.create_table(
        "import_blocks",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("import_id", sa.Uuid, primary_key=True),
        sa.Column("block", sa.Integer, primary_key=True),
        sa.Column("content", sa.LargeBinary),
        sa.Column("effects", sa.LargeBinary),
        sa.Column("undone", sa.LargeBinary),
    )
    op.create_table(
        "import_errors",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("import_id", sa.Uuid, primary_key=True),
        sa.Column("line", sa.BigInteger, primary_key=True),
        sa.Column("phase", sa.Text, primary_key=True),
        sa.Column("problems", JSONB, nullable=False),
    )
    for column in ("content", "effects"):  # JSON of a second's life: not worth squeezing
        op.execute(f"ALTER TABLE import_blocks ALTER COLUMN {column} SET STORAGE EXTERNAL")
    migrations.secure(
        "records",
        ["imports", "import_jobs", "import_blocks", "import_errors"],
        queues=["import_jobs"],
    )
