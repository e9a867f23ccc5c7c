"""What definitions cost: the time to compile a snapshot, and the memory that one takes."""

import time
import tracemalloc
from collections.abc import Callable

import pytest

from schema.compiled import Workspace
from schema.jsonio import dumps
from schema.model import Field, FieldType, Object, Option, Snapshot

OBJECTS, FIELDS = 30, 10
_TYPES = (FieldType.TEXT, FieldType.NUMBER, FieldType.SELECT, FieldType.DATE, FieldType.CURRENCY)


def a_snapshot() -> bytes:
    """30 objects of 10 fields, each select with 8 options."""
    options = tuple(Option(f"o{n}", f"v{n}", f"Value {n}", "gray", n) for n in range(8))
    objects = tuple(
        Object(
            id=f"object-{o}",
            name=f"object_{o}",
            plural_name=f"objects_{o}",
            fields=tuple(
                Field(
                    id=f"field-{o}-{n}",
                    object_id=f"object-{o}",
                    name=f"field_{n}",
                    type=_TYPES[n % len(_TYPES)],
                    options=options if _TYPES[n % len(_TYPES)] is FieldType.SELECT else (),
                    position=n,
                )
                for n in range(FIELDS)
            ),
        )
        for o in range(OBJECTS)
    )
    return dumps(Snapshot("w", 1, objects))


def best(action: Callable[[], object], rounds: int = 20) -> float:
    """The best of several times, in milliseconds."""
    found = []
    for _ in range(rounds):
        begun = time.perf_counter()
        action()
        found.append(time.perf_counter() - begun)
    return min(found) * 1000


@pytest.mark.bench
def test_a_snapshot_of_300_fields(capsys: pytest.CaptureFixture[str]) -> None:
    document = a_snapshot()

    def compiled() -> Workspace:
        found = Workspace.from_json(document)
        for obj in found.objects.values():
            assert len(obj.codecs) == FIELDS
        return found

    milliseconds = best(compiled)
    tracemalloc.start()
    held = [compiled() for _ in range(20)]
    size = tracemalloc.get_traced_memory()[0] / len(held)
    tracemalloc.stop()
    with capsys.disabled():
        print(
            f"\n{OBJECTS} objects, {OBJECTS * FIELDS} fields: {len(document):,} bytes of JSON,"
            f" compiled in {milliseconds:.2f} ms, {size:,.0f} bytes held"
            f" ({size / len(document):.1f} times the JSON)"
        )
