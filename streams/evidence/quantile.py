"""Is the candidate slower? Quantiles frozen on bucket edges, margins as bucket shifts, bounds.

The test is `rates` on exceedances: candidate above tau gamma^j, baseline above tau, margin 0.
Bounds are for display: Howard and Ramdas, "Sequential estimation of quantiles" (2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.boundaries import beta_binomial_mixture_bound
from streams.evidence.fixed import Floats, Ints
from streams.sketches.histogram import Histogram
from streams.sketches.log_histogram import MAPPING, LogHistogram, margin_buckets

__all__ = [
    "effective_margin",
    "exceedances",
    "freeze_tau",
    "margin_buckets",
    "outward",
    "quantile_bounds",
    "quantile_rank_bounds",
    "quantile_ratio",
    "quantile_ratio_interval",
    "quantile_ratios",
    "warm_up_events",
]

WARM_UP = 10.0
"""Baseline events beyond the quantile that freeze tau."""
HALF = 0.5
"""Part of 1 - q that must lie above tau."""
V_OPT = 100.0
"""Intrinsic time q(1-q)t at which the quantile bounds are tightest: p99 at 10 000 events."""

ROUNDING = 1e-9
"""Share of the events by which ranks are moved outward, so that rounding cannot move them in."""


def warm_up_events(q: float) -> int:
    """Baseline events needed to freeze a quantile: 10 / (1 - q), rounded up.

    >>> warm_up_events(0.5), warm_up_events(0.99)
    (20, 1000)
    """
    return math.ceil(WARM_UP / (1.0 - q) - 1e-9)


def freeze_tau(histogram: LogHistogram, q: float) -> int | None:
    """Bucket whose upper edge becomes tau_q, from a warm-up that is then discarded.

    The quantile's own bucket, or the one below where less than half of 1 - q lies above it:
    latencies that end within one bucket would never exceed its upper edge and so show nothing.
    None while the warm-up holds fewer than 10 / (1 - q) events.

    >>> steady = LogHistogram()
    >>> steady.update(np.full(1_000, 12.0))
    >>> tau = freeze_tau(steady, 0.95)
    >>> exceedances(steady, tau), exceedances(steady, tau, shift=1)
    (1000, 0)
    """
    through = histogram.through()
    total = int(through[-1])
    if total < warm_up_events(q):
        return None
    index = int(through.searchsorted(max(1, math.ceil(q * total))))
    if index and total - int(through[index]) < HALF * (1.0 - q) * total:
        return index - 1
    return index


def effective_margin(buckets: int) -> float:
    """The margin that a shift by j buckets really is: gamma^j - 1.

    >>> round(effective_margin(5), 4)
    0.1052
    """
    return float(math.expm1(buckets * math.log(MAPPING.gamma)))


def exceedances(histogram: LogHistogram, edge_index: int, shift: int = 0) -> int:
    """Events above edge `edge_index + shift`; 0 beyond the last edge. Exact."""
    return histogram.count_above(min(edge_index + shift, MAPPING.size - 1))


def quantile_rank_bounds(t: ArrayLike, q: ArrayLike, alpha: float) -> tuple[Ints, Ints]:
    """Ranks of the order statistics that bound the q-quantile at every t with error alpha.

    t is int; t and q may have any shapes that broadcast. The lower rank may be 0 (no bound), the
    upper t + 1 (no bound). One two-sided beta-binomial martingale, v = q(1-q)t, serves both.
    """
    total, at = np.broadcast_arrays(np.asarray(t, np.int64), np.asarray(q, np.float64))
    v = at * (1.0 - at) * np.maximum(total, 1)
    g, h = np.stack([1.0 - at, at]), np.stack([at, 1.0 - at])
    rank, slack = at * total, ROUNDING * total

    def ranks(bounds: Floats) -> Ints:
        low = np.clip(np.ceil(rank - bounds[0] - slack), 0, total)
        high = np.clip(np.floor(rank + bounds[1] + slack) + 1, 1, total + 1)
        return np.stack([low, high]).astype(np.int64)

    def known(bottom: Floats, top: Floats) -> bool:
        return bool((ranks(bottom) == ranks(top)).all())  # ranks fall and rise with the bounds

    bounds = beta_binomial_mixture_bound(np.stack([v, v]), alpha, V_OPT, g, h, known)
    low, high = ranks(bounds)
    return low, high


def quantile_bounds(histogram: Histogram, q: float, alpha: float) -> tuple[float, float]:
    """Any-time 1 - alpha interval of a quantile (latencies: in ms), outward to bucket edges.

    (0, inf) while nothing is known.
    """
    low_rank, high_rank = quantile_rank_bounds(histogram.total, q, alpha)
    return outward(histogram, int(low_rank), int(high_rank))


def outward(histogram: Histogram, low_rank: int, high_rank: int) -> tuple[float, float]:
    """Edges in ms around two order statistics; rank 0 or total + 1 knows no bound."""
    ranks = np.array([[low_rank]]), np.array([[high_rank]])
    low, high = _outward(histogram.mapping.edges, np.cumsum(histogram.counts)[None], *ranks)
    return float(low[0, 0]), float(high[0, 0])


def _outward(edges: Floats, through: Ints, low: Ints, high: Ints) -> tuple[Floats, Floats]:
    """`outward` for ranks [..., ranks]; `through` is [..., buckets], the counts summed up."""
    last = edges.size - 1  # a clamp: it has no upper edge
    low_at = np.where(low >= 1, _buckets(through, low), 0)
    high_at = np.where(high <= through[..., -1:], np.minimum(_buckets(through, high), last), last)
    lows: Floats = np.where(low_at > 0, edges[low_at - 1], 0.0)
    highs: Floats = np.where(high_at < last, edges[high_at], math.inf)
    return lows, highs


def _buckets(through: Ints, ranks: Ints) -> Ints:
    """Bucket of each order statistic, [..., ranks]; one too far beyond the last event."""
    rows = zip(
        through.reshape(-1, through.shape[-1]), ranks.reshape(-1, ranks.shape[-1]), strict=True
    )
    return np.array([row.searchsorted(rank) for row, rank in rows]).reshape(ranks.shape)


def quantile_ratio_interval(
    baseline: LogHistogram, candidate: LogHistogram, q: float, alpha: float
) -> tuple[float, float]:
    """Any-time 1 - alpha interval of candidate's over baseline's quantile, alpha/2 an arm.

    For display, and only inside one applied weight. (0, inf) while nothing is known.
    """
    _, low, high = quantile_ratios([(baseline, candidate)], (q,), alpha)[0][0]
    return low, high


def quantile_ratios(
    pairs: Sequence[tuple[LogHistogram, LogHistogram]], qs: Sequence[float], alpha: float
) -> list[list[tuple[float, float, float]]]:
    """`quantile_ratio` and `quantile_ratio_interval` of several pairs of arms at each quantile.

    Each interval at alpha; found together, which costs little more than one alone. The ratio is
    NaN while either arm is empty.
    """
    through = np.cumsum(np.array([[arm.counts for arm in pair] for pair in pairs]), axis=-1)
    columns = _ratios(through, qs), *_ratio_ends(through, qs, alpha)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [list(zip(*row, strict=True)) for row in rows]


def _ratios(through: Ints, qs: Sequence[float]) -> Floats:
    """`quantile_ratio`, [pairs, qs], of arms' counts summed up, [pairs, 2, buckets]."""
    ranks = np.maximum(np.ceil(through[..., -1:] * np.asarray(qs)), 1).astype(np.int64)
    values = MAPPING.values[np.minimum(_buckets(through, ranks), MAPPING.size - 1)]
    seen = np.all(through[..., -1] > 0, axis=-1, keepdims=True)
    return np.where(seen, values[:, 1] / values[:, 0], math.nan)


def _ratio_ends(through: Ints, qs: Sequence[float], alpha: float) -> tuple[Floats, Floats]:
    """`quantile_ratio_interval` of the same, [pairs, qs] each."""
    ranks = quantile_rank_bounds(through[..., -1:], qs, alpha / 2.0)
    lows, highs = _outward(MAPPING.edges, through, *ranks)
    low = lows[:, 1] / highs[:, 0]
    high = np.full(low.shape, math.inf)
    np.divide(highs[:, 1], lows[:, 0], out=high, where=lows[:, 0] > 0.0)
    return low, high


def quantile_ratio(baseline: LogHistogram, candidate: LogHistogram, q: float) -> float | None:
    """Candidate's over baseline's quantile; None while either arm is empty."""
    below, above = baseline.quantile(q), candidate.quantile(q)
    return None if below is None or above is None else above / below
