"""What a change of a field means for the data that it has: planned in one plane, done in another.

The old definition stands until every value fits the new one. Where values take another form (a
conversion) they are written beside the old ones, under a key and an index of their own, so that
old and new can both be read until the definition changes over.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

from schema.compiled import CompiledObject
from schema.conversions import convert
from schema.field_types import FIELD_TYPES
from schema.field_types.codec import canonical_value
from schema.model import Field, FieldType, Object
from schema.problems import Invalid, Problem


class FieldChange(msgspec.Struct, frozen=True, dict=True):
    """A field before and after, and what becomes of values that would not fit."""

    old: Field
    target: Field
    reassign: dict[str, str | None] = {}  # removed options' values: another's, or None: cleared
    backfill: bool = False  # empty values of existing records become the default

    @property
    def old_key(self) -> str:
        return self.old.key or self.old.name

    @property
    def key(self) -> str:
        return self.target.key or self.target.name

    @property
    def converts(self) -> bool:
        """Whether the new values stand beside the old ones until the change is over."""
        return self.key != self.old_key

    @property
    def reindexes(self) -> bool:
        """Whether the index is kept anew, beside the old one."""
        return self.target.index_id != self.old.index_id

    @cached_property
    def _beside(self) -> tuple[Field, ...]:
        return (msgspec.structs.replace(self.target, active=True),)

    def both(self, obj: CompiledObject) -> CompiledObject:
        """The object with the old field and the new one: what indexes are kept for meanwhile."""
        fields = obj.definition.fields
        if self.converts or self.reindexes:
            fields = (*fields, *self._beside)
        else:
            fields = tuple(
                msgspec.structs.replace(f, unique=f.unique or self.target.unique)
                if f.id == self.old.id
                else f
                for f in fields
            )
        return CompiledObject(msgspec.structs.replace(obj.definition, fields=fields))

    def replaced(self, obj: CompiledObject) -> CompiledObject:
        """The object with the new field in the old one's place, where both share a key."""
        fields = tuple(self.target if f.id == self.old.id else f for f in obj.definition.fields)
        return CompiledObject(msgspec.structs.replace(obj.definition, fields=fields))

    def value_of(self, doc: Mapping[str, Any]) -> Any:
        """What the new field holds for an old document; Invalid where nothing fits."""
        value = self._kept(doc.get(self.old_key))
        if value is None and self.backfill:
            value = None if self.target.default is None else self._judged(self.target.default)
        elif value is not None:
            if self.converts:
                value = convert(self.old, self.target, value, self.old.name)
            else:
                value = self._judged(value)
        if value is None and self.target.required and FIELD_TYPES[self.target.type].writable:
            message = f"{self.old.name} is empty"
            raise Invalid([Problem(self.old.name, "REQUIRED", message)])
        return value

    def _judged(self, value: Any) -> Any:
        return canonical_value(self.target, value, self.old.name)

    def _kept(self, value: Any) -> Any:
        """The value with removed options reassigned or cleared."""
        if not self.reassign or value is None:
            return value
        if isinstance(value, list):
            moved = [self.reassign.get(one, one) for one in value]
            return [one for one in dict.fromkeys(moved) if one is not None] or None
        if self.old.type in {FieldType.SELECT, FieldType.MULTI_SELECT}:
            return self.reassign.get(value, value)
        return value


class Purge(msgspec.Struct, frozen=True):
    """An object whose records go, or, with a field, the values of that field alone."""

    object: Object
    field: Field | None = None
