"""How does evidence grow over time? One series a metric, candidate and segment, decimated."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from streams.dashboard.buckets import Buckets, Fold
from streams.judge.decision_facts import Verdict
from streams.spec.model import ALL_SEGMENT, BASELINE

MOST_SLICED = 64
"""Series of slices that are remembered; the whole comes beside them."""
MOST_WHOLE = 128
FIGURES = (
    *("estimate", "low", "high", "margin"),
    *("log_e_harm", "log_e_harm_threshold", "log_e_safe", "log_e_safe_threshold"),
)
COLUMNS = ("at_s", *FIGURES, *("events", "exposures"), *("baseline_events", "baseline_exposures"))
"""What a row holds, in its order; NaN where nothing is known."""


class Claim(NamedTuple):
    """What a verdict is of."""

    metric: str
    candidate: str
    segment: str

    @classmethod
    def of(cls, verdict: Verdict) -> Claim:
        """Whom it names."""
        return cls(verdict.metric, verdict.candidate, verdict.segment)


class Claims:
    """Series of all claims of one rollout."""

    def __init__(self) -> None:
        self._series: dict[Claim, Buckets] = {}

    def put(self, through_ms: int, verdicts: Iterable[Verdict]) -> None:
        """What a decision says; decisions come in their order."""
        for verdict in verdicts:
            series = self._series_of(Claim.of(verdict))
            if series is not None:
                series.put(through_ms // 1000, _row(through_ms, verdict))

    def get(self, claim: Claim) -> Buckets | None:
        """The series; None where none is remembered."""
        return self._series.get(claim)

    def __contains__(self, claim: object) -> bool:
        return claim in self._series

    def _series_of(self, claim: Claim) -> Buckets | None:
        if claim not in self._series and self._has_room(claim):
            self._series[claim] = Buckets(len(COLUMNS), Fold.LAST)
        return self._series.get(claim)

    def _has_room(self, claim: Claim) -> bool:
        whole = claim.segment == ALL_SEGMENT
        alike = sum((each.segment == ALL_SEGMENT) == whole for each in self._series)
        return alike < (MOST_WHOLE if whole else MOST_SLICED)


def _row(through_ms: int, verdict: Verdict) -> list[float]:
    figures = [getattr(verdict, name) for name in FIGURES]
    arms = (verdict.candidate, BASELINE)
    counts = [of.get(arm, math.nan) for arm in arms for of in (verdict.events, verdict.exposures)]
    return [
        through_ms / 1000,
        *(math.nan if value is None else float(value) for value in figures),
        *counts,
    ]
