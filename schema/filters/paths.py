"""Look a dotted name up: relation hops, then a field, a part of one, or a platform field."""

from collections.abc import Iterable

from schema.compiled import PLATFORM_FIELDS, CompiledObject, Workspace
from schema.field_types import FIELD_TYPES, FieldTypeSpec, OperatorFamily
from schema.field_types import Kind as Scalar
from schema.filters.tree import Hop, Kind, Leaf, Path, Reach, Via
from schema.model import Field, FieldType, LinkType
from schema.problems import Invalid, nearest, refuse

MAX_HOPS = 2

_PLATFORM_KINDS = {
    FieldType.UUID: Kind.UUID,
    FieldType.DATE_TIME: Kind.DATE_TIME,
    FieldType.ACTOR: Kind.ACTOR,
    FieldType.POSITION: Kind.POSITION,
    FieldType.NUMBER: Kind.NUMBER,
}
_KINDS = {
    FieldType.TEXT: Kind.TEXT,
    FieldType.RICH_TEXT: Kind.TEXT,
    FieldType.NUMBER: Kind.NUMBER,
    FieldType.DECIMAL: Kind.NUMBER,
    FieldType.BOOLEAN: Kind.BOOLEAN,
    FieldType.DATE: Kind.DATE,
    FieldType.DATE_TIME: Kind.DATE_TIME,
    FieldType.SELECT: Kind.SELECT,
    FieldType.MULTI_SELECT: Kind.MULTI_SELECT,
    FieldType.RATING: Kind.NUMBER,
    FieldType.CURRENCY: Kind.COMPOSITE,
    FieldType.FULL_NAME: Kind.COMPOSITE,
    FieldType.EMAILS: Kind.COMPOSITE,
    FieldType.PHONES: Kind.COMPOSITE,
    FieldType.LINKS: Kind.COMPOSITE,
    FieldType.ADDRESS: Kind.COMPOSITE,
    FieldType.ARRAY: Kind.ARRAY,
    FieldType.JSON: Kind.JSON,
    FieldType.UUID: Kind.UUID,
    FieldType.RELATION: Kind.RELATION,
    FieldType.FILE: Kind.FILE,
    FieldType.ACTOR: Kind.ACTOR,
    FieldType.POSITION: Kind.POSITION,
}
_SCALARS = {
    Scalar.TEXT: Kind.TEXT,
    Scalar.NUMBER: Kind.NUMBER,
    Scalar.TIMESTAMP: Kind.DATE_TIME,
    Scalar.DATE: Kind.DATE,
    Scalar.REF: Kind.UUID,
}


def _parts(spec: FieldTypeSpec) -> dict[str, Kind]:
    """Every part of a composite: scalars, lists, and what holds several scalars."""
    found: dict[str, Kind] = {}
    for name, scalar in spec.parts.items():
        holder = name.rpartition(".")[0]
        if holder:
            found.setdefault(holder, Kind.COMPOSITE)
        found[name] = _SCALARS[scalar]
    return found | dict.fromkeys(spec.list_parts, Kind.ARRAY)


PARTS: dict[FieldType, dict[str, Kind]] = {
    **{
        field_type: _parts(spec)
        for field_type, spec in FIELD_TYPES.items()
        if spec.operators is OperatorFamily.COMPOSITE
    },
    FieldType.ACTOR: {"id": Kind.ACTOR, "kind": Kind.TEXT, "name": Kind.TEXT},
    FieldType.RICH_TEXT: {"markdown": Kind.TEXT},
}


def kind_of(field: Field) -> Kind:
    """What a whole field holds; computed fields hold what the table of types says."""
    if kind := _KINDS.get(field.type):
        return kind
    scalar = FIELD_TYPES[field.type].kind
    assert scalar is not None
    return _SCALARS[scalar]


def leaf_names(obj: CompiledObject) -> list[str]:
    """What a path may end in: fields and their parts, then the platform fields."""
    names = []
    for name, field in obj.fields.items():
        names += [name, *(f"{name}.{part}" for part in PARTS.get(field.type, ()))]
    for name, kind in PLATFORM_FIELDS.items():
        names += [name, *(f"{name}.{part}" for part in PARTS.get(kind, ()))]
    return names


def targets(workspace: Workspace, field: Field) -> list[CompiledObject]:
    """The objects that a relation field may lead to."""
    named = [workspace.object(name) for name in targets_of(field)]
    return [obj for obj in named if obj is not None]


def targets_of(field: Field) -> list[str]:
    """The names of the objects that a relation field may lead to, active or not."""
    return list(field.settings.get("targets", ()))


def is_bare(field: Field) -> bool:
    """Whether a relation is stored as an id; to several objects it is {"object", "id"}."""
    return len(targets_of(field)) == 1


def resolve_path(workspace: Workspace, obj: CompiledObject, name: str, at: str) -> Path:
    """The path of a condition; Invalid names what is unknown and the nearest name."""
    obj, hops, rest = _walk(workspace, obj, name, at)
    return Path(hops, _leaf(workspace, obj, rest, at))


def resolve_reach(workspace: Workspace, obj: CompiledObject, name: str, at: str) -> Reach:
    """The path of `some`, `none` and `every`: it ends in a relation, its inverse or a link."""
    obj, hops, last = _walk(workspace, obj, name, at)
    field = obj.field(last)
    if field is not None and field.type is FieldType.RELATION:
        return Reach(hops, _relation_hop(workspace, field, at))
    if many := _manys(workspace, obj).get(last):
        return Reach(hops, many)
    if field is not None:
        message = f"{last!r} is a {field.type.value} field; some, none and every follow relations"
        raise refuse(at, "NOT_A_RELATION", message)
    relations = [f.name for f in obj.fields.values() if f.type is FieldType.RELATION]
    raise _unknown(obj, last, at, [*relations, *_manys(workspace, obj)])


