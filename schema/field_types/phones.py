"""Canonical telephone numbers: E.164, the country libphonenumber gives, the extension apart."""

import re
from collections.abc import Mapping
from typing import Any

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from schema.field_types import countries
from schema.field_types.base import Write
from schema.field_types.contacts import Contact, compile_contacts
from schema.field_types.refusals import check_parts, shown, wrong_type
from schema.field_types.text import stripped
from schema.model import Field
from schema.problems import refuse

_PARTS = ("number", "country_code", "extension")
_NOT_GEOGRAPHIC = "001"
# Digits and what people write between them, and an extension: libphonenumber alone would also
# find a number inside a sentence, or spell letters as digits.
_WRITTEN = re.compile(
    r"[+\uff0b]?[0-9 \u00a0()./\u2010-\u2015-]{2,40}"
    r"(?:(?:;ext=|extension|ext\.?|x|#) ?[0-9]{1,20})?",
    re.ASCII | re.IGNORECASE,
)
_EXTENSION = re.compile(r"[0-9]{1,20}", re.ASCII)


def phone(raw: object, path: str) -> dict[str, str | None] | None:
    """One number with its country, from an international string or an object of parts."""
    if isinstance(raw, str):
        text = stripped(raw, path)
        return _canonical(text, None, None, path, path) if text else None
    if not isinstance(raw, dict):
        raise wrong_type(path, 'a number in international form, or {"number", "country_code"}', raw)
    check_parts(path, raw, _PARTS)
    number, country, extension = (_text(raw, part, path) for part in _PARTS)
    if number is None:
        if country or extension:
            raise refuse(f"{path}.number", "REQUIRED", "a country or extension needs a number")
        return None
    if country is not None:
        country = countries.country(country, f"{path}.country_code")
    return _canonical(number, country, extension, path, f"{path}.number")


def _merge(old: dict[str, Any] | None, raw: dict[str, object], path: str) -> Any:
    """Parts over the old parts; a new number brings its own extension, and its own country
    where it says one."""
    if old is None:
        return phone(raw, path)
    if "number" not in raw:
        return phone({**old, **raw}, path)
    number = raw["number"]
    international = isinstance(number, str) and number.strip().startswith(("+", "\uff0b"))
    if not international and number and "country_code" not in raw:
        return phone({"country_code": old["country_code"], **raw}, path)
    return phone(raw, path)


def _text(raw: Mapping[str, object], part: str, path: str) -> str | None:
    value = raw.get(part)
    return None if value is None else stripped(value, f"{path}.{part}") or None


def _canonical(
    number: str, country: str | None, extension: str | None, path: str, number_path: str
) -> dict[str, str | None]:
    parsed = _parsed(number, country)
    if parsed is None:
        message = f"must be a possible number such as '+4930123456', not {shown(number)}"
        if country is None:
            message += "; a number without + needs country_code"
        raise refuse(number_path, "INVALID_PHONE", message)
    calling_code = parsed.country_code or 0
    if country and phonenumbers.country_code_for_region(country) != calling_code:
        message = f"the number has the calling code +{calling_code}, which {country} does not use"
        raise refuse(f"{path}.country_code", "COUNTRY_MISMATCH", message)
    if extension is not None:
        if not _EXTENSION.fullmatch(extension) or parsed.extension not in (None, extension):
            message = "must be up to 20 digits, and the same as in the number"
            raise refuse(f"{path}.extension", "INVALID_PHONE", message)
        parsed.extension = extension
    region = phonenumbers.region_code_for_number(parsed) or country
    region = region or phonenumbers.region_code_for_country_code(calling_code)
    return {
        "number": phonenumbers.format_number(parsed, PhoneNumberFormat.E164),
        "country_code": None if region == _NOT_GEOGRAPHIC else region,
        "extension": parsed.extension or None,
    }


def _parsed(number: str, country: str | None) -> PhoneNumber | None:
    if not _WRITTEN.fullmatch(number):
        return None
    try:
        parsed = phonenumbers.parse(number, country)
    except NumberParseException:
        return None
    return parsed if phonenumbers.is_possible_number(parsed) else None


def compile_phones(_field: Field, _settings: Mapping[str, Any]) -> Write:
    return compile_contacts(
        Contact(
            rest="additional",
            item=phone,
            identity=lambda value: (value["number"], value["extension"]),
            wanted='a number in international form, or {"primary", "additional": []}',
            merge=_merge,
        )
    )
