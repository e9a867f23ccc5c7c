"""Judge what is sent for a role of a workspace's own, and show it again by today's names.

Objects and fields are kept by id, those inside rules included, so that a rename changes no role.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from schema.access import ACTIONS, FieldAccess, ObjectAccess, rule_tree
from schema.compiled import CompiledObject, Workspace
from schema.field_types.refusals import Problems, did_you_mean, listing, shown
from schema.filters.paths import resolve_reach, targets
from schema.filters.tree import QUANTIFIERS
from schema.filters.walk import follows_links
from schema.jsonio import dumps
from schema.model import Field, FieldType
from schema.problems import Invalid, nearest
from services.metadata.logic.roles import BESIDE_RECORDS

MAX_OBJECTS = 500
MAX_FIELDS = 500
MAX_ROLES = 100
_LISTS = ("and", "or")


def permissions(asked: Sequence[str], problems: Problems) -> tuple[str, ...]:
    """What it may do beside records, in the order of the table."""
    for n, name in enumerate(asked):
        if name not in BESIDE_RECORDS:
            message = (
                f"must be one of {listing(BESIDE_RECORDS)}{did_you_mean(name, BESIDE_RECORDS)}"
            )
            problems.add(f"permissions.{n}", "UNKNOWN_CHOICE", message)
    return tuple(name for name in BESIDE_RECORDS if name in asked)


def objects(
    workspace: Workspace, asked: Sequence[Mapping[str, Any]], problems: Problems
) -> dict[str, ObjectAccess]:
    """What it may do with records, by object id; everything that is wrong goes to `problems`."""
    found: dict[str, ObjectAccess] = {}
    if len(asked) > MAX_OBJECTS:
        problems.add("objects", "TOO_MANY_VALUES", f"at most {MAX_OBJECTS} objects")
        return found
    for n, one in enumerate(asked):
        at = f"objects.{n}"
        obj = workspace.object(one["object"])
        if obj is None:
            hint = nearest(one["object"], workspace.objects)
            message = f"there is no object {shown(one['object'])}{hint}"
            problems.add(f"{at}.object", "UNKNOWN_OBJECT", message)
            continue
        if obj.id in found:
            problems.add(f"{at}.object", "DUPLICATE", f"{obj.name} stands here twice")
        found[obj.id] = ObjectAccess(
            _actions(one["actions"], f"{at}.actions", problems),
            _fields(obj, one["fields"], f"{at}.fields", problems),
            _rule(workspace, obj, one["rule"], f"{at}.rule", problems),
        )
    return found


def _actions(asked: Sequence[str], at: str, problems: Problems) -> tuple[str, ...]:
    for n, name in enumerate(asked):
        if name not in ACTIONS:
            message = f"must be one of {listing(ACTIONS)}{did_you_mean(name, ACTIONS)}"
            problems.add(f"{at}.{n}", "UNKNOWN_CHOICE", message)
    if "read" not in asked:
        problems.add(at, "REQUIRED", "must hold read; leave the object out to hide it")
    return tuple(name for name in ACTIONS if name in asked)


def _fields(
    obj: CompiledObject, asked: Sequence[Mapping[str, Any]], at: str, problems: Problems
) -> dict[str, FieldAccess]:
    found: dict[str, FieldAccess] = {}
    if len(asked) > MAX_FIELDS:
        problems.add(at, "TOO_MANY_VALUES", f"at most {MAX_FIELDS} fields")
        return found
    for n, one in enumerate(asked):
        field = obj.field(one["field"])
        if field is None:
            hint = nearest(one["field"], obj.fields)
            message = f"{obj.name} has no field {shown(one['field'])}{hint}"
            problems.add(f"{at}.{n}.field", "UNKNOWN_FIELD", message)
            continue
        if field.id in found:
            problems.add(f"{at}.{n}.field", "DUPLICATE", f"{field.name} stands here twice")
        read, update = one.get("read", True), one.get("update", True)
        if not read and one.get("update"):
            message = "what can't be read can't be updated"
            problems.add(f"{at}.{n}.update", "NEEDS_READ", message)
        found[field.id] = FieldAccess(read, read and update)
    return found


def _rule(
    workspace: Workspace, obj: CompiledObject, document: Any, at: str, problems: Problems
) -> dict[str, Any] | None:
    if document is None:
        return None
    if document == {}:
        message = "an empty rule says nothing; leave it out to grant all records"
        problems.add(at, "EMPTY_FILTER", message)
        return None
    with problems.collect():
        tree = rule_tree(workspace, obj, document, at)
        if follows_links(tree):
            problems.add(at, "NO_RELATIONS", "a rule goes through relations, and not through links")
        translated = _translated(workspace, obj, document, lambda field: field.id)
        # Numbers as any reader of the stored JSON finds them.
        return msgspec.json.decode(dumps(translated), type=dict[str, Any])
    return None


def described(workspace: Workspace, granted: Mapping[str, ObjectAccess]) -> list[dict[str, Any]]:
    """What is granted, by the names that objects and fields have now; what is gone is left out."""
    found = []
    for object_id, own in granted.items():
        obj = workspace.objects_by_id.get(object_id)
        if obj is None:
            continue
        fields = [
            {"field": field.name, "read": entry.read, "update": entry.update}
            for field_id, entry in own.fields.items()
            if (field := obj.fields_by_id.get(field_id))
        ]
        rule = own.rule
        if rule is not None:
            rule = _translated(workspace, obj, rule, lambda field: field.name)
        found.append(
            {
                "object": obj.name,
                "actions": list(own.actions),
                "fields": sorted(fields, key=lambda f: str(f["field"])),
                "rule": rule,
            }
        )
    return sorted(found, key=lambda o: str(o["object"]))


def broken(
    before: Workspace, after: Workspace, granted: Mapping[str, ObjectAccess]
) -> list[CompiledObject]:
    """The objects whose rule made sense before a change of definitions, and would not after it."""
    found = []
    for object_id, own in granted.items():
        old, new = before.objects_by_id.get(object_id), after.objects_by_id.get(object_id)
        if own.rule is None or old is None or new is None:
            continue
        if _makes_sense(before, old, own.rule) and not _makes_sense(after, new, own.rule):
            found.append(new)
    return found


def _makes_sense(workspace: Workspace, obj: CompiledObject, rule: object) -> bool:
    try:
        rule_tree(workspace, obj, rule, "rule")
    except Invalid:
        return False
    return True


def _translated(
    workspace: Workspace, obj: CompiledObject, document: Any, word: Callable[[Field], str]
) -> dict[str, Any]:
    """The same filter with `word` for every field; what is unknown stays as it is."""
    found: dict[str, Any] = {}
    for key, value in document.items():
        if key in _LISTS and isinstance(value, list):
            found[key] = [_translated(workspace, obj, child, word) for child in value]
        elif key == "not" and isinstance(value, dict):
            found[key] = _translated(workspace, obj, value, word)
        else:
            name = _path(workspace, obj, key, word)
            found[name] = _operators(workspace, obj, key, value, word)
    return found


def _path(
    workspace: Workspace, obj: CompiledObject, dotted: str, word: Callable[[Field], str]
) -> str:
    steps = dotted.split(".")
    found: list[str] = []
    while steps:
        field = obj.field(steps[0])
        if field is None:
            break
        found.append(word(field))
        steps = steps[1:]
        reached = targets(workspace, field) if field.type is FieldType.RELATION else []
        if len(reached) != 1:
            break
        obj = reached[0]
    return ".".join([*found, *steps])


def _operators(
    workspace: Workspace,
    obj: CompiledObject,
    dotted: str,
    value: Any,
    word: Callable[[Field], str],
) -> Any:
    if not isinstance(value, dict) or not QUANTIFIERS.keys() & value.keys():
        return value
    try:
        far = workspace.objects_by_id[resolve_reach(workspace, obj, dotted, "").many.object_id]
    except Invalid:
        return value
    return {
        op: _translated(workspace, far, inner, word) if op in QUANTIFIERS else inner
        for op, inner in value.items()
    }
