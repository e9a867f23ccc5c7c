"""Look a feature flag up: what is on for the caller, no more than a second old, without a call.

`if flags.value(caller, "new_board", False): ...`; flags come with whom the credential stands for.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec

from kit.caller import Caller

T = TypeVar("T")


@lru_cache(maxsize=4096)
def _decoded(document: bytes) -> Mapping[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(document)
    return found


def value(caller: Caller, key: str, default: T) -> T:
    """The flag's value for the caller; `default` where there is none, where the rollout leaves the
    caller out, and where the value is of another type than the default."""
    if not caller.flags:
        return default
    found = _decoded(caller.flags).get(key, default)
    return cast("T", found) if _is_like(found, default) else default


def _is_like(found: object, default: object) -> bool:
    """Whether they are of one type, as JSON has them; nothing is like anything."""
    if default is None:
        return True
    if isinstance(default, bool) or isinstance(found, bool):
        return type(found) is type(default)
    if isinstance(default, int | float):
        return isinstance(found, int | float)
    return isinstance(found, type(default))
