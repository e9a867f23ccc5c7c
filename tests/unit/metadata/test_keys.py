"""API keys as text."""

from uuid import UUID

import pytest

from services.metadata.logic.keys import new_key, parse_key


def test_a_key_reads_back() -> None:
    key = new_key(UUID("0190f000-0000-7000-8000-00000000000a"))
    assert parse_key(str(key)) == key
    assert key.opens(key.digest())
    assert not new_key(key.api_key_id).opens(key.digest())
    assert key.secret not in repr(key)


def test_leading_zeros_of_an_id_may_be_left_out() -> None:
    key = parse_key("arm_1f_" + "0" * 48)
    assert key is not None
    assert key.api_key_id == UUID(int=0x1F)


@pytest.mark.parametrize(
    "text", ["", "arm__" + "0" * 64, "arm_1_", "arm_1_" + "0" * 31, "arm_g_" + "0" * 64,
             "arm_1_" + "A" * 64, "arm_1_" + "0" * 64 + "\n", "ARM_1_" + "0" * 64]
)  # fmt: skip
def test_what_is_no_key(text: str) -> None:
    assert parse_key(text) is None
