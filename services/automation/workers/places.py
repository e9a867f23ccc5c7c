"""Know which runs are under way in this process, and how many more may be."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.automation.model import Claim


@dataclass(frozen=True, slots=True)
class Pace:
    concurrency: int = 64
    per_workspace: int = 48  # of them, so that the slow steps of one leave room for others
    lease: float = 30.0
    heartbeat: float = 10.0
    poll: float = 0.2


class Places:
    """A place is one run's: under way, or promised to it by a transaction that is open."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.active: dict[UUID, Claim] = {}
        self.promised: dict[UUID, Claim] = {}

    @property
    def free(self) -> int:
        return self._pace.concurrency - len(self.active) - len(self.promised)

    def rooms(self, more: Sequence[Claim] = ()) -> dict[UUID, int]:
        """How many more each workspace may have, of those that have some, and `more` of them."""
        ours = (*self.active.values(), *self.promised.values(), *more)
        held = Counter(claim.workspace_id for claim in ours)
        return {one: max(0, self._pace.per_workspace - count) for one, count in held.items()}

    def open_to(self, workspace_id: UUID) -> int:
        """How many more runs of a workspace may be under way."""
        room = self.rooms().get(workspace_id, self._pace.per_workspace)
        return max(0, min(self.free, room))

    def promise(self, claims: Sequence[Claim]) -> None:
        self.promised |= {claim.run_id: claim for claim in claims}

    def withdraw(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            self.promised.pop(claim.run_id, None)

    def occupy(self, claims: Sequence[Claim]) -> None:
        """They are under way from now on, promised or not."""
        self.withdraw(claims)
        self.active |= {claim.run_id: claim for claim in claims}

    def leave(self, claim: Claim) -> None:
        """Its run is over here; a later claim of the same run keeps its place."""
        if self.active.get(claim.run_id) is claim:
            del self.active[claim.run_id]
