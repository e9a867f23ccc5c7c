"""Have workflows and rules run for events of the log."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Answered:
    """What the automation plane says of a workflow or rule."""

    id: UUID
    event_types: tuple[str, ...]  # that its trigger waits for
    started: int


# Of a workflow's name or id, for events, under an idempotency key, with a credential.
Run = Callable[[str, Sequence[UUID], str, str], Awaitable[Answered]]


class Runner:
    """Asks outside any transaction."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def ask(self, name: str, credential: str) -> Answered:
        """Which it is; fails as the automation plane does for what can't run now."""
        return await self._run(name, (), "", credential)

    async def start(
        self, workflow_id: UUID, events: Sequence[UUID], *, key: str, credential: str
    ) -> int:
        """How many runs were made."""
        return (await self._run(str(workflow_id), events, key, credential)).started
