"""Dead letters are of kinds that are known by name."""

import re
from pathlib import Path

import services
from services.events.logic import letter_kinds

_CONSUMER = re.compile(r'"((?:artifacts|automation|events|links|metadata|records)-[a-z-]+)"')


def test_each_consumer_of_each_plane_is_a_kind_of_letter() -> None:
    planes = Path(services.__path__[0])
    found = {
        name for one in planes.glob("*/consumer.py") for name in _CONSUMER.findall(one.read_text())
    }
    assert found == set(letter_kinds.CONSUMERS)
