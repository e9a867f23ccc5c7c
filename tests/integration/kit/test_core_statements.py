"""SQLAlchemy Core and raw SQL run side by side on one transaction."""

from uuid import UUID, uuid4

import sqlalchemy as sa

from cli.stack.planes import service_role
from cli.stack.servers import Started
from kit import migrations
from kit.db import Database
from services.links.tables import metadata

inbox = metadata.tables["inbox"]


async def test_core_and_raw_sql_see_each_other_and_only_their_workspace(servers: Started) -> None:
    roles = servers["postgres"]["roles"]
    migrations.upgrade("services.links", "links", roles["armature_owner"], metadata)
    db = Database(roles[service_role("links")], "links", size=2)
    await db.open()
    try:
        ours, event = uuid4(), uuid4()
        async with db.transaction(ours) as tx:
            await tx.run(
                sa.insert(inbox).values(workspace_id=ours, consumer="core", event_id=event)
            )
            raw = "SELECT event_id FROM inbox WHERE workspace_id = %s AND consumer = 'core'"
            assert await tx.value(raw, [ours]) == event
            query = sa.select(inbox.c.event_id).where(inbox.c.consumer == "core")
            found: list[UUID] = [row["event_id"] for row in await tx.all(query)]
            assert found == [event]
        async with db.transaction(uuid4()) as tx:
            assert await tx.all(query) == []
    finally:
        await db.close()
