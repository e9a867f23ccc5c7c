"""Say what of a document can be searched: words of its texts, trigrams of those that are indexed.

Words are runs of letters and digits of a text's fold; each is kept as a lexeme led by a tag of its
workspace and field, so that one index serves all tenants, and a field that a caller may not see is
simply not asked for. Trigrams are kept as one integer each: the tag above, a checksum below. Both
may say too much, never too little; what matters is checked again on the document.

Words are kept of every field whose type can be searched: whether a field *is* searchable decides
what is asked, so that a change of mind needs no rebuild. So are those of inactive fields.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID
from zlib import crc32

from schema.compiled import CompiledObject
from schema.field_types import FIELD_TYPES, Kind
from schema.fold import fold
from schema.model import Field, FieldType
from services.records.logic.documents import slot_of

MAX_WORD = 64  # of a word, the beginning counts
MAX_WORDS = 1000  # of a field, the first count
MAX_GRAMMED = 1000  # of a text, in code points; a longer one is always looked at
LONG = 0  # stands for a text that was too long to cut

WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index holds of a record."""

    vector: str  # as Postgres writes a tsvector
    grams: list[int]


@lru_cache(maxsize=100_000)
def tag_of(workspace_id: str, field_id: str, part: str = "") -> int:
    """32 bits that tell fields of all workspaces apart, nearly always; SQL does the same."""
    text = f"{workspace_id}:{slot_of(field_id, part)}"
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16)


def words(text: str) -> list[str]:
    """The words of a text, folded, in order."""
    return [w[:MAX_WORD] for w in WORD.findall(fold(text))]


def is_searchable(field: Field) -> bool:
    """Whether its words are asked for."""
    return field.searchable and FIELD_TYPES[field.type].searchable


def has_grams(field: Field) -> bool:
    """Whether texts of the field, or parts of it, are cut into trigrams."""
    spec = FIELD_TYPES[field.type]
    if not field.indexed or not spec.indexable:
        return False
    if spec.parts:
        return Kind.TEXT in spec.parts.values()
    return field.type in {FieldType.TEXT, FieldType.FORMULA}


def matters(field: Field) -> bool:
    """Whether the index holds anything of the field."""
    return FIELD_TYPES[field.type].searchable or has_grams(field)


class _Plan(NamedTuple):
    """What to keep of a field: nothing depends on the document."""

    key: str
    field: Field
    tag: str  # of its lexemes; empty where it has none
    weight: str
    grams: bool
    leads: dict[str, int]  # of its trigrams, by part, as they become known


def _plans(workspace: str, obj: CompiledObject) -> list[_Plan]:
    def plans() -> list[_Plan]:
        found = []
        for field in obj.definition.fields:
            searchable, grams = FIELD_TYPES[field.type].searchable, has_grams(field)
            if searchable or grams:
                tag = f"{tag_of(workspace, field.id):08x}" if searchable else ""
                weight = weight_of(obj, field)
                found.append(_Plan(field.key or field.name, field, tag, weight, grams, {}))
        return found

    found: list[_Plan] = obj.derived("search", plans)
    return found


def entry(workspace_id: UUID, obj: CompiledObject, doc: Mapping[str, Any]) -> Entry:
    """What to keep of a document; `obj` with every field that it may have a value of."""
    lexemes: list[str] = []
    grams: set[int] = set()
    place = 0
    workspace = str(workspace_id)
    for key, field, tag, weight, has_some, leads in _plans(workspace, obj):
        value = doc.get(key)
        if value is None:
            continue
        if tag:
            found: dict[str, int] = {}
            for text in texts(field, value):
                for word in words(text)[:MAX_WORDS]:
                    place += 1
                    found.setdefault(word, place)
            lexemes += [f"'{tag}{w}':{min(at, 16383)}{weight}" for w, at in found.items()]
        if has_some:
            for part, text in _parts(field, value):
                lead = leads.get(part)
                if lead is None:
                    bits = tag_of(workspace, field.index_id, part)
                    lead = leads[part] = (bits - (bits >> 31 << 32)) << 32  # as an int8 has it
                grams.update([lead | low for low in cut(fold(text))])
    return Entry(" ".join(lexemes), list(grams))


def weight_of(obj: CompiledObject, field: Field) -> str:
    """A for the label, B for names and addresses of people, C for other texts, D for prose."""
    if field.name == obj.definition.label_field:
        return "A"
    if field.type in {FieldType.FULL_NAME, FieldType.EMAILS, FieldType.PHONES, FieldType.LINKS}:
        return "B"
    return "D" if field.type is FieldType.RICH_TEXT else "C"


def texts(field: Field, value: Any) -> Iterator[str]:
    """Every text within a value, lists included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from texts(field, one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(field, one)


def _parts(field: Field, value: Any) -> Iterator[tuple[str, str]]:
    """(part, text) of each text that conditions can name; the part is "" for the whole."""
    if isinstance(value, str):
        yield "", value
        return
    for part, kind in FIELD_TYPES[field.type].parts.items():
        if kind is not Kind.TEXT:
            continue
        found = value
        for step in part.split("."):
            found = found.get(step) if found is not None else None
        if isinstance(found, str):
            yield part, found


def cut(folded: str) -> Iterable[int]:
    """The checksums of a fold's trigrams; LONG alone where there would be too many."""
    if len(folded) > MAX_GRAMMED:
        return (LONG,)
    data = folded.encode("utf-32-le", "surrogatepass")
    return [crc32(data[at : at + 12]) for at in range(0, len(data) - 8, 4)]
