"""Bars 1 and 2 on latency: a candidate slower by exactly the effective margin.

Both nulls then hold with equality, so one run gives false rollbacks and false promotions. Tau is
frozen as in production: each stream has the judge's own `LatencyReader`s, which freeze it again
after every block of 1 000 baseline events, hold it when the judge's own `Course` says that the
baseline has changed, and learn it anew at the next stage: where the weight changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from streams.evidence.fixed import Floats, Ints
from streams.evidence.quantile import effective_margin, margin_buckets
from streams.judge.drift.course import Course
from streams.judge.drift.measures import log_latency
from streams.judge.drift.watch import LATENCY_SPAN
from streams.judge.monitors.late import LateRatio
from streams.judge.monitors.latency import LatencyReader
from streams.judge.monitors.rates import FREQUENT
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import MAPPING, LogHistogram
from streams.spec.model import FULL_BP
from tests.statistics import false_promotion, false_rollback
from tests.statistics.facts import Figure, Result, Task, error_rate
from tests.statistics.traffic import diurnal, ramp
from tests.statistics.watching import (
    ALPHAS,
    Sums,
    folding_late,
    frequent_sums,
    harm_panes,
    ratio_sums,
    seen,
)

QUANTILES = (0.5, 0.95, 0.99)
MARGIN = 0.10
SIGMA = 0.6
PANES = 160
CHUNK = 1_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenario:
    """How median latency and weights move; both arms share the drift."""

    name: str
    seed: int
    weight_bp: Ints
    median_ms: Floats
    rps: float = 190.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlowCandidate:
    """Requests and exceedances as the readers count them: (total, slow) per quantile."""

    scenario: Scenario
    streams: int
    part: int

    @property
    def columns(self) -> int:
        """Exposures, then two per quantile."""
        return 1 + 2 * len(QUANTILES)

    @property
    def weight_bp(self) -> Ints:
        """The candidate's applied weight, [panes]."""
        return self.scenario.weight_bp

    def counts(self) -> Iterator[Ints]:
        """Pane by pane, through one reader per stream and quantile."""
        rng = np.random.default_rng((self.scenario.seed, self.part))
        readers = [[LatencyReader(q, MARGIN) for q in QUANTILES] for _ in range(self.streams)]
        courses = [Course(LATENCY_SPAN, centred=True) for _ in range(self.streams)]
        for pane in range(PANES):
            if self._begins_stage(pane):
                _renew(readers)
            arrivals, histograms = self._drawn(rng, pane)
            read = [_read(own, *histograms[stream]) for stream, own in enumerate(readers)]
            for course, own, (baseline, _) in zip(courses, readers, histograms, strict=True):
                _watch(course, own, baseline)
            yield np.concatenate([arrivals[..., None], np.array(read)], axis=-1)

    def _begins_stage(self, pane: int) -> bool:
        return pane > 0 and bool(self.weight_bp[pane] != self.weight_bp[pane - 1])

    def _drawn(self, rng: np.random.Generator, pane: int) -> tuple[Ints, Ints]:
        """Arrivals [streams, 2] and latencies by bucket [streams, 2, buckets]."""
        weight = int(self.scenario.weight_bp[pane])
        split = np.array([FULL_BP - weight, weight]) / FULL_BP
        arrivals = rng.poisson(self.scenario.rps * split, (self.streams, 2))
        owner = np.repeat(np.arange(2 * self.streams), arrivals.ravel())
        values = self.scenario.median_ms[pane] * rng.lognormal(0, SIGMA, owner.size)
        values[owner % 2 == 1] *= 1 + effective_margin(margin_buckets(MARGIN))
        flat = np.bincount(
            owner * MAPPING.size + MAPPING.index(values), minlength=2 * self.streams * MAPPING.size
        )
        return arrivals, flat.reshape(self.streams, 2, MAPPING.size)


