"""One metric of one candidate, judged without the rest of a rollout."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from streams.judge.decision_facts import Finding, Verdict
from streams.judge.field import Field
from streams.judge.monitors.evidence import Closed
from streams.spec.metric_facts import Metric
from tests.judge.world import ERRORS, make_spec


class Alone:
    """A field with one claim, whose strata are given by hand."""

    def __init__(self, metric: Metric = ERRORS, **spec: object) -> None:
        self.field = Field(make_spec(metrics=(metric,), **spec))
        (self.watch,) = self.field.pairs[0].watches
        self.reader, self.panel = self.watch.reader, self.watch.panel

    def fold(self, counts: ArrayLike, at_s: float, weight_bp: int = 5_000) -> None:
        """A stratum for harm; counts [2, columns] of the metric."""
        self.panel.fold(self._closed(counts, weight_bp, at_s))

    def fold_stage(self, counts: ArrayLike, weight_bp: int = 5_000) -> None:
        """A stratum for promotion."""
        self.panel.fold_stage(self._closed(counts, weight_bp, None))

    def _closed(self, counts: ArrayLike, weight_bp: int, at_s: float | None) -> Closed:
        own = np.asarray(counts)
        wide = np.zeros((1, 2, own.shape[1] + 2), np.int64)
        wide[0, :, 1:-1] = own
        return Closed(counts=wide, of=np.array([True]), weights_bp=[weight_bp], at_s=at_s)

    def finding(self, invalid: str = "") -> tuple[Finding, str]:
        """Finding and reason code."""
        return self.watch.finding(invalid)

    def verdict(self) -> Verdict:
        """The evidence in full."""
        (verdict,) = self.field.verdicts("")
        return verdict
