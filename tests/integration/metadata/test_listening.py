"""Other planes hear of a new version, and hold nothing older from then on."""

import asyncio
from uuid import UUID

from planes.definitions import Definitions
from tests.integration.metadata.conftest import Client
from tests.services import until


async def test_word_of_a_version_makes_what_is_held_old(acme: Client) -> None:
    app = acme.service.app
    held = Definitions(acme.service.channel, app.settings.internal_secret, "records")
    listening = asyncio.create_task(held.listen(app.bus))
    workspace_id = UUID(acme.workspace_id)
    try:
        first = await held.workspace(workspace_id)
        made = await acme("CreateObject", object={"name": "ship"})

        async def heard() -> bool:
            return bool((await held.workspace(workspace_id)).version == made.metadata_version)

        await until(heard, seconds=0.7)  # sooner than what is held grows old by itself
        assert first.version < made.metadata_version
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
