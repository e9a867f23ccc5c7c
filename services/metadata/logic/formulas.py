"""Keep formulas right in a draft: what they read, what reads them, and when they are worked out."""

import msgspec

from schema import formula_checks, formulas
from schema.field_changes import FieldChange
from schema.field_types.refusals import Problems, join
from schema.model import Field, FieldType, Object
from schema.problems import Invalid, Problem, refuse
from services.metadata.logic import field_changes
from services.metadata.logic.catalog import Draft

READY = field_changes.READY


def check(draft: Draft, field: Field, path: str) -> None:
    """Whether a formula can be computed from its object's other fields; Invalid says why not."""
    others = [f for f in draft.fields_of(field.object_id) if f.id != field.id]
    at = join(path, "settings.expression")
    expression = field.settings["expression"]
    if field.name in formulas.names_in(expression):
        raise refuse(at, "FORMULA_CYCLE", f"the formula {field.name} can't read itself")
    formula_checks.check(expression, field.settings.get("result_type", "text"), others, at)
    try:
        formulas.in_order([*others, field])
    except Invalid as exc:
        raise Invalid([Problem(at, p.code, p.message) for p in exc.problems]) from None
    pending = _pending(draft)
    for one in _behind(draft, field):
        if one.state != READY and one.id not in pending:
            raise refuse(at, "FIELD_BUILDING", f"a job is at work on {one.name}, which it reads")


def begin(draft: Draft, obj: Object, field: Field, path: str) -> Field:
    """Check a new formula; on records that are there already a job works it out."""
    check(draft, field, path)
    if obj.id not in draft.base.objects:
        return field
    return _work_out(draft, field, field)


def change(draft: Draft, old: Field, new: Field, path: str) -> Field:
    """Have a formula worked out anew by its new definition, and those that read it after it."""
    check(draft, new, path)
    started = _work_out(draft, old, new)
    for one in _after(draft, old):
        _work_out(draft, one, one)
    return started


def again(draft: Draft, field: Field) -> Field:
    """Have a formula worked out that was not while it was away."""
    return _work_out(draft, field, field)


def _work_out(draft: Draft, old: Field, new: Field) -> Field:
    target = field_changes.elsewhere(msgspec.structs.replace(new, state=READY), converted=True)
    pending = _pending(draft)
    behind = tuple(pending.get(f.id, f) for f in _behind(draft, new))
    return field_changes.start(draft, old, FieldChange(old=old, target=target, reads=behind))


def _pending(draft: Draft) -> dict[str, Field]:
    """Formulas that this draft has worked out anew, by id, as they will be."""
    return {
        job.field_id: job.plan.target
        for job in draft.requested
        if isinstance(job.plan, FieldChange) and job.plan.target.type is FieldType.FORMULA
    }


def _behind(draft: Draft, field: Field) -> list[Field]:
    """Everything that a formula reads, by way of others as well."""
    pending = _pending(draft)
    own = [pending.get(f.id, f) for f in draft.fields_of(field.object_id) if f.id != field.id]
    found: dict[str, Field] = {}
    todo = [field]
    while todo:
        for one in formulas.reads(todo.pop(), own):
            if one.id not in found:
                found[one.id] = one
                todo.append(one)
    return list(found.values())


def readers(draft: Draft, field: Field) -> list[Field]:
    """The active formulas that read a field."""
    own = [f for f in draft.fields_of(field.object_id) if f.type is FieldType.FORMULA]
    return [f for f in own if f.id != field.id and formulas.reads(f, [field])]


def _after(draft: Draft, field: Field) -> list[Field]:
    """Every formula that reads a field, by way of others as well, each behind those it reads."""
    found: dict[str, Field] = {}
    todo = [field]
    while todo:
        for one in readers(draft, todo.pop()):
            if one.id not in found:
                found[one.id] = one
                todo.append(one)
    order = [f.id for f in formulas.in_order(draft.fields_of(field.object_id))]
    return sorted(found.values(), key=lambda one: order.index(one.id))


def check_change(draft: Draft, old: Field, new: Field, path: str) -> list[Problem]:
    """IN_USE for a change after which a formula could not read the field as before, and
    FIELD_BUILDING where one that has to follow is being worked out."""
    problems = Problems()
    if formula_checks.kind_of(old) != formula_checks.kind_of(new):
        part = "type" if new.type is not old.type else "settings"
        for one in readers(draft, old):
            message = f"the formula {one.name} uses it, and could not read it any more"
            problems.add(join(path, part), "IN_USE", message)
    elif new.type is FieldType.FORMULA and new.settings != old.settings:
        for one in _after(draft, old):
            if one.state != READY:
                message = f"a job is at work on {one.name}, which reads it"
                problems.add(path, "FIELD_BUILDING", message)
    return problems


def without(draft: Draft, field: Field, *, force: bool) -> list[Field]:
    """The formulas that go with a field that leaves; Invalid / IN_USE names them unless `force`."""
    found = readers(draft, field)
    if found and not force:
        message = "the formula {} uses it: say force to let it go as well"
        raise Invalid([Problem(f.name, "IN_USE", message.format(f.name)) for f in found])
    return found
