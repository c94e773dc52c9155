"""Bar 1 with slices: two identical models, eight slices and the whole, each with its own budget."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from streams.evidence.fixed import Floats, Ints
from streams.judge.budget import alpha_shares
from streams.judge.monitors.late import LateRatio
from streams.spec.dimensions import Dimension
from streams.spec.model import ALL_SEGMENT, FULL_BP
from tests.judge.sliced import sliced_spec
from tests.judge.world import ERRORS
from tests.statistics.facts import Figure, Result, Task, error_rate
from tests.statistics.false_rollback import BAR
from tests.statistics.traffic import CANDIDATE, ramp
from tests.statistics.watching import ALPHAS, Strata, folding_late, ratio_sums

SCENARIO = "eight slices and the whole"
PANES = 400
RPS = 120.0
COUNTRY = Dimension(name="country", values=("DE", "FR", "SG"))
TIER = Dimension(name="tier", values=("free", "pro", "team"))
SPEC = sliced_spec(dimensions=(COUNTRY, TIER), metrics=(ERRORS,))
SHARES = np.outer((0.6, 0.25, 0.05, 0.1), (0.5, 0.3, 0.15, 0.05))
"""Of the requests, country x tier; some slices get a stratum in a minute, some in a pane."""
RATES = np.outer((1.0, 0.5, 4.0, 1.0), (0.01, 0.02, 0.02, 0.05))
"""Errors of either arm, country x tier: slices differ, arms do not."""


def counts(seed: int, streams: int, weight_bp: Ints) -> Iterator[Ints]:
    """Pane by pane, int64[segments, streams, 2, 2]: the whole, countries, tiers."""
    rng = np.random.default_rng(seed)
    for weight in weight_bp:
        arms = np.array([FULL_BP - weight, weight]) / FULL_BP
        arrivals = rng.poisson(RPS * SHARES * arms[:, None, None], (streams, 2, *SHARES.shape))
        pair = np.stack([arrivals, rng.binomial(arrivals, RATES)], axis=2)
        whole = pair.sum(axis=(-1, -2))[None]
        countries, tiers = (np.moveaxis(pair.sum(axis=axis), -1, 0) for axis in (-1, -2))
        yield np.concatenate([whole, countries, tiers])


@cache
def thresholds(alpha: float) -> Floats:
    """Log e at which each segment's errors show harm, float64[segments]."""
    shares = alpha_shares(SPEC.model_copy(update={"alpha_rollback": alpha}))
    segments = (ALL_SEGMENT, *SPEC.slices)
    return -np.log([shares[segment, CANDIDATE, ERRORS.name] for segment in segments])


def peaks(streams: int) -> Floats:
    """The highest evidence of each segment, float64[segments, streams]; each has its strata."""
    weight_bp = ramp(PANES)
    late = [LateRatio(ratio_sums(streams)) for _ in (ALL_SEGMENT, *SPEC.slices)]
    strata = [Strata(streams, 2, [folding_late(each)]) for each in late]
    peak = np.zeros((len(late), streams))
    for pane, segments in enumerate(counts(114, streams, weight_bp)):
        for row, mine in enumerate(segments):
            if strata[row].add(mine, int(weight_bp[pane]), pane):
                np.maximum(peak[row], late[row].log_e_harm(), out=peak[row])
    return peak


def run(streams: int) -> Result:
    """Harm in any segment rolls back."""
    peak = peaks(streams)
    return Result(figures=tuple(_figure(peak, alpha, streams) for alpha in ALPHAS))


def _figure(peak: Floats, alpha: float, streams: int) -> Figure:
    hits = int((peak >= thresholds(alpha)[:, None]).any(axis=0).sum())
    return error_rate(BAR, SCENARIO, hits, streams, alpha)


TASKS = (Task(name=f"{BAR}: {SCENARIO}", run=run, weight=6.0),)
