"""Hold what a workspace defines: as it is stored, and as a draft that one transaction changes.

Definitions are immutable and cached by version; a draft starts as a copy of one and knows, at the
end, exactly what differs. All decisions are made on drafts, in memory, under the workspace's lock.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from kit import ids
from schema.compiled import Workspace as Compiled
from schema.jsonio import dumps
from schema.model import Field, FieldType, LinkType, Object, Snapshot, View
from schema.problems import nearest, refuse
from services.metadata.model import Difference, Entity, Job, Limits, Noun, Stored

E = TypeVar("E", Object, Field, View, LinkType)
_BYTES_EACH, _BYTES_OF_A_PART = 2_000, 400  # measured, both rather too much than too little


@dataclass(frozen=True)
class Definitions:
    """Everything a workspace defines, at one version, by id."""

    workspace_id: str
    version: int
    time_zone: str
    week_start: str
    objects: dict[str, Stored[Object]] = field(default_factory=dict)  # their `fields` are empty
    fields: dict[str, Stored[Field]] = field(default_factory=dict)
    link_types: dict[str, Stored[LinkType]] = field(default_factory=dict)
    views: dict[str, Stored[View]] = field(default_factory=dict)

    @cached_property
    def size(self) -> int:
        """About how many bytes they take, with all that is made of them: what caches go by."""
        lists = sum(len(s.value.columns) + len(s.value.groups) for s in self.views.values())
        lists += sum(len(s.value.options) for s in self.fields.values())
        definitions = len(self.fields) + len(self.objects) + len(self.views)
        return _BYTES_EACH * (1 + definitions + len(self.link_types)) + _BYTES_OF_A_PART * lists

    @cached_property
    def draft(self) -> "Draft":
        """For reading; `Draft(definitions)` gives one of one's own to change."""
        return Draft(self)

    @cached_property
    def snapshot_json(self) -> bytes:
        """The document that other planes compile; see schema.model.Snapshot."""
        return dumps(self.draft.snapshot())


