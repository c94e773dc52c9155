"""What is known of requests that baseline and candidate both answered? Compared answer by answer.

A pair counts in the pane of the baseline's answer. The ratio of latencies, candidate's over
baseline's, falls into DDSketch's buckets with 1 on an edge, so that "slower by more than the
margin" is an exact count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, localcontext
from typing import Any, ClassVar, Self

from streams.sketches.histogram import BucketMapping, Histogram
from streams.sketches.log_histogram import LogMapping, log_edges

ONE = 346
"""Index of the edge at ratio 1; as many buckets lie below it, down to a thousandth."""


def _ratio_mapping() -> LogMapping:
    with localcontext() as context:
        context.prec = 60
        lowest = (Decimal(99) / Decimal(101)) ** ONE
    return LogMapping(edges=log_edges("0.01", str(lowest), "1000"))


RATIO_MAPPING = _ratio_mapping()
"""Edges gamma^(i - ONE); what is beyond a thousand times is clamped."""


class RatioHistogram(Histogram):
    """Ratios of latencies by logarithmic bucket.

    >>> import numpy as np
    >>> ratios = RatioHistogram()
    >>> ratios.update(np.array([0.5, 1.0, 1.25]))
    >>> ratios.total, ratios.count_above(ONE), round(ratios.quantile(1.0), 2)
    (3, 1, 1.26)
    """

    mapping: ClassVar[BucketMapping] = RATIO_MAPPING
    __slots__ = ()


@dataclass(slots=True)
class PairCounts:
    """Pairs of answers; errors include timeouts, classes are compared where both name one."""

    pairs: int = 0
    matched: int = 0
    """Copies of this pane whose pair is complete, whatever pane the pair counts in."""
    errors_candidate: int = 0
    """Pairs in which only the candidate failed."""
    errors_baseline: int = 0
    errors_both: int = 0
    timeouts_candidate: int = 0
    timeouts_baseline: int = 0
    timeouts_both: int = 0
    classes_same: int = 0
    classes_different: int = 0
    ratio: RatioHistogram = field(default_factory=RatioHistogram)

    def merge(self, other: Self) -> None:
        """Add another's pairs."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.ratio.merge(other.ratio)

    def copy(self) -> Self:
        """An independent copy."""
        return type(self)(**self._counts(), ratio=self.ratio.copy())

    def _counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in COUNTED}

    def to_state(self) -> dict[str, Any]:
        """The Avro record `davy.PairCounts`."""
        return {**self._counts(), "ratio": self.ratio.to_state()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        counts = {name: state[name] for name in COUNTED}
        return cls(**counts, ratio=RatioHistogram.from_state(state["ratio"]))


COUNTED = tuple(each.name for each in fields(PairCounts) if each.name != "ratio")
