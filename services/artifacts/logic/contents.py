"""Know a file's type by its content, and name it safely in a header."""

import re
import unicodedata
from urllib.parse import quote

import puremagic

INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"})
HEAD = 8192  # bytes that decide the type
_UNKNOWN = "application/octet-stream"
_MARKUP = re.compile(rb"<\s*(!doctype\s+html|html|svg|script|\?xml)", re.IGNORECASE)
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")


def sniffed(head: bytes, name: str, declared: str) -> str:
    """The type that the first bytes tell; for plain text, the declared one if it is a text too."""
    if not head:
        return declared if is_type(declared) else _UNKNOWN
    text = _is_text(head)
    if not text:
        try:
            found = puremagic.from_string(head, mime=True, filename=name).lower()
        except (puremagic.PureError, ValueError):
            return _UNKNOWN
        return found if is_type(found) and not found.startswith("text/") else _UNKNOWN
    if _MARKUP.search(head[:1024]):
        return declared if declared in {"image/svg+xml", "application/xml"} else "text/html"
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if declared.startswith("text/") or declared in {"application/json", "application/x-ndjson"}:
        return declared
    return "text/plain"


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    for cut in range(4):  # a character may be cut at the end
        try:
            head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
        return not head.startswith(b"%PDF-")
    return False


def is_type(text: str) -> bool:
    return _TYPE.fullmatch(text) is not None


def disposition(name: str, content_type: str) -> str:
    """Content-Disposition with the name in both forms (RFC 6266, RFC 5987)."""
    way = "inline" if content_type in INLINE else "attachment"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()\-]", "_", plain).strip(" .") or "file"
    return f"{way}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