class Draft:
    """The definitions of a workspace while they are looked at or changed."""

    def __init__(self, base: Definitions, limits: Limits | None = None) -> None:
        self.base = base
        self.limits = limits or Limits()
        self.objects = {k: s.value for k, s in base.objects.items()}
        self.fields = {k: s.value for k, s in base.fields.items()}
        self.link_types = {k: s.value for k, s in base.link_types.items()}
        self.views = {k: s.value for k, s in base.views.items()}
        self._touched: dict[tuple[Noun, str], None] = {}  # in the order of the first change
        self._field_ids: dict[str, set[str]] = {}  # by object
        self._relation_ids: set[str] = set()
        for one in self.fields.values():
            self._index(one)
        self._compiled: Compiled | None = None
        self.requested: list[Job] = []  # what the records plane has to do, in the order asked

    # --- reading ---

    def object(self, name_or_id: str, *, inactive: bool = False) -> Object | None:
        """By id, name or plural name."""
        found = self.objects.get(_canonical_id(name_or_id))
        if found is None:
            same = (o for o in self.objects.values() if name_or_id in {o.name, o.plural_name})
            found = next(same, None)
        return found if found and (found.active or inactive) else None

    def fields_of(self, object_id: str, *, inactive: bool = False) -> list[Field]:
        """In position order."""
        found = [self.fields[field_id] for field_id in self._field_ids.get(object_id, ())]
        found.sort(key=lambda f: (f.position, f.id))
        return found if inactive else [f for f in found if f.active]

    def relations(self) -> list[Field]:
        """The active relation fields of all objects."""
        found = (self.fields[field_id] for field_id in self._relation_ids)
        return [f for f in found if f.active]

    def field(self, object_id: str, name_or_id: str, *, inactive: bool = False) -> Field | None:
        """By id or name; of several of a name the active one, then the newest."""
        found = self.fields.get(_canonical_id(name_or_id))
        if found is None:
            same = [f for f in self.fields_of(object_id, inactive=True) if f.name == name_or_id]
            found = max(same, key=lambda f: (f.active, f.id), default=None)
        if found is None or found.object_id != object_id:
            return None
        return found if found.active or inactive else None

    def views_of(self, object_id: str, principal_id: str | None = None) -> list[View]:
        """In position order: all, or those that a principal sees."""
        found = [v for v in self.views.values() if v.object_id == object_id]
        if principal_id is not None:
            found = [v for v in found if is_visible(v, principal_id)]
        return sorted(found, key=lambda v: (v.position, v.id))

    def view(self, object_id: str, name_or_id: str, principal_id: str) -> View | None:
        """By id or name, where the principal sees it; one's own private one first."""
        views = self.views_of(object_id, principal_id)
        wanted = _canonical_id(name_or_id)
        if found := next((v for v in views if v.id == wanted), None):
            return found
        named = [v for v in views if v.name == name_or_id]
        return max(named, key=lambda v: v.visibility == "private", default=None)

    def link_type(self, name_or_id: str) -> LinkType | None:
        found = self.link_types.get(_canonical_id(name_or_id))
        return found or next((t for t in self.link_types.values() if t.name == name_or_id), None)

    def link_type_of(self, field_id: str) -> LinkType | None:
        """The link type that a relation field projects."""
        return next((t for t in self.link_types.values() if t.field_id == field_id), None)

    def object_names(self) -> list[str]:
        return [o.name for o in self.objects.values() if o.active]

    def require_object(self, name: str, path: str) -> Object:
        """Invalid / UNKNOWN_OBJECT, with the nearest name, where there is no active one."""
        if found := self.object(name):
            return found
        known = self.object_names()
        message = f"there is no object {name!r}{nearest(name, known)}"
        raise refuse(path, "UNKNOWN_OBJECT", message)

    def compiled(self) -> Compiled:
        """As the other planes see it; what filters and sorts are checked against."""
        if self._compiled is None:
            self._compiled = Compiled(self.snapshot())
        return self._compiled

    def snapshot(self) -> Snapshot:
        """Inactive objects and fields included; views only of active objects."""
        by_name = sorted(self.objects.values(), key=lambda o: o.name)
        return Snapshot(
            workspace_id=self.base.workspace_id,
            version=self.base.version,
            objects=tuple(
                msgspec.structs.replace(o, fields=tuple(self.fields_of(o.id, inactive=True)))
                for o in by_name
            ),
            views=tuple(v for o in by_name if o.active for v in self.views_of(o.id)),
            link_types=tuple(sorted(self.link_types.values(), key=lambda t: t.name)),
            time_zone=self.base.time_zone,
            week_start=self.base.week_start,
        )

    # --- changing ---

    def put_object(self, value: Object) -> Object:
        return self._put(Noun.OBJECT, self.objects, value)

    def put_field(self, value: Field) -> Field:
        self._index(value)
        return self._put(Noun.FIELD, self.fields, value)

    def _index(self, field: Field) -> None:
        self._field_ids.setdefault(field.object_id, set()).add(field.id)
        if field.type is FieldType.RELATION:
            self._relation_ids.add(field.id)

    def put_link_type(self, value: LinkType) -> LinkType:
        return self._put(Noun.LINK_TYPE, self.link_types, value)

    def put_view(self, value: View) -> View:
        return self._put(Noun.VIEW, self.views, value)

    def drop_view(self, view_id: str) -> None:
        self._touched.setdefault((Noun.VIEW, view_id))
        del self.views[view_id]

    def drop_field(self, field_id: str) -> None:
        """For ever, with the link type that it projects: nothing may use it any more."""
        self._compiled = None
        if link := self.link_type_of(field_id):
            self._touched.setdefault((Noun.LINK_TYPE, link.id))
            del self.link_types[link.id]
        self._touched.setdefault((Noun.FIELD, field_id))
        gone = self.fields.pop(field_id)
        self._field_ids[gone.object_id].discard(field_id)
        self._relation_ids.discard(field_id)

    def drop_object(self, object_id: str) -> None:
        """For ever, with its views and fields."""
        for view in self.views_of(object_id):
            self.drop_view(view.id)
        for one in self.fields_of(object_id, inactive=True):
            self.drop_field(one.id)
        self._compiled = None
        self._touched.setdefault((Noun.OBJECT, object_id))
        del self.objects[object_id]

    def request(self, kind: str, object_id: str, field_id: str, plan: Any) -> "Job":
        """Have the records plane see to data, once this draft is written."""
        found = Job(new_id(), kind, object_id, field_id, plan)
        self.requested.append(found)
        return found

    def _put(self, noun: Noun, into: dict[str, E], value: E) -> E:
        if noun is not Noun.VIEW:  # no view is part of what paths are looked up in
            self._compiled = None
        self._touched.setdefault((noun, value.id))
        # Numbers as any reader of the stored JSON finds them, so that comparing tells no lies.
        into[value.id] = msgspec.json.decode(dumps(value), type=type(value))
        return into[value.id]

    def differences(self) -> list[Difference]:
        """What differs from the base, in the order in which it was first touched."""
        now: dict[Noun, Callable[[str], Entity | None]] = {
            Noun.OBJECT: self.objects.get,
            Noun.FIELD: self.fields.get,
            Noun.LINK_TYPE: self.link_types.get,
            Noun.VIEW: self.views.get,
        }
        found = (Difference(n, i, self._before(n, i), now[n](i)) for n, i in self._touched)
        return [d for d in found if d.before != d.after]

    def _before(self, noun: Noun, entity_id: str) -> Entity | None:
        held: dict[Noun, Mapping[str, Stored[Any]]] = {
            Noun.OBJECT: self.base.objects,
            Noun.FIELD: self.base.fields,
            Noun.LINK_TYPE: self.base.link_types,
            Noun.VIEW: self.base.views,
        }
        stored = held[noun].get(entity_id)
        return stored.value if stored else None


def is_visible(view: View, principal_id: str) -> bool:
    """Private views exist for their creator alone."""
    return view.visibility != "private" or view.created_by == principal_id


def chosen_id(given: str, existing: Iterable[str], path: str = "id") -> str:
    """The id that a client chose for something new, or a new one."""
    chosen = str(ids.client_id(given, path))
    if chosen in existing:
        raise refuse(path, "ID_TAKEN", f"the id {chosen} is taken")
    return chosen


def new_id() -> str:
    return str(ids.new_id())


def _canonical_id(text: str) -> str:
    return text.lower() if len(text) == 36 else text
