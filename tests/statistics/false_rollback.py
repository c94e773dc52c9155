"""Bar 1: two identical models, looked at every second. How many are ever rolled back?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from streams.evidence.budget import split
from streams.evidence.fixed import Ints
from streams.evidence.rates import RatioSums
from streams.judge.monitors.late import LateRatio
from tests.statistics.disturbed import LateErrors, Repeated, Users
from tests.statistics.facts import Figure, Result, Series, Task, error_rate
from tests.statistics.traffic import Canary, Traffic, canary, diurnal, ramp, shock, up_and_down
from tests.statistics.watching import (
    ALPHAS,
    Seen,
    Strata,
    folding_late,
    harm_panes,
    ratio_sums,
    seen,
    watch_harm,
)

BAR = "1 false rollback"
PANES = 600
GUARD_S = 45.0
REFERENCE = {0.05: (0.010, 0.050), 0.01: (0.0, 0.0123)}
METRICS = 12
MINUTE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """An A/A rollout: how its traffic is made from a number of streams."""

    name: str
    traffic: Callable[[int], Traffic]
    guard_s: float = 0.0


def late_up_and_down(streams: int) -> Traffic:
    """Errors that complete 30 s after their requests began."""
    inner = canary(110, streams, weight_bp=up_and_down(PANES), rate=0.05)
    return LateErrors(inner=inner)


def repeated(streams: int) -> Traffic:
    """1 % duplicates, 5 % of requests up to 5 s late."""
    return Repeated(inner=canary(111, streams, panes=PANES))


def users(streams: int) -> Traffic:
    """Four new users a second whose own requests fail together."""
    weight_bp = np.full(PANES, 5_000)
    return Users(seed=112, streams=streams, weight_bp=weight_bp, users_s=4.0, rate=0.02, icc=0.3)


def ramp_and_shock(streams: int) -> Canary:
    """Errors triple for everyone while the share rises."""
    return canary(104, streams, weight_bp=ramp(PANES), rate=shock(PANES, 0.02))


def breathing_day(streams: int) -> Canary:
    """Arrivals and error rates both rise and fall threefold."""
    rate, rps = diurnal(PANES, 0.02), diurnal(PANES, 40.0)
    return canary(105, streams, weight_bp=ramp(PANES), rate=rate, rps=rps)


SCENARIOS = (
    Scenario(name="50/50", traffic=partial(canary, 101, panes=PANES)),
    Scenario(
        name="5/95", traffic=partial(canary, 102, weight_bp=500, rate=0.05, rps=60.0, panes=PANES)
    ),
    Scenario(name="six-step ramp", traffic=partial(canary, 103, weight_bp=ramp(PANES))),
    Scenario(name="ramp + common shock", traffic=ramp_and_shock),
    Scenario(name="diurnal x3", traffic=breathing_day),
    Scenario(name="p = 1e-4", traffic=partial(canary, 106, rate=1e-4, rps=4_000.0, panes=PANES)),
    Scenario(
        name="weight 1 bp",
        traffic=partial(canary, 107, weight_bp=1, rate=0.05, rps=5_000.0, panes=PANES),
    ),
    Scenario(
        name="arms breathe apart", traffic=partial(canary, 109, rate=0.05, jitter=0.3, panes=PANES)
    ),
    Scenario(name="errors 30 s late, up and down", traffic=late_up_and_down, guard_s=GUARD_S),
    Scenario(name="1 % twice, 5 % late", traffic=repeated),
    Scenario(name="users of 1-200 requests", traffic=users),
)


def figures(name: str, found: Seen, streams: int) -> tuple[Figure, ...]:
    """One per alpha."""
    return tuple(
        error_rate(BAR, name, found.ever(alpha), streams, alpha, REFERENCE[alpha])
        for alpha in ALPHAS
    )


def run(scenario: Scenario, streams: int) -> Result:
    """Watch one scenario."""
    found = watch_harm(scenario.traffic(streams), ratio_sums(streams), guard_s=scenario.guard_s)
    return Result(figures=figures(scenario.name, found, streams))


def run_many_metrics(streams: int) -> Result:
    """Twelve independent metrics share the budget: any of them rolls back."""
    panes, rates = PANES * 2 // 3, np.geomspace(0.003, 0.3, METRICS)
    traffic = Canary(
        seed=108,
        streams=streams,
        weight_bp=ramp(panes),
        rps=np.full(panes, 40.0),
        rate_b=np.broadcast_to(rates, (panes, METRICS)),
        rate_c=np.broadcast_to(rates, (panes, METRICS)),
    )
    mixtures = [LateRatio(ratio_sums(streams)) for _ in range(METRICS)]
    folds = [folding_late(each, 1 + place) for place, each in enumerate(mixtures)]

    def highest() -> np.ndarray:
        return np.max([each.log_e_harm() for each in mixtures], axis=0)

    shares = {alpha: split(alpha, dict.fromkeys(range(METRICS), 1.0))[0] for alpha in ALPHAS}
    looks = harm_panes(traffic, folds)
    found = seen(looks, highest, streams, tuple(shares.values()))
    first = {alpha: found.first[each] for alpha, each in shares.items()}
    both = Seen(peak=found.peak, first=first)
    return Result(figures=figures("12 metrics together", both, streams))


def run_rebalance(streams: int) -> Result:
    """Twice in the middle the state goes to JSON and back, and one partition falls behind.

    A pane is judged once both partitions have it, so the late one delays and changes nothing:
    the sums must end as the same bytes.
    """
    plain, moved = ratio_sums(streams), ratio_sums(streams)
    untouched = watch_harm(canary(113, streams), plain)
    found = _with_rebalances(canary(113, streams), moved)
    same = int(json.dumps(plain.to_state()) != json.dumps(moved.to_state()))
    same += int((untouched.peak != found.peak).sum())
    drift = Figure(
        bar=BAR,
        scenario="rebalance, streams that end otherwise than undisturbed",
        value=float(same),
        unit="streams",
        must=0.0,
        streams=streams,
    )
    return Result(figures=(*figures("rebalance in the middle", found, streams), drift))


def _with_rebalances(traffic: Canary, sums: RatioSums) -> Seen:
    late = LateRatio(sums)
    strata = Strata(traffic.streams, traffic.columns, [folding_late(late)])

    def looks() -> Iterator[int]:
        for pane, counts in _as_partitions(traffic):
            if pane in (200, 400):
                _through_json(sums, late, strata)
            if strata.add(counts, int(traffic.weight_bp[pane]), pane):
                yield pane

    return seen(looks(), late.log_e_harm, traffic.streams)


def _as_partitions(traffic: Canary) -> Iterator[tuple[int, Ints]]:
    """Panes as two partitions bring them; from 250 on the second lags by 1 to 30 panes."""
    rng, waiting = np.random.default_rng(traffic.seed + 1), []
    for pane, counts in enumerate(traffic.counts()):
        first = rng.binomial(counts, 0.5)
        waiting.append((pane, first, counts - first))
        lag = int(rng.integers(1, 31)) if 250 <= pane < 350 else 0
        while waiting and pane >= waiting[0][0] + lag:
            number, one, other = waiting.pop(0)
            yield number, one + other
    yield from ((pane, one + other) for pane, one, other in waiting)


def _through_json(sums: RatioSums, late: LateRatio, strata: Strata) -> None:
    """What a worker does that takes a partition over."""
    back = RatioSums.from_state(sums.test, _stored(sums.to_state()))
    for name in RatioSums.__slots__:
        setattr(sums, name, getattr(back, name))
    late.restore(_stored(late.to_state()), sums)
    strata.sums = type(strata.sums).from_state(_stored(strata.sums.to_state()))


def _stored(state: Any) -> Any:
    return json.loads(json.dumps(state))


def run_naive(streams: int) -> Result:
    """A pooled z-test of nominal 5 %, once a minute, on the same kinds of traffic."""
    cases = (
        ("50/50", canary(101, streams, panes=PANES)),
        ("six-step ramp", canary(103, streams, weight_bp=ramp(PANES))),
        ("ramp + common shock", ramp_and_shock(streams)),
    )
    points = [(float(place), _z_fires(traffic)) for place, (_, traffic) in enumerate(cases)]
    names = [name for name, _ in cases]
    series = (
        Series(plot="naive", label=name, points=(point,))
        for name, point in zip(names, points, strict=True)
    )
    return Result(series=tuple(series))


def _z_fires(traffic: Canary) -> float:
    total = np.zeros((traffic.streams, 2, 2))
    fired = np.zeros(traffic.streams, np.bool_)
    for pane, counts in enumerate(traffic.counts()):
        total += counts
        if (pane + 1) % MINUTE == 0:
            n, x = np.maximum(total[..., 0], 1), total[..., 1]
            p = x.sum(-1) / n.sum(-1)
            se = np.sqrt(p * (1 - p) * (1 / n).sum(-1))
            fired |= x[:, 1] / n[:, 1] - x[:, 0] / n[:, 0] > 1.645 * se
    return float(fired.mean())


TASKS = (
    *(Task(name=f"{BAR}: {each.name}", run=partial(run, each)) for each in SCENARIOS),
    Task(name=f"{BAR}: 12 metrics together", run=run_many_metrics, weight=8.0),
    Task(name=f"{BAR}: rebalance in the middle", run=run_rebalance, weight=3.0),
    Task(name=f"{BAR}: naive tests beside it", run=run_naive, weight=0.5),
)
