"""Say which rollups a read may tell of: those alone are brought up to date before it answers.

It tells of what it shows, filters by, sorts by and figures over, on the way to related records and
in the rules that hide records too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kit import clock
from schema.compiled import CompiledObject, Workspace
from schema.filters.paths import targets
from schema.filters.tree import Tree
from schema.filters.walk import routes
from schema.model import Field, FieldType
from schema.rollups import Rollup, tells_of_rollups
from services.records.model import Projection, Query


@dataclass(frozen=True, slots=True)
class Sight:
    """What a read of many records looks at."""

    query: Query
    shows: bool = True  # records; else `fields` are all that it tells of them
    fields: Iterable[Field | None] = ()  # that it groups by, or figures over


def of_query(workspace: Workspace, told: Mapping[str, Rollup], sight: Sight) -> list[Rollup]:
    """The rollups that a read of many records may tell of, of any object."""
    reach, query = _Reach(workspace, told), sight.query
    if query.tree is not None:
        reach.judged(query.object, query.tree)
    for key in query.keys:
        reach.field(query.object, key.leaf.field)
    for field in sight.fields:
        reach.grouped(query.object, field)
    if sight.shows:
        reach.shown([query.object], query.projection)
    return list(reach.found.values())


def beside(
    workspace: Workspace,
    told: Mapping[str, Rollup],
    objects: Sequence[CompiledObject],
    shown: Projection | None,
) -> list[Rollup]:
    """Those that records show of others, along the relations that a projection follows, and that
    the rules of all of them go by."""
    reach = _Reach(workspace, told)
    for obj in objects:
        reach.ruled(obj)
    reach.followed(objects, shown)
    return list(reach.found.values())


class _Reach:
    """Collects rollups, by the field's id."""

    def __init__(self, workspace: Workspace, told: Mapping[str, Rollup]) -> None:
        self._workspace = workspace
        self._told = told
        self.found: dict[str, Rollup] = {}

    def field(self, obj: CompiledObject, field: Field | None) -> None:
        if field is None:
            return
        if field.id in self._told:
            self.found[field.id] = self._told[field.id]
        elif field.formula and tells_of_rollups(obj.full, field):
            self.whole(obj)

    def whole(self, obj: CompiledObject) -> None:
        self.found |= {i: one for i, one in self._told.items() if one.object_id == obj.id}

    def judged(self, obj: CompiledObject, tree: Tree) -> None:
        for hops, leaf in routes(tree):
            at = obj
            for hop in hops:
                at = self._workspace.full.objects_by_id[hop.object_id]
                if hop.rule is not None:
                    self.judged(at, hop.rule.at(clock.now()))
            if leaf is not None:
                self.field(at, leaf.field)

    def ruled(self, obj: CompiledObject) -> None:
        if obj.rule is not None:
            self.judged(obj, obj.rule.at(clock.now()))

    def grouped(self, obj: CompiledObject, field: Field | None) -> None:
        """Groups of a relation are named by the label of the record that it leads to."""
        self.field(obj, field)
        if field is None or field.type is not FieldType.RELATION:
            return
        for target in targets(self._workspace, field):
            self.ruled(target)
            self.field(target, target.fields.get(target.definition.label_field))

    def shown(self, objects: Sequence[CompiledObject], projection: Projection | None) -> None:
        for obj in objects:
            self.ruled(obj)
            if projection is None or not projection.names:
                self.whole(obj)
                continue
            for name in projection.names:
                self.field(obj, obj.fields.get(name))
        self.followed(objects, projection)

    def followed(self, objects: Sequence[CompiledObject], projection: Projection | None) -> None:
        for name, inner in projection.expand.items() if projection is not None else ():
            self.shown(reached(self._workspace, objects, name), inner)


def reached(
    workspace: Workspace, objects: Sequence[CompiledObject], name: str
) -> list[CompiledObject]:
    """The objects that a relation of that name of any of these leads to, in name order."""
    fields = [obj.fields[name] for obj in objects if name in obj.fields]
    found = {one.id: one for field in fields for one in targets(workspace, field)}
    return sorted(found.values(), key=lambda one: one.name)
