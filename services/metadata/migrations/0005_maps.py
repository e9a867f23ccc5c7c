"""Add the address fields that maps stand on."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("views", sa.Column("location_field_id", sa.Uuid))
