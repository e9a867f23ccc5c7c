"""Tie every reason that the code raises to the documented enumeration."""

import ast
from pathlib import Path

from armature.common.v1 import error_reason_pb2

ROOT = Path(__file__).parents[2]
_RAISERS = {
    "InvalidArgument",
    "Unauthenticated",
    "PermissionDenied",
    "NotFound",
    "AlreadyExists",
    "FailedPrecondition",
    "Aborted",
    "ResourceExhausted",
    "Unavailable",
    "DeadlineExceeded",
    "Internal",
}
_PRIVATE = {"TWIN"}  # never leaves kit.idempotency


def _reasons(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "at":
            function = function.value
        name = function.id if isinstance(function, ast.Name) else ""
        first = node.args[0]
        if name in _RAISERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            found.add(first.value)
    return found


def test_every_reason_raised_is_documented() -> None:
    known = {
        v.name.removeprefix("ERROR_REASON_") for v in error_reason_pb2.ErrorReason.DESCRIPTOR.values
    }
    raised: dict[str, str] = {}
    for package in ("kit", "planes", "services", "gateway"):
        for path in sorted((ROOT / package).rglob("*.py")):
            raised |= dict.fromkeys(_reasons(path), str(path.relative_to(ROOT)))
    assert len(raised) > 40
    assert {r: p for r, p in raised.items() if r not in known | _PRIVATE} == {}
