"""Remember when statistics and view entries were last checked against the records."""

from alembic import op

from kit import tables

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for table in ("stat_states", "view_states"):
        op.add_column(table, tables.time_column("check_time"))
