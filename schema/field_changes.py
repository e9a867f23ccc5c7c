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
from schema.field_types.rollups import rollup_of_nothing
from schema.formulas import Computed, as_result, compute, in_order, ready
from schema.model import Field, FieldType, Object, UniqueConstraint
from schema.problems import Invalid, Problem
from schema.values import composite_key, unique_key


class FieldChange(msgspec.Struct, frozen=True, dict=True):
    """A field before and after, and what becomes of values that would not fit.

    With `constraint` no field changes: its fields, `parts`, become unique together, and `old` and
    `target` are the first of them. A formula is worked out anew from all that it `reads`,
    by way of other formulas as well; what a rollup figures is kept by its own id beside the change.
    Where `restores` names a job, what that job did to values is taken back, and nothing else.
    """

    old: Field
    target: Field
    reassign: dict[str, str | None] = {}  # removed options' values: another's, or None: cleared
    backfill: bool = False  # empty values of existing records become the default
    constraint: UniqueConstraint | None = None
    parts: tuple[Field, ...] = ()
    reads: tuple[Field, ...] = ()
    restores: str = ""

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

    @property
    def constraint_id(self) -> str:
        """What the claims of the new definition are kept under."""
        return self.constraint.id if self.constraint else self.target.index_id

    @property
    def claims(self) -> bool:
        """Whether values become unique that were not, or unique in another way."""
        if self.constraint is not None:
            return True
        return self.target.unique and (self.reindexes or not self.old.unique)

    def key_of(self, doc: Mapping[str, Any], value: Any) -> str | None:
        """What must be unique of a document, in which the new field holds `value`."""
        if self.constraint is not None:
            return composite_key(self.parts, doc)
        return unique_key(self.target, value) if value is not None else None

    def touches(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Whether two documents differ in what the change goes by."""
        if self.constraint:
            keys = [p.key or p.name for p in self.parts]
        elif self.target.type is FieldType.FORMULA or self.target.formula:
            keys = [p.key or p.name for p in self.reads]
        elif self.target.type is FieldType.ROLLUP or self.target.rollup:
            return False  # other records decide it
        else:
            keys = [self.old_key]
        return any(before.get(key) != after.get(key) for key in keys)

    @cached_property
    def _formulas(self) -> tuple[Computed, ...]:
        """What works the new values out, where the field is a formula: those that it reads are
        worked out as well, since their own jobs may not have come to the record."""
        if not as_result(self.target).formula:
            return ()
        fields = (*self.reads, self.target)
        return tuple(ready(one, fields) for one in in_order(fields))

    @cached_property
    def _beside(self) -> tuple[Field, ...]:
        return (msgspec.structs.replace(as_result(self.target), active=True),)

    def both(self, obj: CompiledObject) -> CompiledObject:
        """The object with the old field and the new one: what indexes are kept for meanwhile."""
        fields = obj.definition.fields
        if self.constraint is not None:
            return self._constrained(obj)
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

    def _constrained(self, obj: CompiledObject) -> CompiledObject:
        """With the constraint in force, also for a writer who does not know its fields yet."""
        assert self.constraint is not None
        own, others = obj.definition, obj.definition.unique_constraints
        known = {f.id for f in own.fields}
        missing = (p for p in self.parts if p.id not in known)
        enforced = msgspec.structs.replace(self.constraint, state="ready")
        return CompiledObject(
            msgspec.structs.replace(
                own,
                fields=(*own.fields, *missing),
                unique_constraints=(*(o for o in others if o.id != enforced.id), enforced),
            )
        )

    def replaced(self, obj: CompiledObject) -> CompiledObject:
        """The object with the new field in the old one's place, where both share a key."""
        fields = tuple(self.target if f.id == self.old.id else f for f in obj.definition.fields)
        return CompiledObject(msgspec.structs.replace(obj.definition, fields=fields))

    def value_of(self, doc: Mapping[str, Any]) -> Any:
        """What the new field holds for an old document; Invalid where nothing fits."""
        if self.constraint is not None:
            return doc.get(self.old_key)
        if self._formulas:
            worked_out = dict(doc)
            compute(self._formulas, worked_out)
            return worked_out.get(self.key)
        if self.target.rollup:
            return doc.get(self.key, rollup_of_nothing(self.target))
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


def read_change(document: bytes | str) -> FieldChange:
    """A change as the records plane does it: formulas are fields of their results' types."""
    found = msgspec.json.decode(document, type=FieldChange)
    old, target = as_result(found.old), as_result(found.target)
    if (old, target) == (found.old, found.target):
        return found
    return msgspec.structs.replace(found, old=old, target=target)


class Purge(msgspec.Struct, frozen=True):
    """An object whose records go, or, with a field, the values of that field alone."""

    object: Object
    field: Field | None = None


class Release(msgspec.Struct, frozen=True):
    """A unique constraint that is no more: its claims go."""

    constraint: UniqueConstraint
