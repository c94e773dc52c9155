"""By which request and unit is an event known? Columns that predictions and outcomes share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.wire.arrays import named
from streams.wire.request_hash import request_hashes, unit_hashes


@dataclass(frozen=True, kw_only=True)
class KeyedColumns:
    """Hashed when they are asked for: not every rollout counts units or joins outcomes."""

    request_ids: Any = field(repr=False)
    """Arrow strings, one per accepted row."""
    units: Any = field(repr=False)
    """Arrow strings or null, one per accepted row."""

    @cached_property
    def request_hash(self) -> NDArray[np.uint64]:
        """A number per request id, the same on every machine (`request_hash.py`)."""
        return request_hashes(self.request_ids)

    @cached_property
    def unit_given(self) -> NDArray[np.bool_]:
        """Where the event names its unit; an empty one is none."""
        return named(self.units)

    @cached_property
    def unit_hash(self) -> NDArray[np.uint64]:
        """A number per unit, as `request_hash`; the request is its own unit where none is given."""
        if not self.unit_given.any():
            return self.request_hash
        return unit_hashes(self.units, self.request_ids)
