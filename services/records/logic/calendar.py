"""Work out what a calendar asks: its date fields, its range in the reader's time zone."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from kit.errors import InvalidArgument
from schema.compiled import CompiledObject
from schema.filters.context import EvalContext
from schema.filters.ranges import day_start
from schema.model import Field, FieldType, View

MAX_DAYS = 400
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATES = {FieldType.DATE, FieldType.DATE_TIME}


class Span(NamedTuple):
    """The range as the date fields' canonical values: of moments up to but without `last`, of dates
    with it."""

    first: str
    last: str
    upto: str  # the operator: lt or lte


class Asked(Protocol):
    to: str


def date_fields(
    obj: CompiledObject, view: View | None, start: str, end: str
) -> tuple[Field, Field | None]:
    """Where items begin and, if anywhere, end; the request's names before the view's."""
    begin = obj.field(start) if start else None
    if not start and view is not None:
        begin = obj.fields_by_id.get(view.date_field_id)
    if begin is None or begin.type not in _DATES:
        known = [f.name for f in obj.fields.values() if f.type in _DATES]
        message = f"a calendar takes a date or date_time field: {', '.join(known) or 'none here'}"
        raise InvalidArgument.at("DATE_FIELD_INVALID", "date_field", "NOT_ELIGIBLE", message)
    finish = obj.field(end) if end else None
    if end and (finish is None or finish.type is not begin.type):
        message = f"end_date_field must be another {begin.type} field"
        raise InvalidArgument.at("DATE_FIELD_INVALID", "end_date_field", "NOT_ELIGIBLE", message)
    if not end and not start and view is not None and view.end_date_field_id:
        finish = obj.fields_by_id.get(view.end_date_field_id)
    return begin, finish


def span(start: Field, asked: Asked, context: EvalContext) -> Span:
    """The range asked for; INVALID_ARGUMENT / RANGE_INVALID where it is none, or too long."""
    bounds = [
        _bound(getattr(asked, "from"), "from", start, context),
        _bound(asked.to, "to", start, context),
    ]
    first, past = bounds
    if past <= first:
        raise InvalidArgument.at("RANGE_INVALID", "to", "OUT_OF_RANGE", "to must be after from")
    if _local(past, context) - _local(first, context) > timedelta(days=MAX_DAYS):
        message = f"a calendar shows at most {MAX_DAYS} days"
        raise InvalidArgument.at("RANGE_INVALID", "to", "OUT_OF_RANGE", message)
    if start.type is FieldType.DATE:
        last = _local(past - timedelta(microseconds=1), context)
        days = [_local(first, context).date(), last.date()]
        return Span(days[0].isoformat(), days[1].isoformat(), "lte")
    texts = [b.isoformat().replace("+00:00", "Z") for b in bounds]
    return Span(texts[0], texts[1], "lt")


def _bound(text: str, path: str, field: Field, context: EvalContext) -> datetime:
    try:
        if _DAY.fullmatch(text):
            return day_start(date.fromisoformat(text), context.zone)
        moment = datetime.fromisoformat(text) if "T" in text.upper() or " " in text else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # is refused below
    message = f"{path} must be YYYY-MM-DD, or a moment with an offset"
    raise InvalidArgument.at("RANGE_INVALID", path, f"INVALID_{field.type.upper()}", message)


def _local(moment: datetime, context: EvalContext) -> datetime:
    """What the reader's clock shows then."""
    try:
        return moment.astimezone(context.zone).replace(tzinfo=None)
    except OverflowError:  # on the first or the last day there is
        return moment.replace(tzinfo=None)


def filter_for(start: Field, end: Field | None, within: Span) -> dict[str, Any]:
    """What touches the range: begins in it, or began before and ends in or after it."""
    begins = {start.name: {"gte": within.first, within.upto: within.last}}
    if end is None:
        return begins
    lasts = {start.name: {within.upto: within.last}, end.name: {"gte": within.first}}
    return {"or": [begins, lasts]}
