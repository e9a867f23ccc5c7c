"""Say what a write of records changes in the rollups over them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

import msgspec

from schema import rollups
from schema.compiled import Workspace
from schema.filters.closure import Predicate, compile_closure
from schema.rollups import Rollup
from services.records.logic import viewing
from services.records.model import Stored

EXACT = Context(prec=1000)
_decoder = msgspec.json.Decoder(Rollup)


class Cause(msgspec.Struct, frozen=True):
    """The event of a write, as what comes of it is told."""

    root_id: str
    causation_id: str
    depth: int
    chain: tuple[str, ...]
    actor: dict[str, str]
    trace: str = ""


@dataclass(slots=True)
class Delta:
    """What a rollup of one record gains or loses."""

    rollup_id: UUID
    parent_id: UUID
    count: int = 0
    total: Decimal = Decimal(0)
    added: list[str] = field(default_factory=list)  # of extremes
    removed: list[str] = field(default_factory=list)

    def add(self, rollup: Rollup, amount: Any, sign: int) -> None:
        self.count += sign
        if rollup.adds:
            self.total = EXACT.fma(sign, amount, self.total)
        else:
            (self.added if sign > 0 else self.removed).append(str(amount))

    def matters(self) -> bool:
        return bool(self.count or self.total or self.added != self.removed)


def read(definition: str) -> Rollup:
    return _decoder.decode(definition)


def deltas(
    workspace: Workspace,
    kept: Sequence[Rollup],
    moved: Iterable[tuple[Stored | None, Stored | None]],
) -> list[Delta]:
    """What records that went from the first to the second (None: not there) change; Invalid where
    these definitions do not know what a filter speaks of."""
    found: dict[tuple[str, str], Delta] = {}
    judged = [(rollup, _holds(workspace, rollup)) for rollup in kept]
    for before, after in moved:
        for rollup, holds in judged:
            old, new = _part(rollup, holds, before), _part(rollup, holds, after)
            if old == new:
                continue
            for part, sign in ((old, -1), (new, 1)):
                if part is None:
                    continue
                parent, amount = part
                key = (rollup.id, parent)
                if key not in found:
                    found[key] = Delta(UUID(rollup.id), UUID(parent))
                found[key].add(rollup, amount, sign)
    return [one for _, one in sorted(found.items()) if one.matters()]


def _part(rollup: Rollup, holds: Predicate | None, record: Stored | None) -> Any:
    """(parent, amount) of a record; None where it brings nothing in."""
    if record is None:
        return None
    parent = record.doc.get(rollup.relation_key)
    if parent is None or (holds is not None and not holds(viewing.as_record(record))):
        return None
    if rollup.function == "count":
        return str(parent), Decimal(0)
    amount = rollups.amount(rollup, record.doc)
    return None if amount is None else (str(parent), amount)


def _holds(workspace: Workspace, rollup: Rollup) -> Predicate | None:
    if not rollup.filter:
        return None
    other = workspace.full.objects_by_id.get(rollup.other_id)
    if other is None:
        return None

    def make() -> Predicate:
        tree = rollups.tree_of(workspace.full, other, rollup.filter)
        return compile_closure(tree, rollups.ANYTIME)

    held: Predicate = other.derived(f"rollup {rollup.id}", make)
    return held


def amounts(rollup: Rollup, texts: Iterable[str]) -> list[Any]:
    """Extremes as they compare, of the texts of deltas."""
    dates = rollup.measure in {"date", "date_time"}
    return [text if dates else Decimal(text) for text in texts]


def extreme(rollup: Rollup, values: Sequence[Any]) -> Any:
    """The least, or the greatest; None of nothing."""
    if not values:
        return None
    pick = min if rollup.function == "min" else max
    return pick(values, key=lambda value: rollups.order(rollup, value))


def held(rollup: Rollup, doc: Mapping[str, Any]) -> Any:
    """The extreme that a record has at present."""
    value = doc.get(rollup.key)
    if value is None or rollup.measure in {"date", "date_time"}:
        return value
    if isinstance(value, Mapping):
        return Decimal(value["amount_micros"])
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def by_parent(deltas_of: Iterable[Any]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for one in deltas_of:
        found[one["parent_id"]].append(one)
    return found


def deepest(causes: Iterable[Cause]) -> Cause:
    """Of several writes that make one change, the one that a loop would be known by."""
    return max(causes, key=lambda one: (one.depth, one.causation_id))
