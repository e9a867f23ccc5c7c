"""Hold a request to the rules of its contract (`buf.validate` annotations), all of them at once."""

from typing import Final

import protovalidate
from google.protobuf.message import Message

from kit.errors import InvalidArgument, Violation

# Reasons that clients know from before the rules stood in the contracts.
_REASONS: Final = {
    "page_size": "PAGE_SIZE_INVALID",
    "page_token": "PAGE_TOKEN_INVALID",
    "request_id": "REQUEST_ID_INVALID",
    "etag": "ETAG_INVALID",
}
_CODES: Final = {
    "gte": "OUT_OF_RANGE",
    "lte": "OUT_OF_RANGE",
    "max_len": "TOO_LONG",
    "min_len": "REQUIRED",
    "required": "REQUIRED",
    "defined_only": "UNKNOWN",
    "min_items": "TOO_FEW",
    "max_items": "TOO_MANY",
}

_validator = protovalidate.Validator()


def check(request: Message) -> None:
    """INVALID_ARGUMENT, with every rule that the request breaks: its path, a code, a sentence."""
    broken = _validator.collect_violations(request)
    if not broken:
        return
    violations = [_violation(b.proto) for b in broken]
    first = violations[0]
    reason = _REASONS.get(first.path, "REQUEST_INVALID")
    raise InvalidArgument(reason, first.message, violations=violations)


def _violation(found: protovalidate.ViolationPb) -> Violation:
    path = ".".join(_step(e) for e in found.field.elements) if found.field else ""
    code = _CODES.get(found.rule_id.rpartition(".")[2], "INVALID")
    sentence = found.message.removeprefix("value ")
    return Violation(path, code, f"{path} {sentence}")


def _step(element: protovalidate.FieldPathElementPb) -> str:
    chosen = element.subscript
    if chosen is None:
        return element.field_name
    return f"{element.field_name}.{chosen.value}"
