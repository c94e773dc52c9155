"""How is what is known of a unit packed into one number, and what a pane has seen of it?

History: erred (bit 0), timed out (1), the arm that served it last (2 to 7), and from bit 8 on, 11
bits for each margin, the bucket of its slowest request.
Sight: failed (bit 0), timed out (1), and the bucket of the slowest request from bit 2 on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streams.sketches.log_histogram import MAPPING
from streams.spec.agreement import MAX_UNIT_MARGINS

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ERRED, TIMED_OUT = 1, 2
BEFALLEN = ERRED | TIMED_OUT
_ARM_AT, _ARM_MASK = 2, 0x3F
_FIRST_AT, _BUCKET_BITS = 8, 11
_BUCKET_MASK = (1 << _BUCKET_BITS) - 1
_SIGN_AT = 63

if MAPPING.size > _BUCKET_MASK or _FIRST_AT + MAX_UNIT_MARGINS * _BUCKET_BITS > _SIGN_AT:
    raise AssertionError(f"a unit's history does not fit into {_SIGN_AT} bits")


def sights(bucket: Ints, failed: Bools, timed_out: Bools) -> Ints:
    """Pack single requests; a timeout failed too."""
    return (bucket << _ARM_AT) | failed * ERRED | timed_out * TIMED_OUT


def merged(sight: Ints, starts: Ints) -> Ints:
    """One sight of each run of rows that begins at `starts`."""
    befallen = np.bitwise_or.reduceat(sight & BEFALLEN, starts)
    slowest = np.maximum.reduceat(sight >> _ARM_AT, starts)
    return (slowest << _ARM_AT) | befallen


def slowest_seen(sight: Ints) -> Ints:
    """Bucket of the slowest request."""
    return sight >> _ARM_AT


def arm_of(history: Ints) -> Ints:
    """The arm that served each unit last."""
    return (history >> _ARM_AT) & _ARM_MASK


def with_arm(history: Ints, arm: Ints) -> Ints:
    """The same, served last by `arm`."""
    return (history & ~(_ARM_MASK << _ARM_AT)) | (arm << _ARM_AT)


def slowest_of(history: Ints, margin: int) -> Ints:
    """Bucket of each unit's slowest request, as the margin of this number lowers it."""
    return (history >> (_FIRST_AT + margin * _BUCKET_BITS)) & _BUCKET_MASK


def with_slowest(history: Ints, margin: int, bucket: Ints) -> Ints:
    """The same with another slowest request."""
    at = _FIRST_AT + margin * _BUCKET_BITS
    return (history & ~(_BUCKET_MASK << at)) | (bucket << at)
