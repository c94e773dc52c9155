"""What does a canary look like from the counts? Seeded streams, side by side, pane by pane.

Everything random happens here; the counts go through the strata and tests that judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from streams.evidence.fixed import Floats, Ints
from streams.evidence.rates import RatioSums
from streams.evidence.strata import StratumSums
from streams.evidence.two_sample import TwoSampleSums

STREAMS = 2_000
Sums = RatioSums | TwoSampleSums
Fold = Callable[[Sums, Ints, np.ndarray, int], None]


def band(alpha: float, streams: int = STREAMS) -> float:
    """Largest observed share that a true error of alpha explains (one-sided 1 %)."""
    return alpha + 2.33 * np.sqrt(alpha * (1 - alpha) / streams)


@dataclass(frozen=True, kw_only=True)
class Canary:
    """Requests per second, weights and rates, pane by pane (1 s); arrays are [panes]."""

    seed: int
    panes: int
    rps: float
    weight_bp: Ints
    rate_b: Floats
    rate_c: Floats
    jitter: float = 0.0
    """Standard deviation of log arrivals, drawn per arm and minute: arms breathe apart."""
    streams: int = STREAMS
    columns: int = field(default=2, init=False)

    def counts(self) -> Iterator[tuple[int, Ints]]:
        """Applied weight and counts int64[streams, 2, 2] (arms by exposures, events) per pane."""
        rng = np.random.default_rng(self.seed)
        factor = np.ones((self.streams, 2))
        for pane in range(self.panes):
            if self.jitter and pane % 60 == 0:
                factor = np.exp(rng.normal(0, self.jitter, (self.streams, 2)))
            share = self.weight_bp[pane] / 10_000
            arrivals = rng.poisson(self.rps * factor * np.array([1 - share, share]))
            rates = np.array([self.rate_b[pane], self.rate_c[pane]])
            yield int(self.weight_bp[pane]), np.stack([arrivals, rng.binomial(arrivals, rates)], -1)


def fold_realised(sums: Sums, counts: Ints, mask: np.ndarray, _weight_bp: int) -> None:
    """What the judge does: the realised share of the stratum."""
    sums.fold(counts[:, 0, 0], counts[:, 1, 0], counts[:, 0, 1], counts[:, 1, 1], mask)


def fold_applied(sums: Sums, counts: Ints, mask: np.ndarray, weight_bp: int) -> None:
    """What it must not do: the share that was asked for."""
    sums.fold(10_000 - weight_bp, weight_bp, counts[:, 0, 1], counts[:, 1, 1], mask)


def evaluated(canary: Canary, sums: Sums, fold: Fold = fold_realised) -> Iterator[int]:
    """Fold pane by pane into strata that close at exposures or a weight change; yields panes."""
    stratum = StratumSums.zeros(columns=canary.columns, shape=(canary.streams,))
    applied = int(canary.weight_bp[0])
    for pane, (weight_bp, counts) in enumerate(canary.counts()):
        if weight_bp != applied:
            everyone = np.ones(canary.streams, np.bool_)
            fold(sums, stratum.take(everyone), everyone, applied)
            applied = weight_bp
        stratum.add(counts)
        full = stratum.closes(weight_bp)
        if full.any():
            fold(sums, stratum.take(full), full, weight_bp)
            yield pane


def highest_harm(canary: Canary, sums: Sums, fold: Fold = fold_realised) -> Floats:
    """Running maximum of the log e-value of harm, [streams], looked at after every stratum."""
    highest = np.full(canary.streams, -np.inf)
    for _ in evaluated(canary, sums, fold):
        np.maximum(highest, sums.log_e_harm(), out=highest)
    return highest


def highest_safe(canary: Canary, sums: Sums, fold: Fold = fold_realised) -> Floats:
    """Running maximum of the log e-value of non-inferiority, [streams]."""
    highest = np.full(canary.streams, -np.inf)
    for _ in evaluated(canary, sums, fold):
        np.maximum(highest, sums.log_e_safe(), out=highest)
    return highest


def seconds_to_harm(canary: Canary, sums: Sums, alpha: float) -> Floats:
    """Seconds of data until harm is shown, [streams]; inf where it never is."""
    seconds = np.full(canary.streams, np.inf)
    for pane in evaluated(canary, sums):
        crossed = sums.log_e_harm() >= -np.log(alpha)
        seconds = np.where(crossed & np.isinf(seconds), pane + 1.0, seconds)
        if np.isfinite(seconds).all():
            break
    return seconds


def ramp(panes: int) -> Ints:
    """Six steps of equal length: 1, 5, 10, 25, 50, 75 %."""
    steps = np.array([100, 500, 1_000, 2_500, 5_000, 7_500])
    return steps[np.minimum(np.arange(panes) * 6 // panes, 5)]


def shock(panes: int, rate: float) -> Floats:
    """A rate that triples for everyone in the last half, as the ramp rises."""
    return np.where(np.arange(panes) < panes // 2, rate, 3 * rate)


def pooled_z_fires(canary: Canary, z: float) -> np.ndarray:
    """Streams in which a one-sided two-proportion z on pooled counts ever exceeds z."""
    total, fired = np.zeros((canary.streams, 2, 2)), np.zeros(canary.streams, np.bool_)
    for _, counts in canary.counts():
        total += counts
        n, x = np.maximum(total[..., 0], 1), total[..., 1]
        p = x.sum(-1) / n.sum(-1)
        se = np.sqrt(p * (1 - p) * (1 / n).sum(-1))
        fired |= (x.sum(-1) >= 10) & (x[:, 1] / n[:, 1] - x[:, 0] / n[:, 0] > z * se)
    return fired


def crossed(log_e, alpha) -> float:
    """Share of streams whose e-value has reached 1/alpha."""
    return float((log_e >= -np.log(alpha)).mean())
