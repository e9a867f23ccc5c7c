"""Keep which job a change of definitions is the end of, so that its work can be taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("metadata_changes", sa.Column("job_id", sa.Uuid))
