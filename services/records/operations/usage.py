"""Note what queries by views cost, and which counting statistics are asked, for the advisor.

A process gathers this in memory and writes it now and then: it is advice, and may be lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from services.records.logic import viewing

_HELD = 50_000


@dataclass(slots=True)
class Spent:
    """Queries by one view since the last time that somebody took them."""

    object_id: UUID
    queries: int = 0
    costly: int = 0  # of them, those that no entries answered
    cost_us: int = 0  # of these


class Uses:
    """What this process has seen and not written yet."""

    def __init__(self) -> None:
        self._views: dict[tuple[UUID, UUID], Spent] = {}
        self._statistics: set[tuple[UUID, UUID]] = set()

    def note_view(
        self, workspace_id: UUID, view_id: UUID, object_id: UUID, seconds: float, *, costly: bool
    ) -> None:
        spent = self._views.get((workspace_id, view_id))
        if spent is None:
            if len(self._views) >= _HELD:
                return
            spent = self._views[workspace_id, view_id] = Spent(object_id)
        spent.queries += 1
        if costly:
            spent.costly += 1
            spent.cost_us += int(seconds * 1_000_000)

    def note_statistic(self, workspace_id: UUID, stat_id: UUID) -> None:
        if len(self._statistics) < _HELD:
            self._statistics.add((workspace_id, stat_id))

    def take(self) -> tuple[dict[tuple[UUID, UUID], Spent], set[tuple[UUID, UUID]]]:
        """What there is, which is then no more."""
        taken = self._views, self._statistics
        self._views, self._statistics = {}, set()
        return taken


uses = Uses()  # of this process: every servicer notes here, one task writes


@contextmanager
def noted(workspace_id: UUID, use: viewing.Use | viewing.Refused | None) -> Iterator[list[str]]:
    """Time the block as a query by the view; what is appended to the list says that it went without
    the view's entries, and why."""
    begun, why = monotonic(), list[str]()
    yield why
    if isinstance(use, viewing.Use):
        kept = use.kept
        seconds = monotonic() - begun
        uses.note_view(workspace_id, kept.view_id, kept.object_id, seconds, costly=any(why))
