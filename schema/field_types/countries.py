"""ISO 3166 alpha-2 country codes, with a hint for those who write a name or an old code."""

from functools import lru_cache

from babel import Locale
from babel.core import get_global

from schema.field_types.refusals import did_you_mean, shown
from schema.problems import refuse

# Two-letter territories of CLDR that ISO 3166 has not assigned to a country. Kosovo (XK) is
# user-assigned too, but stays: people live there, and phone numbers belong to it.
_NOT_COUNTRIES = frozenset(
    {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
)


@lru_cache(maxsize=1)
def codes() -> frozenset[str]:
    territories = {str(code) for code in Locale("en").territories}
    return frozenset(code for code in territories if len(code) == 2) - _NOT_COUNTRIES


@lru_cache(maxsize=1)
def _codes_by_name() -> dict[str, str]:
    names = {name.casefold(): code for code, name in Locale("en").territories.items()}
    aliases = {old.casefold(): new[0] for old, new in get_global("territory_aliases").items()}
    return {name: code for name, code in {**aliases, **names}.items() if code in codes()}


def country(raw: str, path: str) -> str:
    """The upper-case code of a country, in any case."""
    code = raw.upper()
    if raw.isascii() and code in codes():
        return code
    message = f"must be a country code of ISO 3166 (two letters), not {shown(raw)}"
    if meant := _codes_by_name().get(raw.casefold()):
        hint = f"; did you mean {meant!r}?"
    else:
        hint = did_you_mean(code, sorted(codes()))
    raise refuse(path, "UNKNOWN_COUNTRY", message + hint)