def _read(readers: Sequence[LatencyReader], baseline: Ints, candidate: Ints) -> Ints:
    cells = Cell(latency=LogHistogram(baseline)), Cell(latency=LogHistogram(candidate))
    return np.concatenate([reader.read(*cells) for reader in readers], axis=1)


def _watch(course: Course, readers: Sequence[LatencyReader], baseline: Ints) -> None:
    """Hold tau where the baseline has changed, from the next pane on."""
    if course.add(*log_latency(Cell(latency=LogHistogram(baseline)))) is not None:
        for reader in readers:
            reader.hold()


def _renew(readers: Sequence[Sequence[LatencyReader]]) -> None:
    for own in readers:
        for reader in own:
            reader.renew()


def sums_of(quantile: float, streams: int) -> Sums:
    """The form that the judge takes for a quantile."""
    frequent = 1 - quantile
    return frequent_sums(streams, frequent) if frequent > FREQUENT else ratio_sums(streams)


SCENARIOS = (
    Scenario(
        name="steady", seed=211, weight_bp=np.full(PANES, 5_000), median_ms=np.full(PANES, 20.0)
    ),
    Scenario(
        name="ramp and drift",
        seed=212,
        weight_bp=np.maximum(ramp(PANES), 500),
        median_ms=diurnal(PANES, 20.0),
    ),
    Scenario(
        name="world twice as slow in mid-stage",
        seed=213,
        weight_bp=np.repeat([4_000, 5_000], [120, PANES - 120]),
        median_ms=np.repeat([20.0, 40.0], [60, PANES - 60]),
        rps=400.0,
    ),
)


def run(scenario: Scenario, streams: int) -> Result:
    """Harm and safety of every quantile in one pass, in chunks of streams."""
    hits: dict[tuple[float, str, float], int] = {}
    for part, start in enumerate(range(0, streams, CHUNK)):
        for key, count in _chunk(scenario, min(CHUNK, streams - start), part).items():
            hits[key] = hits.get(key, 0) + count
    return Result(figures=tuple(_figure(scenario, *item, streams) for item in hits.items()))


def _chunk(scenario: Scenario, streams: int, part: int) -> dict[tuple[float, str, float], int]:
    traffic = SlowCandidate(scenario=scenario, streams=streams, part=part)
    sums = [sums_of(q, streams) for q in QUANTILES]
    late_sums = [LateRatio(own) for own in sums]
    folds = [folding_late(own, 2 + 2 * at, 1 + 2 * at) for at, own in enumerate(late_sums)]
    asked = [(late.log_e_harm, own.log_e_safe) for late, own in zip(late_sums, sums, strict=True)]

    def both() -> Floats:
        return np.stack([log_e() for pair in asked for log_e in pair]).ravel()

    found = seen(harm_panes(traffic, folds), both, streams * 2 * len(QUANTILES))
    crossed = {alpha: np.isfinite(found.first[alpha]).reshape(-1, streams) for alpha in ALPHAS}
    hits = {}
    for place, quantile in enumerate(QUANTILES):
        for alpha in ALPHAS:
            hits[quantile, "harm", alpha] = int(crossed[alpha][2 * place].sum())
        safe = crossed[false_promotion.ALPHA][2 * place + 1]
        hits[quantile, "safe", false_promotion.ALPHA] = int(safe.sum())
    return hits


def _figure(scenario: Scenario, key: tuple[float, str, float], hits: int, streams: int) -> Figure:
    quantile, side, alpha = key
    name = f"latency p{100 * quantile:g} at its margin, {scenario.name}"
    if side == "harm":
        return error_rate(false_rollback.BAR, name, hits, streams, alpha)
    return error_rate(false_promotion.BAR, name, hits, streams, alpha, false_promotion.REFERENCE)


TASKS = tuple(
    Task(name=f"1, 2 latency: {each.name}", run=partial(run, each), weight=6.0)
    for each in SCENARIOS
)
