"""What do both arms answer in a stretch of time? Random counts, metric by metric.

Latency is drawn as the judge sees it: tau comes from blocks of earlier baseline requests, on a
bucket edge, and is exceeded by shares that follow from lognormal latencies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from streams.evidence.fixed import Floats, Ints
from streams.evidence.quantile import margin_buckets, warm_up_events
from streams.judge.monitors.latency import BLOCK_EVENTS
from streams.planner.facts import Behaviour, Traffic
from streams.planner.lanes import MIXES, columns
from streams.sketches.log_histogram import MAPPING
from streams.spec.metric_facts import Metric, MetricKind

BLOCKS = 16
"""At most so many freezes of tau are drawn for one stretch of time."""
LOG_GAMMA = math.log(MAPPING.gamma)


class Threshold:
    """Tau of one latency metric in each stream, as normal scores; NaN before the warm-up."""

    def __init__(self, metric: Metric, streams: int) -> None:
        self._quantile = metric.quantile or 0.0
        self._shift = margin_buckets(metric.margin) * LOG_GAMMA
        self._need = warm_up_events(self._quantile)
        self._block: Ints = np.zeros(streams, np.int64)
        self._tau: Floats = np.full((streams, 1), np.nan)

    def shares(self, sigma: float, slower: float) -> tuple[Floats, Floats]:
        """Share of requests above tau, baseline and candidate, float64[streams]; NaN: not ready."""
        moved = (self._shift - math.log(slower)) / sigma
        return ndtr(-self._tau).mean(axis=1), ndtr(-self._tau - moved).mean(axis=1)

    def learn(self, baseline: Ints, sigma: float, rng: np.random.Generator) -> None:
        """Baseline requests of a stretch; a full block freezes tau for what comes next."""
        self._block += baseline
        fresh = np.isnan(self._tau[:, 0])
        full = self._block >= np.where(fresh, self._need, max(self._need, BLOCK_EVENTS))
        if not full.any():
            return
        mean = float(self._block[full].mean())
        blocks = int(np.clip(mean / max(self._need, BLOCK_EVENTS), 1, BLOCKS))
        size = np.minimum(self._block, max(self._need, BLOCK_EVENTS))
        drawn = self._draw(size, blocks, sigma, rng)
        if blocks != self._tau.shape[1]:
            self._tau = np.repeat(self._tau[:, :1], blocks, axis=1)
        self._tau = np.where(full[:, None], drawn, self._tau)
        self._block = np.where(full, 0, self._block)

    def _draw(self, size: Ints, blocks: int, sigma: float, rng: np.random.Generator) -> Floats:
        """The block's order statistic, moved up to a bucket's upper edge."""
        n = np.maximum(size, 1)[:, None]
        rank = np.clip(np.ceil(self._quantile * n), 1, n)
        above = rng.beta(n - rank + 1, rank, (size.size, blocks))
        edge = rng.uniform(0.0, LOG_GAMMA / sigma, (size.size, 1))
        tau: Floats = -ndtri(above) + edge
        return tau


def around(limit_ms: float) -> tuple[float, float]:
    """The bucket edges at or above a limit and at or below it, ms, as `SlaReader` takes them."""
    above = int(np.searchsorted(MAPPING.edges, limit_ms, "left"))
    below = int(np.searchsorted(MAPPING.edges, limit_ms, "right")) - 1
    return float(MAPPING.edges[min(above, MAPPING.size - 1)]), float(MAPPING.edges[max(below, 0)])


class Requests:
    """Draws int64[streams, 2, columns]: exposures in column 0, then each metric's own columns."""

    def __init__(self, metrics: Sequence[Metric], traffic: Traffic, streams: int) -> None:
        self._traffic, self._streams = traffic, streams
        self._metrics = tuple(metrics)
        widths = [columns(metric, traffic.classes) for metric in metrics]
        ends = np.cumsum([1, *widths]).tolist()
        self.columns: int = ends[-1]
        self.places = {
            m.name: slice(a, b) for m, a, b in zip(metrics, ends[:-1], ends[1:], strict=True)
        }
        slow = [m for m in metrics if m.kind is MetricKind.LATENCY]
        slow.sort(key=lambda metric: metric.quantile or 0.0)
        self._thresholds = {metric.name: Threshold(metric, streams) for metric in slow}

    def drop(self, name: str) -> None:
        """Draw nothing for a metric from now on: its columns stay zero."""
        self._metrics = tuple(metric for metric in self._metrics if metric.name != name)
        self._thresholds.pop(name, None)

    def draw(self, exposures: Ints, candidate: Behaviour, rng: np.random.Generator) -> Ints:
        """Counts for exposures int64[streams, 2] (baseline, candidate)."""
        counts: Ints = np.zeros((self._streams, 2, self.columns), np.int64)
        counts[..., 0] = exposures
        self._draw_failures(counts, candidate, rng)
        self._draw_latency(counts, candidate, rng)
        for metric in self._metrics:
            if metric.kind is MetricKind.LATENCY_SLA:
                self._draw_over(metric, counts, candidate, rng)
            if metric.kind in MIXES:
                k = columns(metric, self._traffic.classes)
                place = self.places[metric.name]
                counts[..., place] = rng.multinomial(exposures, np.full(k, 1.0 / k))
        return counts

    def _draw_failures(self, counts: Ints, candidate: Behaviour, rng: np.random.Generator) -> None:
        rates = np.array([self._traffic.p_error, candidate.p_error])
        kinds = {MetricKind.ERRORS, MetricKind.TIMEOUTS, MetricKind.SUCCESS}
        asked = [metric for metric in self._metrics if metric.kind in kinds]
        if not asked:
            return
        errors = rng.binomial(counts[..., 0], rates)
        share = np.minimum(1.0, self._traffic.timeout_share * rates[0] / rates)
        timeouts = rng.binomial(errors, share)
        for metric in asked:
            place = self.places[metric.name]
            events = timeouts if metric.kind is MetricKind.TIMEOUTS else errors
            counts[..., place] = np.stack([counts[..., 0], events], axis=-1)

    def _draw_over(
        self, metric: Metric, counts: Ints, candidate: Behaviour, rng: np.random.Generator
    ) -> None:
        """Requests, those over the edge above the limit, those over the edge below it."""
        exposures, edges = counts[..., 0], around(metric.limit_ms or 0.0)
        medians = self._traffic.p50_ms * np.array([1.0, candidate.slower])
        surely, perhaps = (ndtr(-np.log(edge / medians) / self._traffic.sigma) for edge in edges)
        over = rng.binomial(exposures, surely)
        near = rng.binomial(exposures - over, (perhaps - surely) / (1.0 - surely))
        counts[..., self.places[metric.name]] = np.stack([exposures, over, over + near], axis=-1)

    def _draw_latency(self, counts: Ints, candidate: Behaviour, rng: np.random.Generator) -> None:
        """Above a higher quantile's tau are some of those above a lower one's."""
        above, before = counts[..., 0], np.ones((self._streams, 2))
        for name, threshold in self._thresholds.items():
            shares = np.stack(threshold.shares(self._traffic.sigma, candidate.slower), axis=-1)
            ready = ~np.isnan(shares)
            part = np.where(ready, np.minimum(shares / before, 1.0), 1.0)
            above = rng.binomial(above, part)
            before = np.where(ready, np.minimum(shares, before), before)
            pair = np.stack([counts[..., 0], above], axis=-1)
            counts[..., self.places[name]] = np.where(ready[..., None], pair, 0)
            threshold.learn(counts[:, 0, 0], self._traffic.sigma, rng)
