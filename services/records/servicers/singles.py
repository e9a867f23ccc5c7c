"""Read records by id, those that several callers ask for at the same moment in one query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from kit.db import Database
from kit.together import Together
from schema.compiled import CompiledObject
from services.records.model import Projection, Read
from services.records.store import queries


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What reads have in common that one query can answer: the object as the caller may see it,
    which is one and the same for all who may see the same."""

    workspace_id: UUID
    obj: CompiledObject
    fields: str
    show_deleted: bool
    shown: Projection | None  # what `fields` means

    def _key(self) -> tuple[UUID, int, str, bool]:
        return self.workspace_id, id(self.obj), self.fields, self.show_deleted

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kind) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


class Singles:
    """The reads of one process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._asked: Together[Kind, UUID, Read] = Together(self._answer)

    async def read(self, kind: Kind, wanted: UUID) -> Read | None:
        """The record, or None where there is none for the caller."""
        return await self._asked.ask(kind, wanted)

    async def _answer(self, kind: Kind, wanted: Sequence[UUID]) -> Mapping[UUID, Read]:
        async with self._db.reading(kind.workspace_id) as tx:
            return await queries.by_ids(
                tx, kind.workspace_id, kind.obj, wanted, kind.shown, show_deleted=kind.show_deleted
            )
