"""How do arrays of numbers become text and back, bit for bit? For state that is written often.

`<code>:<shape>:<base64 of the little-endian values>`. Lists of numbers in JSON are as exact, but
cost several times the bytes and the time. Integers take the fewest bytes that hold all of them.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ZEROS = "0"
"""Code of integers that are all 0; no values follow."""
FLOATS = "f8"
INTEGERS = {"i1": 1 << 7, "i2": 1 << 15, "i4": 1 << 31, "i8": 1 << 63}
"""Code -> first integer that is too large."""


def packed(values: Ints | Floats) -> str:
    """An int64 or float64 array of any shape as text; TypeError for another.

    >>> packed(np.array([[1, -2, 300]])), packed(np.zeros((2, 70), np.int64))
    ('i2:1,3:AQD+/ywB', '0:2,70:')
    """
    if values.dtype not in (np.int64, np.float64):
        raise TypeError(f"only int64 and float64 are packed, not {values.dtype}")
    code = FLOATS if values.dtype == np.float64 else _code(values)
    shape = ",".join(map(str, values.shape))
    if code == ZEROS:
        return f"{ZEROS}:{shape}:"
    return f"{code}:{shape}:{b64encode(values.astype('<' + code).tobytes()).decode()}"


def _code(values: Ints | Floats) -> str:
    low = int(np.minimum.reduce(values, axis=None, initial=0))
    high = int(np.maximum.reduce(values, axis=None, initial=0))
    if low == high == 0:
        return ZEROS
    return next(code for code, beyond in INTEGERS.items() if -beyond <= low and high < beyond)


def unpacked_ints(text: str) -> Ints:
    """Integers that `packed` wrote.

    Raises:
        ValueError: it did not: values of another kind, or not as many as the shape has.
    """
    code, shape, data = _parts(text)
    if code == ZEROS:
        return np.zeros(shape, np.int64)
    if code not in INTEGERS:
        raise ValueError(f"these are no packed integers: {text[:40]!r}")
    return _values(code, shape, data).astype(np.int64)


def unpacked_floats(text: str) -> Floats:
    """Real numbers that `packed` wrote; infinities and NaN too.

    Raises:
        ValueError: it did not: values of another kind, or not as many as the shape has.
    """
    code, shape, data = _parts(text)
    if code != FLOATS:
        raise ValueError(f"these are no packed real numbers: {text[:40]!r}")
    return _values(code, shape, data).astype(np.float64)


def _parts(text: str) -> tuple[str, tuple[int, ...], str]:
    code, shape, data = text.split(":")
    return code, tuple(map(int, shape.split(","))) if shape else (), data


def _values(code: str, shape: tuple[int, ...], data: str) -> NDArray[Any]:
    values = np.frombuffer(b64decode(data, validate=True), "<" + code)
    if values.size != math.prod(shape):
        raise ValueError(f"packed {values.size} values, but their shape is {shape}")
    return values.reshape(shape)
