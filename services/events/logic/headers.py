"""Keep what a subscription's headers hold when whoever changes it can't know it."""

from collections.abc import Callable, Mapping
from typing import Any

from kit import masking
from kit.errors import Violation
from kit.webhooks import is_sealed
from services.events.model import Subscription

_AT = "subscription.headers"


def problems(values: Mapping[str, Any], known: Subscription | None) -> list[Violation]:
    """What can't be kept: where nothing is, or where it would go to another server."""
    stored = known.headers if known else {}
    given = values.get("headers", masking.masked(stored))
    wanted = [name for name, value in given.items() if value == masking.MASK]
    names = {name.lower() for name in stored}
    moved = known is not None and "url" in values and _moves(known.url, values["url"])
    return [
        Violation(
            f"{_AT}.{name}",
            "HEADER_MASKED",
            masking.LEADS_ELSEWHERE if name.lower() in names else masking.NOTHING_KEPT,
        )
        for name in wanted
        if moved or name.lower() not in names
    ]


def kept(values: Mapping[str, Any], present: Subscription) -> dict[str, Any]:
    """The changes, with the values that stay."""
    if "headers" not in values:
        return dict(values)
    return {**values, "headers": masking.kept(values["headers"], present.headers)}


def has_open(stored: Mapping[str, str]) -> bool:
    """Whether a value stands in the clear, as all did before they were sealed."""
    return not all(map(is_sealed, stored.values()))


def shut(stored: Mapping[str, str], seal: Callable[[str], str]) -> dict[str, str]:
    """Those that stand in the clear sealed, the others as they are."""
    return {name: text if is_sealed(text) else seal(text) for name, text in stored.items()}


def _moves(old: str, new: str) -> bool:
    return masking.server_of(old) != masking.server_of(new)
