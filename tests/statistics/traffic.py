"""What do canaries count, second by second? Seeded streams side by side, and their weights.

Everything random happens here and in `disturbed`; counts are int64[streams, 2, columns]: arms
(baseline, candidate) by exposures and the events of each metric.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from streams.evidence.fixed import Floats, Ints
from streams.judge.facts import RoutingFact, RoutingPhase
from streams.judge.weights import WeightTimeline
from streams.spec.model import BASELINE, FULL_BP

CANDIDATE = "candidate"
PANE_MS = 1000
RAMP_BP = (100, 500, 1_000, 2_500, 5_000, 7_500)


class Traffic(Protocol):
    """Panes of one second of many independent streams under one schedule of weights."""

    @property
    def streams(self) -> int:
        """How many."""

    @property
    def columns(self) -> int:
        """Exposures, and one per metric."""

    @property
    def weight_bp(self) -> Ints:
        """The candidate's applied weight, [panes]."""

    def counts(self) -> Iterator[Ints]:
        """Pane by pane, int64[streams, 2, columns]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Canary:
    """Independent requests; arrays are [panes], rates [panes, metrics]."""

    seed: int
    streams: int
    weight_bp: Ints
    rps: Floats
    """Requests of both arms together."""
    rate_b: Floats
    rate_c: Floats
    jitter: float = 0.0
    """Standard deviation of log arrivals, drawn per arm and minute: arms breathe apart."""

    @property
    def columns(self) -> int:
        """Exposures, and one per metric."""
        return 1 + self.rate_b.shape[1]

    def counts(self) -> Iterator[Ints]:
        """Pane by pane."""
        rng = np.random.default_rng(self.seed)
        factor = np.ones((self.streams, 2))
        for pane, weight_bp in enumerate(self.weight_bp):
            if self.jitter and pane % 60 == 0:
                factor = np.exp(rng.normal(0, self.jitter, (self.streams, 2)))
            split = np.array([FULL_BP - weight_bp, weight_bp]) / FULL_BP
            arrivals = rng.poisson(self.rps[pane] * factor * split)
            rates = np.stack([self.rate_b[pane], self.rate_c[pane]])
            events = rng.binomial(arrivals[..., None], rates)
            yield np.concatenate([arrivals[..., None], events], axis=-1)


def canary(
    seed: int,
    streams: int,
    *,
    panes: int = 600,
    weight_bp: object = 5_000,
    rps: object = 40.0,
    rate: object = 0.02,
    ratio: float = 1.0,
    jitter: float = 0.0,
) -> Canary:
    """A canary whose rates differ by `ratio`; weight, rps and rate are constants or [panes]."""
    rates = np.broadcast_to(np.asarray(rate, np.float64), (panes,))[:, None]
    return Canary(
        seed=seed,
        streams=streams,
        weight_bp=np.broadcast_to(np.asarray(weight_bp), (panes,)),
        rps=np.broadcast_to(np.asarray(rps, np.float64), (panes,)),
        rate_b=rates,
        rate_c=np.minimum(rates * ratio, 1.0),
        jitter=jitter,
    )


def ramp(panes: int) -> Ints:
    """Six steps of equal length: 1, 5, 10, 25, 50, 75 %."""
    return np.array(RAMP_BP)[np.minimum(np.arange(panes) * 6 // panes, 5)]


def up_and_down(panes: int) -> Ints:
    """1, 5, 25, 50, 25, 5 %, steps of equal length."""
    steps = np.array([100, 500, 2_500, 5_000, 2_500, 500])
    return steps[np.minimum(np.arange(panes) * 6 // panes, 5)]


def shock(panes: int, rate: float) -> Floats:
    """A rate that triples for everyone in the last half, as a ramp rises."""
    return np.where(np.arange(panes) < panes // 2, rate, 3 * rate)


def diurnal(panes: int, middle: float) -> Floats:
    """Between a third and three times `middle`, two days long."""
    return middle * 3.0 ** np.sin(np.arange(panes) / panes * 4 * np.pi)


def timeline(weight_bp: Ints, guard_s: float) -> WeightTimeline:
    """The judge's own timeline of a schedule whose changes were all applied and confirmed."""
    found = WeightTimeline((BASELINE, CANDIDATE), round(guard_s * 1000))
    for fact in routing(weight_bp):
        found.feed(fact)
    return found


def routing(weight_bp: Ints) -> Iterator[RoutingFact]:
    """One record per stretch of equal weights, confirmed to its end."""
    starts = [0, *(np.flatnonzero(np.diff(weight_bp)) + 1).tolist()]
    ends = [*starts[1:], weight_bp.size]
    for offset, (start, end) in enumerate(zip(starts, ends, strict=True)):
        weight = int(weight_bp[start])
        yield RoutingFact(
            offset=offset,
            phase=RoutingPhase.APPLIED,
            at_ms=start * PANE_MS,
            weights_bp={BASELINE: FULL_BP - weight, CANDIDATE: weight},
            since_ms=start * PANE_MS,
            confirmed_until_ms=end * PANE_MS,
            fence=0,
        )
