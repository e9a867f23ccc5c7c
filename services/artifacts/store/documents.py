"""Have what is new as rows of one statement."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from services.artifacts.model import New


def documents(new: Sequence[New[Any]]) -> str:
    """A JSON list for json_to_recordset: the content, with `id`, `creator_id` and `actor`."""
    rows = [
        {
            **asdict(one.content),
            "id": one.id,
            "creator_id": one.caller.principal_id,
            "actor": dict(one.caller.actor()),
        }
        for one in new
    ]
    return json.dumps(rows, default=str, ensure_ascii=False, separators=(",", ":"))
