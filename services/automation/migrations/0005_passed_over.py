"""Tell the failures that a run went on after from the one that it failed of."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    passed_over = sa.Column("passed_over", sa.Boolean, nullable=False, server_default="false")
    op.add_column("steps", passed_over)
