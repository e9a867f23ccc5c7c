"""Keep how many changes of records a field job has told of, so that whoever reads them has all."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"


def upgrade() -> None:
    op.add_column(
        "field_jobs",
        sa.Column("told", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    )
