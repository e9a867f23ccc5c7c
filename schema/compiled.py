"""Look definitions up by name or id: what a plane holds of a workspace between requests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Optional, Protocol, TypeVar

import msgspec

from schema.field_types.codec import FieldCodec, compile_field
from schema.field_types.rollups import rollup_of_nothing
from schema.formulas import Computed, in_order, ready, with_results
from schema.model import (
    PLATFORM_FIELDS,
    Field,
    LinkType,
    Object,
    Snapshot,
    UniqueConstraint,
    View,
)

__all__ = ["PLATFORM_FIELDS", "CompiledObject", "Workspace"]

T = TypeVar("T")
_decoder = msgspec.json.Decoder(Snapshot)


class Rule(Protocol):
    """Which records of an object there are for a caller."""

    def at(self, now: datetime) -> Any:
        """The rule as a filter tree in which nothing is relative."""


@dataclass(frozen=True)
class CompiledObject:
    """An object with its active fields by name; inactive ones only by `retired_keys`.

    As a custom role sees it (`schema.access.restrict`), hidden fields are among the inactive ones,
    and `base` is the object in full.
    """

    definition: Object
    base: Optional["CompiledObject"] = field(default=None, repr=False)
    rule: Rule | None = None  # which records there are for the caller; None: all
    actions: frozenset[str] | None = None  # of schema.access.ACTIONS; None: not asked here
    read_only: frozenset[str] = frozenset()  # names of fields that the caller may not write
    computes: bool = True  # whether writes through it work formulas out

    @property
    def id(self) -> str:
        return self.definition.id

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def full(self) -> "CompiledObject":
        """The object with the fields that the caller may not see: for what keeps indexes,
        statistics and constraints; never for an answer."""
        return self.base or self

    @cached_property
    def hidden(self) -> "CompiledObject":
        """The object with nothing but the active fields that the caller may not see."""
        full = self.full
        fields = tuple(f for f in full.fields.values() if f.id not in self.fields_by_id)
        definition = msgspec.structs.replace(full.definition, fields=fields)
        return CompiledObject(definition, base=full, computes=False)

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Active fields by API name, in position order."""
        return {f.name: f for f in self.definition.fields if f.active}

    @cached_property
    def codecs(self) -> dict[str, FieldCodec]:
        """What writes the value of each active field, by API name: compiled once per snapshot."""
        if self.base is not None:
            return {name: self.base.codecs[name] for name in self.fields}
        return {name: compile_field(field) for name, field in self.fields.items()}

    @cached_property
    def formulas(self) -> tuple[Computed, ...]:
        """What computes the active formula fields, each behind those that it reads."""
        fields = tuple(self.fields.values())
        if not any(f.formula for f in fields):
            return ()
        return tuple(ready(one, fields) for one in in_order(fields))

    @cached_property
    def of_nothing(self) -> dict[str, Any]:
        """What a new record has in its rollups, by key."""
        found = {f.key or f.name: rollup_of_nothing(f) for f in self.fields.values() if f.rollup}
        return {key: value for key, value in found.items() if value is not None}

    @cached_property
    def fields_by_id(self) -> dict[str, Field]:
        return {f.id: f for f in self.definition.fields if f.active}

    @cached_property
    def unique_together(self) -> tuple[tuple[UniqueConstraint, tuple[Field, ...]], ...]:
        """The composite unique constraints that are enforced, each with its fields."""
        known = {f.id: f for f in self.definition.fields}
        return tuple(
            (one, tuple(known[field_id] for field_id in one.field_ids))
            for one in self.definition.unique_constraints
            if one.state == "ready" and known.keys() >= set(one.field_ids)
        )

    @cached_property
    def retired_keys(self) -> tuple[str, ...]:
        """Document keys that stand for no active field: never shown."""
        return tuple(f.key or f.name for f in self.definition.fields if not f.active)

    def field(self, name_or_id: str) -> Field | None:
        return self.fields.get(name_or_id) or self.fields_by_id.get(name_or_id)

    def derived(self, name: str, make: Callable[[], T]) -> T:
        """What a plane works out from the definition alone: made once, kept as long as this."""
        kept: dict[str, T] = self.__dict__.setdefault("_derived", {})
        if name not in kept:
            kept[name] = make()
        return kept[name]


class Workspace:
    """A compiled snapshot: cheap look-ups, no further decoding."""

    def __init__(self, snapshot: Snapshot, *, base: Optional["Workspace"] = None) -> None:
        self._base = base
        self.id = snapshot.workspace_id
        self.version = snapshot.version
        self.time_zone = snapshot.time_zone
        self.week_start = snapshot.week_start
        objects = [CompiledObject(with_results(o)) for o in snapshot.objects if o.active]
        self.objects: dict[str, CompiledObject] = {o.name: o for o in objects}
        self._by_plural = {o.definition.plural_name: o for o in objects}
        self.objects_by_id: dict[str, CompiledObject] = {o.id: o for o in objects}
        self.views: dict[str, View] = {v.id: v for v in snapshot.views}
        self.link_types: dict[str, LinkType] = {t.name: t for t in snapshot.link_types if t.active}
        self.link_types_by_id: dict[str, LinkType] = {t.id: t for t in snapshot.link_types}

    @classmethod
    def from_json(cls, document: bytes) -> "Workspace":
        return cls(_decoder.decode(document))

    @property
    def full(self) -> "Workspace":
        """The workspace with what the caller may not see: for indexes and statistics, never for
        an answer."""
        return self._base or self

    def replace_object(self, obj: CompiledObject) -> None:
        """Put an object in the place of the one with its id, while the workspace is built."""
        self.objects[obj.name] = obj
        self._by_plural[obj.definition.plural_name] = obj
        self.objects_by_id[obj.id] = obj

    def object(self, name_or_id: str) -> CompiledObject | None:
        """By singular name, plural name or id."""
        return (
            self.objects.get(name_or_id)
            or self._by_plural.get(name_or_id)
            or self.objects_by_id.get(name_or_id)
        )

    def view(self, object_id: str, name_or_id: str) -> View | None:
        if view := self.views.get(name_or_id):
            return view if view.object_id == object_id else None
        named = (v for v in self.views.values() if v.object_id == object_id)
        return next((v for v in named if v.name == name_or_id), None)
