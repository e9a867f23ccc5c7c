"""Values of every field type over HTTP: what is accepted and what it becomes, what is refused.

Values are JSON as a client writes it, so that numbers and escapes come as they stand. `@first` and
the like stand for ids of records of the test.
"""

import json
from typing import Any

FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("text", {}),
    "short": ("text", {"max_length": 5}),
    "code": ("text", {"pattern": "[A-Z]{2}[0-9]+"}),
    "rich": ("rich_text", {}),
    "number": ("number", {}),
    "whole": ("number", {"integer": True, "min": -5, "max": 100}),
    "large": ("number", {"integer": True}),
    "cents": ("number", {"decimals": 2, "min": 0.5}),
    "decimal": ("decimal", {"precision": 10, "scale": 2}),
    "wide": ("decimal", {"precision": 38, "scale": 10}),
    "flag": ("boolean", {}),
    "day": ("date", {}),
    "instant": ("date_time", {}),
    "choice": ("select", {}),
    "choices": ("multi_select", {}),
    "stars": ("rating", {"max": 10}),
    "money": ("currency", {}),
    "person": ("full_name", {}),
    "mails": ("emails", {}),
    "phones": ("phones", {}),
    "urls": ("links", {}),
    "place": ("address", {}),
    "words": ("array", {}),
    "meta_json": ("json", {}),
    "uuid": ("uuid", {}),
    "one": ("relation", {"targets": ["other"]}),
    "any": ("relation", {"targets": ["other", "third"]}),
    "files": ("file", {"max_files": 2}),
    "actor": ("actor", {}),
    "place_in_list": ("position", {}),
    "serial": ("auto_number", {}),
}


def _money(micros: int, code: str = "EUR") -> dict[str, Any]:
    return {"amount_micros": micros, "currency_code": code}


def _mails(primary: str, *more: str) -> dict[str, Any]:
    return {"primary": primary, "additional": list(more)}


def _phone(number: str, country: str, extension: str | None = None) -> dict[str, Any]:
    one = {"number": number, "country_code": country, "extension": extension}
    return {"primary": one, "additional": []}


def _urls(url: str, label: str | None = None, *more: str) -> dict[str, Any]:
    rest = [{"url": one, "label": None} for one in more]
    return {"primary": {"url": url, "label": label}, "secondary": rest}


def _place(**parts: Any) -> dict[str, Any]:
    names = ("street1", "street2", "city", "postcode", "state", "country", "lat", "lng")
    return {**dict.fromkeys(names), **parts}


_UUID = "0192f3a1-5c3e-7b5a-9d53-2f0c8f1f6b1e"
_DEEP = "[" * 32 + "]" * 32

