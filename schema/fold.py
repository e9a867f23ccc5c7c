"""Fold text, so that case and accents matter neither to search nor to order."""

import unicodedata


def fold(text: str) -> str:
    """Compatibility-decomposed, without combining marks, casefolded; folding twice changes nothing.

    It is stored beside the exact text, and Postgres compares it by code point (`COLLATE "C"`), so
    SQL and Python order by the very same bytes.
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    if not decomposed.isascii():
        decomposed = "".join([c for c in decomposed if not unicodedata.combining(c)])
    return decomposed.casefold()
