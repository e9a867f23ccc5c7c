"""Make labels, plurals and free names from API names, and keep those that mean something else."""

from collections.abc import Collection

NODE_KINDS = ("note", "todo", "file")
RESERVED_OBJECTS = frozenset({*NODE_KINDS, *(f"{kind}s" for kind in NODE_KINDS)})


def label_of(name: str) -> str:
    """`close_date` reads "Close date"."""
    return name.replace("_", " ").strip().capitalize()


def plural_of(name: str) -> str:
    return f"{name}s"


def free_name(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or with the first number from 2 that makes it free."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}_{number}" in taken:
        number += 1
    return f"{wanted}_{number}"
