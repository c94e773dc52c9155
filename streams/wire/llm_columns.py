"""What did generative models add to a batch's predictions, and which of it makes no sense?

A value without sense is counted and taken as not given; its prediction counts all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.wire.arrays import given
from streams.wire.reasons import MAX_LATENCY_MS, MAX_TOKENS

_LIMITS = {
    "ttft_ms": MAX_LATENCY_MS,
    "tpot_ms": MAX_LATENCY_MS,
    "tokens_in": MAX_TOKENS,
    "tokens_out": MAX_TOKENS,
    "judge_score": 1.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmColumns:
    """One entry a prediction; NaN where it was not given or makes no sense."""

    given: NDArray[np.bool_]
    """Where the prediction has this part at all."""
    ttft_ms: NDArray[np.float64]
    """Time to the first token, 0 <= t <= MAX_LATENCY_MS, as `tpot_ms`, time per output token."""
    tpot_ms: NDArray[np.float64]
    tokens_in: NDArray[np.float64]
    """Whole numbers, 0 <= n <= MAX_TOKENS, as `tokens_out`."""
    tokens_out: NDArray[np.float64]
    judge_score: NDArray[np.float64]
    """In [0, 1]."""
    refused: NDArray[np.int8]
    """1 refused, 0 answered, -1 not told."""
    invalid: int
    """Values given that make no sense."""


def llm_columns(part: Any) -> LlmColumns | None:
    """Columns of an Arrow array of `LlmPart`; None where no prediction has one."""
    if part.null_count == len(part):
        return None
    held = dict(zip([field.name for field in part.type], part.flatten(), strict=True))
    columns, invalid = {}, 0
    for name, limit in _LIMITS.items():
        values = held[name].to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        good = (values >= 0) & (values <= limit)
        columns[name] = np.where(good, values, np.nan)
        invalid += int((given(held[name]) & ~good).sum())
    refused = held["refused"].cast("int8").fill_null(-1).to_numpy(zero_copy_only=False)
    return LlmColumns(given=given(part), **columns, refused=refused, invalid=invalid)
