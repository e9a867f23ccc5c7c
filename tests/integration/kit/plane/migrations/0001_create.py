"""Create all tables, as their description says."""

from alembic import op

from kit import migrations
from tests.integration.kit.plane.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    migrations.secure("links", ["effects"])
    migrations.common("links")
