"""What a custom role may see of a workspace: definitions without what is hidden, records by rule.

`restrict` gives a workspace in which hidden objects, fields and views simply are not there, so
that no filter, sort, projection, listing or error can speak of them. Default is deny: an object
that the role does not name is hidden. A field without an entry follows its object; a relation is
hidden where it may lead to a hidden object. The unrestricted definitions stay at hand as `full`,
for whoever keeps indexes and statistics, never for answers.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from schema import rollups
from schema.compiled import CompiledObject, Workspace
from schema.filters.context import EvalContext
from schema.filters.parse_json import parse
from schema.filters.paths import resolve_path, targets_of
from schema.filters.resolve import resolve_relative
from schema.filters.tree import And, Condition, Kind, Me, Tree
from schema.filters.walk import map_conditions
from schema.formulas import names_in
from schema.model import PLATFORM_FIELDS, Field, FieldType, LinkType, Object, Snapshot, View
from schema.problems import Invalid
from schema.sorts import parse_sort

ACTIONS = ("read", "create", "update", "delete", "purge")
_CHANGES = frozenset({"create", "update"})
_ME_OPERATORS = {"eq", "ne", "in", "not_in", "ieq"}
_MAX_FIELDS = 100_000  # of all restricted workspaces that are held


class FieldAccess(msgspec.Struct, frozen=True):
    """What may be done with one field of an object that may be read."""

    read: bool = True
    update: bool = True


class ObjectAccess(msgspec.Struct, frozen=True):
    """What may be done with the records of one object, and with which of them."""

    actions: tuple[str, ...] = ()  # of ACTIONS
    fields: dict[str, FieldAccess] = {}  # by field id
    rule: dict[str, Any] | None = None  # the JSON spelling of a filter; "me" is who asks


class Access(msgspec.Struct, frozen=True):
    """A role's permissions on records, as they travel with its callers."""

    role: str = ""
    objects: dict[str, ObjectAccess] = {}  # by object id


@dataclass(frozen=True, slots=True, eq=False)
class RecordRule:
    """Which records of an object there are for a caller; its time zone is the workspace's."""

    tree: Tree
    time_zone: str
    week_start: str
    me: str

    def at(self, now: datetime) -> Tree:
        """The rule as a filter without anything relative, to be joined to another by And."""
        context = EvalContext(now, self.time_zone, self.week_start, self.me)
        return resolve_relative(self.tree, context)


@lru_cache(maxsize=2048)
def parse_access(document: bytes) -> Access:
    return msgspec.json.decode(document, type=Access)


@lru_cache(maxsize=4096)
def one_copy(document: bytes) -> bytes:
    """The bytes that came first of those that say the same, so that callers share them."""
    return document


class _Restricted(NamedTuple):
    base: Workspace
    seen: Workspace
    size: int


class Restrictions:
    """Restricted workspaces by permissions, the newest version of each; bounded by how many fields
    they define together, since each keeps its own workspace in memory."""

    def __init__(self, max_fields: int = _MAX_FIELDS) -> None:
        self._max_fields = max_fields
        self._fields = 0
        self._held: OrderedDict[tuple[str, bytes, str], _Restricted] = OrderedDict()

    def of(self, workspace: Workspace, document: bytes, me: str) -> Workspace:
        """The workspace as that person sees it with these permissions."""
        person = me if b'"me"' in document else ""
        key = (workspace.id, document, person)
        held = self._held.get(key)
        if held is not None and held.base is workspace:
            self._held.move_to_end(key)
            return held.seen
        made = restrict(workspace, parse_access(document), me)
        self._keep(key, _Restricted(workspace, made, _size_of(workspace)))
        return made

    def _keep(self, key: tuple[str, bytes, str], entry: _Restricted) -> None:
        if old := self._held.pop(key, None):
            self._fields -= old.size
        self._held[key] = entry
        self._fields += entry.size
        while self._fields > self._max_fields and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self._fields -= oldest.size


def _size_of(workspace: Workspace) -> int:
    return 1 + sum(len(o.definition.fields) for o in workspace.objects.values())