# (field, what is sent, what is read back)
ACCEPTED: list[tuple[str, str, Any]] = [
    ("text", '"  as given "', "  as given "),
    ("text", '"a\\r\\nb\\rc\\td"', "a\nb\nc\td"),
    ("text", '""', None),
    ("text", json.dumps("x" * 10_000), "x" * 10_000),
    ("text", '"\\u00e9\\ud83d\\ude00"', "é\U0001f600"),
    ("short", json.dumps("\U0001f600" * 5), "\U0001f600" * 5),
    ("code", '"AB12"', "AB12"),
    ("code", '""', None),
    ("rich", '"# hi"', {"markdown": "# hi"}),
    ("rich", '{"markdown": "<script>x</script>"}', {"markdown": "<script>x</script>"}),
    ("rich", '{"markdown": null}', None),
    ("number", "5.0", 5),
    ("number", "1e2", 100),
    ("number", "-0.0", 0),
    ("number", "0.1", 0.1),
    ("whole", "1e1", 10),
    ("large", "9223372036854775807", 9223372036854775807),
    ("large", "-9223372036854775808", -9223372036854775808),
    ("cents", "12.500", 12.5),
    ("decimal", '"12.5"', "12.50"),
    ("decimal", '"12.500"', "12.50"),
    ("decimal", "7", "7.00"),
    ("decimal", "12.5", "12.50"),
    ("decimal", '"-0"', "0.00"),
    ("decimal", '"99999999.99"', "99999999.99"),
    ("wide", f'"{"1" * 28}.0123456789"', f"{'1' * 28}.0123456789"),
    ("flag", "false", False),
    ("day", '"2024-02-29"', "2024-02-29"),
    ("day", '"0001-01-01"', "0001-01-01"),
    ("instant", '"2026-01-31T10:30:00+01:00"', "2026-01-31T09:30:00Z"),
    ("instant", '"2026-01-31 10:30:00.1234567-05:30"', "2026-01-31T16:00:00.123456Z"),
    ("instant", '"2026-01-31t10:30:00.500z"', "2026-01-31T10:30:00.5Z"),
    ("choice", '"a"', "a"),
    ("choices", '["a", "b", "a"]', ["b", "a"]),
    ("choices", "[]", None),
    ("stars", "10", 10),
    ("stars", "5.0", 5),
    ("money", '{"amount": "12.50", "currency_code": "usd"}', _money(12_500_000, "USD")),
    ("money", '{"amount": 12.5, "currency_code": "JPY"}', _money(12_500_000, "JPY")),
    ("money", '{"amount": 1e2, "currency_code": "CHF"}', _money(100_000_000, "CHF")),
    ("money", '{"amount_micros": 5.0, "currency_code": "EUR"}', _money(5)),
    ("money", '{"amount": "-0.000001", "currency_code": "EUR"}', _money(-1)),
    ("money", '{"amount_micros": null, "currency_code": null}', None),
    ("person", '{"first_name": " Ada "}', {"first_name": "Ada", "last_name": None}),
    ("person", '{"first_name": "", "last_name": " "}', None),
    ("mails", '" Ada@EXAMPLE.com "', _mails("ada@example.com")),
    ("mails", '{"additional": ["B@x.org", "b@X.org", "c@x.org"]}', _mails("b@x.org", "c@x.org")),
    ("mails", '"ü@bücher.de"', _mails("ü@xn--bcher-kva.de")),
    ("mails", '"a@x.invalid"', _mails("a@x.invalid")),
    ("phones", '"+49 30 123456"', _phone("+4930123456", "DE")),
    (
        "phones",
        '{"primary": {"number": "030 123456", "country_code": "DE"}}',
        _phone("+4930123456", "DE"),
    ),
    ("phones", '"+1 650 253 0000 ext. 12"', _phone("+16502530000", "US", "12")),
    (
        "phones",
        '{"primary": {"number": "+16135550123", "country_code": "US"}}',
        _phone("+16135550123", "CA"),
    ),
    ("phones", '{"additional": ["+41446681800"]}', _phone("+41446681800", "CH")),
    ("urls", '"acme.com"', _urls("https://acme.com")),
    ("urls", '"HTTP://ACME.com:80/"', _urls("http://acme.com")),
    ("urls", '"https://Bücher.de/Ä?q=%c3#F"', _urls("https://xn--bcher-kva.de/Ä?q=%c3#F")),
    ("urls", '"https://acme.com:443/a"', _urls("https://acme.com/a")),
    (
        "urls",
        '{"primary": {"url": "a.co/x", "label": " L "}, "secondary": ["https://a.co/x", "b.org"]}',
        _urls("https://a.co/x", "L", "https://b.org"),
    ),
    ("place", '{"street1": " 1 Main ", "country": "de"}', _place(street1="1 Main", country="DE")),
    ("place", '{"lat": 90, "lng": -180}', _place(lat=90, lng=-180)),
    ("place", '{"city": " ", "country": ""}', None),
    ("words", '["b", " ", "", "a", "b"]', ["b", "a", "b"]),
    ("meta_json", '{"b": 1, "a": [true, null, 1.50]}', {"b": 1, "a": [True, None, 1.5]}),
    ("meta_json", "{}", {}),
    ("meta_json", "[]", []),
    ("meta_json", '"a\\r\\nb"', "a\r\nb"),
    ("meta_json", _DEEP, json.loads(_DEEP)),
    ("uuid", f'"{_UUID.upper()}"', _UUID),
    ("uuid", f'"{_UUID.replace("-", "")}"', _UUID),
    ("one", '"@first"', "@first"),
    ("one", '{"object": "other", "id": "@first"}', "@first"),
    ("one", '{"match": {"code": "c2"}}', "@second"),
    ("any", '{"object": "third", "id": "@third"}', {"object": "third", "id": "@third"}),
    (
        "any",
        '{"object": "other", "match": {"code": "c1"}}',
        {"object": "other", "id": "@first"},
    ),
    ("place_in_list", "1.5", 1.5),
]

