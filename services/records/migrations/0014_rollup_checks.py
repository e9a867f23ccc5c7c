"""Remember how far each rollup has been recounted, and let workers find the next that is due."""

import sqlalchemy as sa
from alembic import op

from kit import tables

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("rollups", sa.Column("after_id", sa.Uuid))
    op.add_column("rollups", tables.time_column("check_time"))
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'armature_records_worker')"
        " THEN CREATE POLICY workers ON rollups TO armature_records_worker"
        " USING (true) WITH CHECK (true); END IF; END $$"
    )
