"""Write JSON bodies into protobuf messages: strict kinds, every problem at once, numbers untouched.

A message's fields are the body's members under their own names; `bytes x_json` is the member `x`,
whose JSON text is passed on as it stands, so that no number goes through a double here. Writers are
compiled once per route.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway.errors import Refused, json_pointer
from kit.errors import Violation
from schema import jsonio
from schema.problems import Invalid, nearest

Problems: TypeAlias = list[Violation]
# Writes one member's raw JSON into a message; `at` is the pointer of the member.
Writer: TypeAlias = Callable[[Any, msgspec.Raw, str, Problems], None]
Members: TypeAlias = Mapping[str, Writer]

_F = FieldDescriptor
_INTEGERS = {
    _F.TYPE_INT32: (-(2**31), 2**31 - 1),
    _F.TYPE_INT64: (-(2**63), 2**63 - 1),
}
_MAX_PROBLEMS = 100
_MAX_ITEMS = 10_000
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

_KEY = re.compile(rb'[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*')
_END = re.compile(rb"\s*}")
_DUPLICATE = "DUPLICATE_KEY"

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)
_integer = msgspec.json.Decoder(int)
_number = msgspec.json.Decoder(float)
_boolean = msgspec.json.Decoder(bool)
_texts = msgspec.json.Decoder(dict[str, str])


# Messages that may come as one text, and the member that the text is.
_SHORT_FORMS = {"armature.metadata.v1.Option": "value"}


def member_name(field: FieldDescriptor) -> str:
    """What JSON calls the field."""
    return str(field.name).removesuffix("_json") if is_document(field) else str(field.name)


def is_document(field: FieldDescriptor) -> bool:
    """Whether it carries JSON that this process does not look into."""
    return field.type == _F.TYPE_BYTES and field.name.endswith("_json")


def kind_of(field: FieldDescriptor) -> Descriptor:
    """The type of a field that holds messages."""
    assert field.message_type is not None
    return field.message_type


def choices_of(field: FieldDescriptor) -> EnumDescriptor:
    assert field.enum_type is not None
    return field.enum_type


def is_list(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated) and not is_map(field)


def is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and bool(kind.GetOptions().map_entry)


def read_object(body: bytes) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, each as it stands; 400 when it is not JSON, 422 when it is
    no object."""
    try:
        if not body.isascii():
            body.decode()
        return _object.decode(body)
    except msgspec.ValidationError:
        raise _refused([Violation("", "WRONG_TYPE", "the body must be a JSON object")]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise _malformed(body, exc) from None


def fill(message: Any, body: bytes, members: Members) -> list[str]:
    """Write the body's members into the message; the names that were given. All problems come
    together as 422 / BODY_INVALID; 400 / BODY_MALFORMED where a member is given twice."""
    given = read_object(body)
    problems: Problems = []
    if name := given_twice(body, given):
        problems.append(_twice(name, ""))
    for name, raw in given.items():
        writer = members.get(name)
        if writer is None:
            problems.append(_unknown(name, members, ""))
        else:
            writer(message, raw, "/" + name, problems)
    if problems:
        raise _refused(problems)
    return list(given)


def given_twice(text: bytes, given: Mapping[str, msgspec.Raw]) -> str:
    """A member that stands twice in the object of which only the last was read; empty for none.

    Most texts are too short for one member more than was read: then nothing is looked at again."""
    least, shortest = 1, len(text)
    for name, raw in given.items():
        size = len(name) + 4
        least += size + memoryview(raw).nbytes
        shortest = min(shortest, size)
    if len(text) - least <= shortest:
        return ""
    at = text.index(b"{") + 1
    seen: set[str] = set()
    while key := _KEY.match(text, at):
        name = _text.decode(key[1])
        value = memoryview(given[name])
        at = key.end()
        if name in seen or text[at : at + value.nbytes] != value:
            return name
        seen.add(name)
        at += value.nbytes
    return "" if _END.match(text, at) else name


def _twice(name: str, at: str) -> Violation:
    return Violation(at + json_pointer([name[:100]]), _DUPLICATE, "must not be given twice")


def members(descriptor: Descriptor, names: Iterable[str] | None = None) -> dict[str, Writer]:
    """Writers of the message's fields: those named, or all."""
    known = {member_name(f): f for f in descriptor.fields}
    chosen = list(known) if names is None else list(names)
    return {name: writer(known[name]) for name in chosen}


def within(field: str, inner: Writer) -> Writer:
    """A writer of a member that stands deeper in the message than in the body."""

    def write(message: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
        inner(getattr(message, field), raw, at, problems)

    return write


def writer(field: FieldDescriptor) -> Writer:
    """The writer of one field; null leaves it as it is: empty."""
    name = field.name
    if is_map(field):
        return _optional(_map_writer(name))
    if field.is_repeated:
        return _optional(_list_writer(field))
    if is_document(field):
        return _optional(_document_writer(name))
    if field.type == _F.TYPE_MESSAGE:
        return _optional(_message_writer(field))
    return _optional(_scalar_writer(name, _reader(field)))


def _optional(inner: Writer) -> Writer:
    def write(message: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
        if not is_null(raw):
            inner(message, raw, at, problems)

    return write


def is_null(raw: msgspec.Raw) -> bool:
    view = memoryview(raw)
    return view.nbytes == 4 and bytes(view) == b"null"


def _scalar_writer(name: str, read: Callable[[msgspec.Raw], Any]) -> Writer:
    def write(message: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
        try:
            setattr(message, name, read(raw))
        except ValueError as exc:
            problems.append(_wrong(at, exc))

    return write


def _document_writer(name: str) -> Writer:
    def write(message: Any, raw: msgspec.Raw, _at: str, _problems: Problems) -> None:
        setattr(message, name, bytes(raw))

    return write


def object_writer(name: str) -> Writer:
    """For documents that must be JSON objects: what a record's fields are."""

    def write(message: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
        document = bytes(raw)
        if document[:1] != b"{":
            problems.append(Violation(at, "WRONG_TYPE", "must be a JSON object"))
        else:
            setattr(message, name, document)

    return write


def comma_writer(name: str) -> Writer:
    """For comma-separated names, which may come as a list as well."""

    def write(message: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
        try:
            if bytes(raw)[:1] != b"[":
                setattr(message, name, read_text(raw))
                return
            setattr(message, name, ",".join(read_text(one) for one in _list.decode(raw)))
        except ValueError as exc:
            problems.append(_wrong(at, exc, "must be a text, or a list of texts"))

    return _optional(write)


def _message_writer(field: FieldDescriptor) -> Writer:
    name, kind = field.name, kind_of(field)
    if kind.full_name == "google.protobuf.Timestamp":
        return _time_writer(name)
    inner: dict[str, Writer] = {}

    def write(message: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
        if not inner:
            inner.update(members(kind))
        target = getattr(message, name)
        target.SetInParent()
        _fill_at(target, raw, inner, at, problems)

    return write


def _time_writer(name: str) -> Writer:
    def write(message: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
        try:
            getattr(message, name).FromDatetime(read_time(read_text(raw)))
        except ValueError as exc:
            problems.append(_wrong(at, exc))

    return write


def _list_writer(field: FieldDescriptor) -> Writer:
    name = field.name
    if field.type == _F.TYPE_MESSAGE:
        kind = kind_of(field)
        inner: dict[str, Writer] = {}

        def add(target: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
            if not inner:
                inner.update(members(kind))
            short = _SHORT_FORMS.get(kind.full_name)
            if short is not None and bytes(raw)[:1] == b'"':
                inner[short](target.add(), raw, at, problems)
            else:
                _fill_at(target.add(), raw, inner, at, problems)

    else:
        read = _reader(field)

        def add(target: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
            try:
                target.append(read(raw))
            except ValueError as exc:
                problems.append(_wrong(at, exc))

    return list_of(name, add)


def list_of(name: str, add: Writer) -> Writer:
    """A writer of a repeated field, whose items `add` adds to it one by one."""

    def write(message: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
        try:
            items = _list.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            problems.append(Violation(at, "WRONG_TYPE", "must be a list"))
            return
        if len(items) > _MAX_ITEMS:
            more = f"has {len(items)} items, more than {_MAX_ITEMS}"
            problems.append(Violation(at, "TOO_MANY", more))
            return
        target = getattr(message, name)
        for number, item in enumerate(items):
            add(target, item, f"{at}/{number}", problems)

    return write


def add_message(inner: Members) -> Writer:
    """Adds an item that is a message with those members; for `list_of`."""

    def add(target: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
        _fill_at(target.add(), raw, inner, at, problems)

    return add


def _map_writer(name: str) -> Writer:
    def write(message: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
        try:
            found = _texts.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            problems.append(Violation(at, "WRONG_TYPE", "must be an object of texts"))
            return
        for key, value in found.items():
            if "\0" in key or "\0" in value:
                problems.append(Violation(at, "CONTROL_CHARACTER", "must not hold NUL"))
                return
        getattr(message, name).update(found)

    return write


def _fill_at(message: Any, raw: msgspec.Raw, inner: Members, at: str, problems: Problems) -> None:
    try:
        given = _object.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        problems.append(Violation(at, "WRONG_TYPE", "must be an object"))
        return
    if name := given_twice(bytes(raw), given):
        problems.append(_twice(name, at))
    for name, value in given.items():
        write = inner.get(name)
        if write is None:
            problems.append(_unknown(name, inner, at))
        else:
            write(message, value, f"{at}/{name}", problems)


def _reader(field: FieldDescriptor) -> Callable[[msgspec.Raw], Any]:
    """What reads one scalar; it raises ValueError with a sentence."""
    if field.type == _F.TYPE_STRING:
        return read_text
    if field.type == _F.TYPE_BOOL:
        return _typed(_boolean, "must be true or false")
    if field.type in _INTEGERS:
        return _integer_reader(*_INTEGERS[field.type])
    if field.type == _F.TYPE_DOUBLE:
        return _typed(_number, "must be a number")
    if field.type == _F.TYPE_ENUM:
        return _enum_reader(choices_of(field))
    if field.type == _F.TYPE_BYTES:
        return _read_base64
    raise NotImplementedError(f"{field.full_name} is of a type that no body has")


def read_text(raw: msgspec.Raw) -> str:
    try:
        text = _text.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError("must be a text") from None
    if "\0" in text:
        raise ValueError("must not hold the character NUL")
    return text


def _typed(decoder: "msgspec.json.Decoder[Any]", message: str) -> Callable[[msgspec.Raw], Any]:
    def read(raw: msgspec.Raw) -> Any:
        try:
            return decoder.decode(raw)
        except msgspec.DecodeError:
            raise ValueError(message) from None

    return read


def _integer_reader(least: int, most: int) -> Callable[[msgspec.Raw], int]:
    message = f"must be a whole number between {least} and {most}"

    def read(raw: msgspec.Raw) -> int:
        try:
            value = _integer.decode(raw)
        except msgspec.DecodeError:
            raise ValueError(message) from None
        if not least <= value <= most:
            raise ValueError(message)
        return value

    return read


def enum_values(kind: EnumDescriptor) -> dict[str, int]:
    """The values by their name in JSON: lower case, without the prefix; not the unspecified."""
    prefix = kind.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return {v.name.removeprefix(prefix).lower(): v.number for v in kind.values if v.number}


def _enum_reader(kind: EnumDescriptor) -> Callable[[msgspec.Raw], int]:
    values = enum_values(kind)
    message = f"must be one of {', '.join(values)}"

    def read(raw: msgspec.Raw) -> int:
        found = values.get(read_text(raw))
        if found is None:
            raise ValueError(message)
        return found

    return read


def _read_base64(raw: msgspec.Raw) -> bytes:
    try:
        return base64.b64decode(read_text(raw), validate=True)
    except binascii.Error:
        raise ValueError("must be base64") from None


def read_time(text: str) -> datetime:
    """The moment that an RFC 3339 text names; ValueError for others."""
    if _RFC_3339.fullmatch(text):
        try:
            found = datetime.fromisoformat(_micros(text.upper()))
            if 1 < found.year < 9999:
                return found
        except ValueError:
            pass
    raise ValueError("must be a time by RFC 3339, such as 2026-11-20T09:30:00Z")


def _micros(text: str) -> str:
    """With no more digits of a second than a datetime holds."""
    return re.sub(r"(\.\d{6})\d+", r"\1", text)


def _wrong(at: str, exc: ValueError, message: str = "") -> Violation:
    return Violation(at, "WRONG_TYPE", message or str(exc))


def _unknown(name: str, known: Iterable[str], at: str) -> Violation:
    shown = name if len(name) <= 100 else name[:100] + "…"
    hint = nearest(name[:100], known)
    message = f"there is no member {shown!r} here{hint}"
    return Violation(at + json_pointer([shown]), "UNKNOWN_MEMBER", message)


def _refused(problems: Problems) -> Refused:
    first = problems[0]
    where = f"{first.path}: " if first.path else ""
    twice = any(one.code == _DUPLICATE for one in problems)
    status, reason = (400, "BODY_MALFORMED") if twice else (422, "BODY_INVALID")
    return Refused(status, reason, where + first.message, violations=problems[:_MAX_PROBLEMS])


def _malformed(body: bytes, cause: Exception) -> Refused:
    """The reader that explains, for a body that the fast one refused."""
    message, violations = str(cause), []
    try:
        jsonio.loads_exact(body)
    except Invalid as exc:
        message = str(exc).lstrip(": ")
        violations = [
            Violation(json_pointer(p.path.split(".")) if p.path else "", p.code, p.message)
            for p in exc.problems
        ]
    return Refused(400, "BODY_MALFORMED", f"the body {message}", violations=violations)