# (field, what is sent, where under the field)
REFUSED: list[tuple[str, str, str]] = [
    ("text", "5", ""),
    ("text", '["a"]', ""),
    ("text", '"a\\u0000"', ""),
    ("text", '"a\\u0085"', ""),
    ("text", json.dumps("x" * 10_001), ""),
    ("short", '"abcdef"', ""),
    ("code", '"AB12 "', ""),
    ("rich", '{"html": "x"}', "/html"),
    ("rich", json.dumps("é" * ((1 << 19) + 1)), ""),
    ("number", '"5"', ""),
    ("number", "1e400", ""),
    ("whole", "5.5", ""),
    ("whole", "101", ""),
    ("large", "9223372036854775808", ""),
    ("cents", "1.234", ""),
    ("decimal", '"1e2"', ""),
    ("decimal", "1.234", ""),
    ("decimal", '"123456789.00"', ""),
    ("decimal", '""', ""),
    ("flag", '"true"', ""),
    ("flag", "0", ""),
    ("day", '"2026-02-30"', ""),
    ("day", '"2026-01-01T00:00:00Z"', ""),
    ("day", '""', ""),
    ("instant", '"2026-01-31T10:30:00"', ""),
    ("instant", "1700000000", ""),
    ("instant", '"2026-01-31T10:30:60Z"', ""),
    ("choice", '"zzz"', ""),
    ("choice", '["a"]', ""),
    ("choices", '["zzz"]', "/0"),
    ("choices", '"a"', ""),
    ("stars", "0", ""),
    ("stars", "2.5", ""),
    ("money", '{"amount_micros": 1}', "/currency_code"),
    ("money", '{"amount_micros": 1, "currency_code": "XXX"}', "/currency_code"),
    ("money", '{"amount": "1.1234567", "currency_code": "EUR"}', "/amount"),
    ("money", '{"amount_micros": 1.5, "currency_code": "EUR"}', "/amount_micros"),
    ("money", '{"amount": 1, "amount_micros": 1, "currency_code": "EUR"}', "/amount"),
    ("person", '{"middle": "x"}', "/middle"),
    ("mails", '"Ada <a@b.co>"', ""),
    ("mails", '"a@localhost"', ""),
    ("mails", '{"additional": ["bad"]}', "/additional/0"),
    ("phones", '"030 123456"', ""),
    (
        "phones",
        '{"primary": {"number": "+4930123456", "country_code": "FR"}}',
        "/primary/country_code",
    ),
    ("urls", '"javascript:alert(1)"', ""),
    ("urls", '"https://u:p@acme.com"', ""),
    ("urls", '"ftp://acme.com"', ""),
    ("urls", '{"primary": {"label": "x"}}', "/primary/url"),
    ("place", '{"country": "ZZ"}', "/country"),
    ("place", '{"lat": 90.0001}', "/lat"),
    ("words", "[1]", "/0"),
    ("words", json.dumps(["x"] * 101), ""),
    ("meta_json", json.dumps("x" * 65_535), ""),
    ("meta_json", f"[{_DEEP}]", "/0" * 32),
    ("meta_json", '{"a": "\\u0000"}', "/a"),
    ("uuid", f'"{{{_UUID}}}"', ""),
    ("one", '"0192f3a1-5c3e-7b5a-9d53-2f0c8f1f6b1e"', ""),
    ("one", '"@gone"', ""),
    ("one", '"@third"', ""),
    ("one", '{"match": {"code": "nope"}}', ""),
    ("any", '"@first"', ""),
    ("any", '{"object": "other", "id": "@third"}', ""),
    ("files", '["0192f3a1-5c3e-7b5a-9d53-2f0c8f1f6b1e"]', "/0"),
    ("actor", '{"kind": "user", "id": "x", "name": "y"}', ""),
    ("serial", "5", ""),
    ("place_in_list", '"middle"', ""),
]
