"""Write a primary and the rest: promotion, duplicates, `$add` and `$remove`, for three types."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from schema.field_types.base import Write
from schema.field_types.lists import changes, is_change, items, too_many
from schema.field_types.refusals import Problems, check_parts, wrong_type

MAX_CONTACTS = 10

Merge = Callable[[Any, dict[str, object], str], Any]


@dataclass(frozen=True, slots=True)
class Contact:
    """What differs between e-mails, phones and links."""

    rest: str  # the name of the list beside `primary`
    item: Callable[[object, str], Any]  # one canonical element, None where it is empty
    identity: Callable[[Any], Hashable]  # equal elements are duplicates
    wanted: str
    merge: Merge | None = None  # an object sent for `primary`, over the old one


def compile_contacts(contact: Contact) -> Write:
    """A write of `{"primary", <rest>: [...]}`; a lone string stands for the primary."""
    parts = ("primary", contact.rest)

    def write(old: dict[str, Any] | None, raw: object, path: str) -> dict[str, Any] | None:
        old_primary, old_rest = (old["primary"], old[contact.rest]) if old else (None, [])
        if isinstance(raw, str):
            return assemble(contact, contact.item(raw, path), old_rest, path)
        if not isinstance(raw, dict):
            raise wrong_type(path, contact.wanted, raw)
        if is_change(raw):
            everything = [old_primary, *old_rest] if old else []
            return assemble(contact, None, _changed(contact, everything, raw, path), path)
        problems = Problems()
        primary, rest = old_primary, old_rest
        with problems.collect():
            check_parts(path, raw, parts)
        if "primary" in raw:
            with problems.collect():
                primary = _primary(contact, old_primary, raw["primary"], f"{path}.primary")
        if contact.rest in raw:
            with problems.collect():
                rest = _rest(contact, old_rest, raw[contact.rest], f"{path}.{contact.rest}")
        problems.raise_any()
        return assemble(contact, primary, rest, path)

    return write


def assemble(contact: Contact, primary: Any, rest: list[Any], path: str) -> dict[str, Any] | None:
    """Primary first, the first of the rest in its place where there is none, no duplicates."""
    found: dict[Hashable, Any] = {}
    for one in (primary, *rest):
        if one is not None:
            found.setdefault(contact.identity(one), one)
    values = list(found.values())
    if not values:
        return None
    if len(values) > MAX_CONTACTS:
        raise too_many(path, MAX_CONTACTS, len(values))
    return {"primary": values[0], contact.rest: values[1:]}


def _primary(contact: Contact, old: Any, raw: object, path: str) -> Any:
    if raw is None:
        return None
    if contact.merge and isinstance(raw, dict):
        return contact.merge(old, raw, path)
    return contact.item(raw, path)


def _rest(contact: Contact, old: list[Any], raw: object, path: str) -> list[Any]:
    if raw is None:
        return []
    if isinstance(raw, dict) and is_change(raw):
        return _changed(contact, old, raw, path)
    return items(raw, path, contact.item, "a list")


def _changed(contact: Contact, old: list[Any], raw: dict[str, object], path: str) -> list[Any]:
    removed, added = changes(raw, path, contact.item, "a list")
    gone = {contact.identity(one) for one in removed if one is not None}
    return [one for one in old if contact.identity(one) not in gone] + added
