"""Have every plane publish again what its outbox holds, after the stream was lost or set back."""

import asyncio
from typing import Any

import msgspec
import nats.errors

from cli.stack.description import Stack
from cli.stack.errors import StackError
from kit.bus import Bus
from kit.relay import RESEND

KEPT_HOURS = 72
_SECONDS = 60.0


def rebuild(stack: Stack, hours: int) -> list[dict[str, Any]]:
    """Make the streams that are missing, and ask the relays; the answer of each plane.

    Everything is published again that happened within those hours: what consumers have done they
    know from their inboxes, and the log takes what it lacks.
    """
    if not 1 <= hours <= KEPT_HOURS:
        raise StackError(f"--hours is between 1 and {KEPT_HOURS}: the outbox keeps no more")
    return asyncio.run(ask(stack["nats"]["url"], sorted(stack["grpc"]), hours))


async def ask(nats_url: str, planes: list[str], hours: int) -> list[dict[str, Any]]:
    """What each plane says; one that says nothing in time has an `error`."""
    bus = Bus(nats_url, "armature-events-rebuild")
    await bus.open()
    try:
        inbox = bus.client.new_inbox()
        answers = await bus.client.subscribe(inbox)
        await bus.client.publish(RESEND, msgspec.json.encode({"hours": hours}), reply=inbox)
        found: dict[str, dict[str, Any]] = {}
        try:
            async with asyncio.timeout(_SECONDS):
                while set(planes) - set(found):
                    message = await answers.next_msg(timeout=_SECONDS)
                    answer: dict[str, Any] = msgspec.json.decode(message.data)
                    found[answer["plane"]] = answer
        except (TimeoutError, nats.errors.TimeoutError):
            silent = {"error": f"no relay answered within {_SECONDS:g} s; is one running?"}
            found |= {name: {"plane": name} | silent for name in planes if name not in found}
        return [found[name] for name in sorted(found)]
    finally:
        await bus.close()
