"""Means, resources and late onset: further evidence beside the numbered bars."""

from __future__ import annotations

from functools import partial

import numpy as np

from streams.evidence.bounded_mean import BoundedMeanSums, BoundedMeanTest
from streams.evidence.fixed import Floats
from streams.evidence.margins import Against, Harm, MeanMargin
from streams.evidence.paired_blocks import PairedBlocks, block_minutes
from streams.evidence.unbounded_mean import UnboundedMeanSums, UnboundedMeanTest, freeze_scale
from tests.evidence.mean_scenarios import (
    ValueStream,
    level_shock,
    ramp_shares,
    revenue,
    scores,
)
from tests.evidence.shock_scenarios import block_means
from tests.statistics.facts import Point, Result, Task, error_rate

MEANS, RESOURCES = "means", "resources"
STRATA = 60
ALPHAS = (0.05, 0.01)
EQUAL = MeanMargin(harm=Harm.LESS, against=Against.ABSOLUTE, margin=0.0)


def run_bounded(streams: int) -> Result:
    """Judge scores, equal arms, a ramp and a common shock."""
    sums = BoundedMeanSums.zeros(BoundedMeanTest(0.0, 1.0, EQUAL), (streams,))
    stream = ValueStream(
        seed=800,
        streams=streams,
        values=50.0,
        share=ramp_shares(STRATA),
        level=level_shock(STRATA, 0.5),
        draw=scores,
    )
    peak = np.zeros(streams)
    for stratum in stream.strata():
        sums.fold(*stratum)
        np.maximum(peak, sums.log_e_harm(), out=peak)
    return _rates(MEANS, "bounded scores, ramp + shock", peak, (0.0, 0.006))


def run_unbounded(share: float, streams: int) -> Result:
    """Revenue of visitors of whom 5 % buy; e-values of a sequence depend on alpha."""
    rng = np.random.default_rng(99)
    scale = freeze_scale(revenue(rng, (20_000,)) * (rng.random(20_000) < 0.05))
    test = UnboundedMeanTest(scale=scale, margin=EQUAL)
    stream = ValueStream(
        seed=810,
        streams=streams,
        values=500.0,
        chance=0.05,
        level=np.ones(STRATA),
        draw=revenue,
        cap=scale.cap,
        share=np.full(STRATA, share),
    )
    sums, peaks = UnboundedMeanSums.zeros(test, (streams,)), np.zeros((2, streams))
    for stratum in stream.strata():
        sums.fold(*stratum)
        for peak, alpha in zip(peaks, ALPHAS, strict=True):
            np.maximum(peak, sums.log_e_harm(alpha), out=peak)
    name = f"revenue, {share:.0%} to the candidate"
    return Result(
        figures=tuple(
            error_rate(MEANS, name, int((peak >= -np.log(alpha)).sum()), streams, alpha, (0, 0.009))
            for peak, alpha in zip(peaks, ALPHAS, strict=True)
        )
    )


def run_blocks(rho: float, streams: int) -> Result:
    """Two equal arms' use over 72 hours, minutes correlated by rho."""
    peak, blocks = np.zeros(streams), PairedBlocks.zeros((streams,))
    for difference in block_means(820, rho, block_minutes(rho), 72, streams):
        blocks.fold(0.0, difference, 0.0)
        np.maximum(peak, blocks.log_e(), out=peak)
    return _rates(RESOURCES, f"72 h, AR(1) {rho:g}", peak, (0.035, 0.0551))


def _rates(bar: str, name: str, peak: Floats, reference: Point) -> Result:
    return Result(
        figures=tuple(
            error_rate(
                bar,
                name,
                int((peak >= -np.log(alpha)).sum()),
                peak.size,
                alpha,
                reference if alpha == 0.05 else None,
            )
            for alpha in ALPHAS
        )
    )


TASKS = (
    Task(name=f"{MEANS}: bounded", run=run_bounded),
    *(
        Task(name=f"{MEANS}: revenue {share:.0%}", run=partial(run_unbounded, share), weight=2.0)
        for share in (0.5, 0.02)
    ),
    *(
        Task(name=f"{RESOURCES}: AR(1) {rho:g}", run=partial(run_blocks, rho))
        for rho in (0.5, 0.8, 0.9, 0.95)
    ),
)