def restrict(workspace: Workspace, access: Access, me: str) -> Workspace:
    """The workspace without what the permissions hide, its objects bearing their record rules."""
    seen = {
        o.id: o
        for o in workspace.objects.values()
        if "read" in _object_access(access, o.id).actions
    }
    names = {o.name for o in seen.values()}
    definitions = tuple(_shown(o, _object_access(access, o.id), names) for o in seen.values())
    definitions = _without_rollups(workspace, access, seen, definitions)
    link_types = (_shown_link(t, names, definitions) for t in workspace.link_types_by_id.values())
    snapshot = Snapshot(
        workspace_id=workspace.id,
        version=workspace.version,
        objects=definitions,
        link_types=tuple(t for t in link_types if t is not None),
        time_zone=workspace.time_zone,
        week_start=workspace.week_start,
    )
    found = Workspace(snapshot, base=workspace)
    for obj in found.objects.values():
        own = _object_access(access, obj.id)
        base = seen[obj.id]
        found.replace_object(
            CompiledObject(
                obj.definition,
                base=base,
                rule=_rule(workspace, base, own.rule, me),
                actions=frozenset(own.actions),
                read_only=_read_only(obj, own),
            )
        )
    found.views = {v.id: shown for v in workspace.views.values() if (shown := _view(found, v))}
    return found


def may(obj: CompiledObject, action: str) -> bool:
    """Whether the role grants that of ACTIONS; without a custom role everything is granted here."""
    return obj.actions is None or action in obj.actions


def both(first: Tree | None, second: Tree | None) -> Tree | None:
    """The filter that holds where both do."""
    if first is None or second is None:
        return first or second
    return And((first, second))


def ruled(obj: CompiledObject, tree: Tree | None, now: datetime) -> Tree | None:
    """The filter, and the object's record rule where it has one: what every read goes by."""
    if obj.rule is None:
        return tree
    return both(obj.rule.at(now), tree)


def rule_tree(workspace: Workspace, obj: CompiledObject, document: object, path: str) -> Tree:
    """A rule as a filter of the unrestricted definitions; Invalid says what is wrong with it.

    In comparisons of texts, too, "me" stands for who asks.
    """
    tree = parse(workspace, obj, document, path=path)
    return _nothing(workspace, obj) if tree is None else map_conditions(tree, _with_me)


def _object_access(access: Access, object_id: str) -> ObjectAccess:
    return access.objects.get(object_id) or _NONE


_NONE = ObjectAccess()


def _shown(obj: CompiledObject, own: ObjectAccess, names: set[str]) -> Object:
    """Hidden fields count like deactivated ones: their values stay, and are never shown."""
    fields = []
    for field in obj.definition.fields:
        hidden = not field.active or not _is_read(field, own, names)
        fields.append(msgspec.structs.replace(field, active=False) if hidden else field)
    fields = _without_blind(obj, fields)
    shown = {f.name for f in fields if f.active}
    label = obj.definition.label_field
    ids = {f.id for f in fields if f.active}
    together = obj.definition.unique_constraints
    return msgspec.structs.replace(
        obj.definition,
        fields=tuple(fields),
        label_field=label if label in shown else "",
        unique_constraints=tuple(one for one in together if ids >= set(one.field_ids)),
        duplicate_criteria=tuple(
            one for one in obj.definition.duplicate_criteria if shown >= set(one)
        ),
    )


def _without_rollups(
    workspace: Workspace,
    access: Access,
    seen: Mapping[str, CompiledObject],
    definitions: tuple[Object, ...],
) -> tuple[Object, ...]:
    """Hide the rollups over records or fields of which the role does not see all."""
    told = rollups.of(workspace)
    if not told:
        return definitions
    shown = {f.id for o in definitions for f in o.fields if f.active}
    open_ids = {i for i in seen if _object_access(access, i).rule is None}
    blind = {
        i for i, one in told.items() if one.other_id not in open_ids or not shown >= set(one.reads)
    }
    return tuple(_without(seen[obj.id], obj, blind) for obj in definitions)


