"""Check the cases of a switch: what its value is never, and what another case takes before."""

from collections.abc import Sequence
from typing import Any

from schema.model import FieldType
from schema.problems import Invalid, Problem
from schema.values.write import patch
from services.automation.logic import literals, names, references


def check(value: Any, cases: Sequence[Any], known: names.Known, path: str) -> list[Problem]:
    """Everything wrong with what a switch compares its value with. Two cases are the same where a
    run takes them to be; what templates and formulas become, only a run knows."""
    field = references.field_of(value, known.object)
    options = field if field is not None and field.type is FieldType.SELECT else None
    problems: list[Problem] = []
    before: list[Any] = []
    for i, case in enumerate(cases):
        at = f"{path}.{i}.equals"
        problems += literals.check_names(case, known, at)
        if not literals.is_literal(case):
            continue
        if case in before:
            message = "an earlier case is the same, and is taken instead"
            problems.append(Problem(at, "DUPLICATE", message))
        elif options is not None and case is not None:
            try:
                patch(options, None, case, at)
            except Invalid as invalid:
                problems += invalid.problems
        before.append(case)
    return problems
