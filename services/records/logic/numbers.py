"""Write exact numbers as bytes that sort as the numbers do.

Postgres drives an index under row security by leakproof operators alone, and those of numeric are
not; those of bytea are. The form: a byte for the sign, two for the exponent, then the significant
digits; of a negative number every byte is turned over, and a last byte ends it (after the key
encoding of SQLite 4 and others).
"""

from decimal import Decimal

_ZERO = b"\x80"
_BIAS = 0x8000
_DIGITS = bytes(max(0, byte - 47) & 0xFF for byte in range(256))  # "0" is 1
_TURNED = bytes(255 - byte for byte in range(256))


def encode(value: Decimal | int) -> bytes:
    """encode(a) < encode(b) exactly when a < b; equal numbers are equal bytes at any scale.

    The exponent is at most 32,767 either way, which is far beyond what a field accepts.
    """
    if isinstance(value, int):
        sign, exponent = int(value < 0), 0
        text = b"%d" % abs(value)
    else:
        sign, digits, scale = value.as_tuple()
        assert isinstance(scale, int)
        exponent, text = scale, bytes(digit + 48 for digit in digits)
    text = text.translate(_DIGITS).lstrip(b"\x01")
    if not text:
        return _ZERO
    power = len(text) + exponent
    body = (power + _BIAS).to_bytes(2) + text.rstrip(b"\x01")
    if sign:
        return b"\x40" + body.translate(_TURNED) + b"\xff"
    return b"\xc0" + body