def _without(base: CompiledObject, obj: Object, blind: set[str]) -> Object:
    """The object with these fields hidden, and the formulas that read them."""
    if not any(f.id in blind and f.active for f in obj.fields):
        return obj
    fields = [msgspec.structs.replace(f, active=False) if f.id in blind else f for f in obj.fields]
    fields = _without_blind(base, fields)
    shown = {f.name for f in fields if f.active}
    label = obj.label_field if obj.label_field in shown else ""
    return msgspec.structs.replace(obj, fields=tuple(fields), label_field=label)


def _without_blind(obj: CompiledObject, fields: list[Field]) -> list[Field]:
    """Hide the formulas that read something hidden, and would tell of it."""
    known = {f.name for f in obj.fields.values()}
    while True:
        hidden = known - {f.name for f in fields if f.active}
        blind = {f.id for f in fields if f.active and f.formula and hidden & names_in(f.formula)}
        if not blind:
            return fields
        fields = [msgspec.structs.replace(f, active=False) if f.id in blind else f for f in fields]


def _is_read(field: Field, own: ObjectAccess, names: set[str]) -> bool:
    entry = own.fields.get(field.id)
    if entry is not None and not entry.read:
        return False
    return field.type is not FieldType.RELATION or names.issuperset(targets_of(field))


def _read_only(obj: CompiledObject, own: ObjectAccess) -> frozenset[str]:
    """Names of the fields that may be read and not written."""
    if not _CHANGES.intersection(own.actions):
        return frozenset(obj.fields)
    return frozenset(
        f.name for f in obj.fields.values() if (e := own.fields.get(f.id)) and not e.update
    )


def _rule(
    workspace: Workspace, obj: CompiledObject, document: dict[str, Any] | None, me: str
) -> RecordRule | None:
    """None for an object without one. A rule that no longer makes sense lets nothing through."""
    if document is None:
        return None
    try:
        tree = rule_tree(workspace, obj, document, "rule")
    except Invalid:
        tree = _nothing(workspace, obj)
    return RecordRule(tree, workspace.time_zone, workspace.week_start, me)


def _nothing(workspace: Workspace, obj: CompiledObject) -> Tree:
    """True for no record: every record has an id."""
    return Condition(resolve_path(workspace, obj, "id", "rule"), "is_empty", True)


def _with_me(condition: Condition) -> Tree:
    if condition.path.leaf.kind is not Kind.TEXT or condition.op not in _ME_OPERATORS:
        return condition
    value: Any = condition.value
    if isinstance(value, tuple):
        value = tuple(Me() if one == "me" else one for one in value)
    elif value == "me":
        value = Me()
    return Condition(condition.path, condition.op, value)


def _shown_link(link: LinkType, names: set[str], objects: Iterable[Object]) -> LinkType | None:
    """None where either end is hidden, or the relation field that it projects."""
    artifacts = {"note", "todo", "file"}
    ends = []
    for kinds in (link.source_kinds, link.target_kinds):
        shown = tuple(k for k in kinds if k in names or k in artifacts)
        if kinds and not shown:
            return None
        ends.append(shown)
    if link.field_id:
        fields = {f.id for o in objects for f in o.fields if f.active}
        if link.field_id not in fields:
            return None
    return msgspec.structs.replace(link, source_kinds=ends[0], target_kinds=ends[1])


def _view(workspace: Workspace, view: View) -> View | None:
    """The view without hidden columns and figures; None where it is built on something hidden."""
    obj = workspace.objects_by_id.get(view.object_id)
    if obj is None:
        return None
    fields = obj.fields_by_id
    bound = (
        view.group_field_id,
        view.date_field_id,
        view.end_date_field_id,
        view.location_field_id,
    )
    if any(one and one not in fields for one in bound):
        return None
    try:
        if view.filter:
            parse(workspace, obj, view.filter)
        if view.sort:
            parse_sort(workspace, obj, view.sort)
    except Invalid:
        return None
    shown = fields.keys() | PLATFORM_FIELDS.keys()
    return msgspec.structs.replace(
        view,
        columns=tuple(c for c in view.columns if c.get("field_id") in shown),
        aggregates=tuple(
            a for a in view.aggregates if not a.get("field_id") or a["field_id"] in shown
        ),
    )