def _walk(
    workspace: Workspace, obj: CompiledObject, name: str, at: str
) -> tuple[CompiledObject, tuple[Hop, ...], str]:
    """Follow relation fields while something stands behind them: where, how, and the rest."""
    hops: tuple[Hop, ...] = ()
    first, _, rest = name.partition(".")
    while rest:
        field = obj.field(first)
        if field is None or field.type is not FieldType.RELATION:
            break
        if len(hops) == MAX_HOPS:
            message = f"a path goes through at most {MAX_HOPS} relations"
            raise refuse(at, "PATH_LIMIT", message)
        hop = _relation_hop(workspace, field, at)
        hops = (*hops, hop)
        obj = workspace.objects_by_id[hop.object_id]
        name = rest
        first, _, rest = name.partition(".")
    return obj, hops, name


def _relation_hop(workspace: Workspace, field: Field, at: str) -> Hop:
    found = targets(workspace, field)
    if len(found) == 1 and is_bare(field):
        return Hop(field.name, Via.RELATION, found[0].id, field, rule=found[0].rule)
    why = "to several objects" if found else "to an object that is not active"
    message = f"{field.name!r} is a relation {why}, so no path leads through it"
    raise refuse(at, "NOT_A_PATH", message)


def _manys(workspace: Workspace, obj: CompiledObject) -> dict[str, Hop]:
    """The inverse and link names that can be read from an object's records."""
    found: dict[str, Hop] = {}
    for link in workspace.link_types.values():
        ends = [(link.inverse_name, link.target_kinds, link.source_kinds, False)]
        ends.append((link.name, link.source_kinds, link.target_kinds, True))
        for name, near, far, outward in ends:
            others = [o for o in map(workspace.object, far) if o is not None]
            if not name or not len(others) == len(far) == 1 or (near and obj.name not in near):
                continue
            if link.field_id:
                if hop := _projected(workspace, link, name, others[0], outward=outward):
                    found[name] = hop
            else:
                found[name] = Hop(
                    name,
                    Via.LINK,
                    others[0].id,
                    link_type_id=link.id,
                    outward=outward,
                    symmetric=link.symmetric,
                    rule=others[0].rule,
                )
    for other in workspace.objects.values():
        for field in other.fields.values():
            inverse = str(field.settings.get("inverse_name") or "")
            if field.type is FieldType.RELATION and inverse and obj in targets(workspace, field):
                found[inverse] = Hop(inverse, Via.INVERSE, other.id, field, rule=other.rule)
    return found


def _projected(
    workspace: Workspace, link: LinkType, name: str, other: CompiledObject, *, outward: bool
) -> Hop | None:
    """A link type that shows a relation field is read where its truth is: in the documents."""
    source = workspace.object(link.source_kinds[0])
    field = source.fields_by_id.get(link.field_id) if source is not None else None
    if field is None:
        return None
    via = Via.RELATION if outward else Via.INVERSE
    return Hop(name, via, other.id, field, rule=other.rule)


def _leaf(workspace: Workspace, obj: CompiledObject, name: str, at: str) -> Leaf:
    first, _, part = name.partition(".")
    if first in PLATFORM_FIELDS:
        return _platform_leaf(name, first, part, at)
    field = obj.field(first)
    if field is None:
        if first in _manys(workspace, obj):
            message = f"{first!r} leads to many records: follow it with some, none or every"
            raise refuse(at, "MANY_RECORDS", message)
        raise _unknown(obj, first, at, leaf_names(obj))
    stored = ("markdown",) if field.type is FieldType.RICH_TEXT else ()
    if not part:
        kind = kind_of(field)
        own = ("id",) if kind is Kind.ACTOR else stored
        return Leaf(name, kind, field, own)
    parts = PARTS.get(field.type, {})
    if part not in parts:
        raise _unknown_part(name, first, part, list(parts), at)
    steps = tuple(part.split("."))
    if parts[part] is Kind.ARRAY:  # additional, or additional.number: a key of each element
        return Leaf(name, Kind.ARRAY, field, steps[:1], each=".".join(steps[1:]))
    return Leaf(name, parts[part], field, steps)


def _platform_leaf(name: str, first: str, part: str, at: str) -> Leaf:
    kind = PLATFORM_FIELDS[first]
    column = "record_id" if first == "id" else first
    parts = PARTS.get(kind, {})
    if not part:
        own = ("id",) if kind is FieldType.ACTOR else ()
        return Leaf(name, _PLATFORM_KINDS[kind], None, own, column)
    if part not in parts:
        raise _unknown_part(name, first, part, list(parts), at)
    return Leaf(name, parts[part], None, (part,), column)


def _unknown(obj: CompiledObject, name: str, at: str, known: Iterable[str]) -> Invalid:
    names = list(known)
    message = f"{obj.name} has no field {name!r}{nearest(name, names)}; allowed: {', '.join(names)}"
    return refuse(at, "UNKNOWN_FIELD", message)


def _unknown_part(name: str, field: str, part: str, known: list[str], at: str) -> Invalid:
    if not known:
        return refuse(at, "UNKNOWN_FIELD", f"{field!r} has no parts, so {name!r} leads nowhere")
    message = f"{field!r} has no part {part!r}{nearest(part, known)}; allowed: {', '.join(known)}"
    return refuse(at, "UNKNOWN_FIELD", message)
