"""Bar 3: how soon is harm found, beside a test that may look once?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from tests.statistics.facts import Figure, Point, Result, Series, Task
from tests.statistics.fixed_sample import exact_power, fixed_sample
from tests.statistics.traffic import canary
from tests.statistics.watching import ratio_sums, watch_harm

BAR = "3 delay"
ALPHA = 0.01
RPS_PER_ARM = 10.0
RATE = 0.01
MEDIAN, LATE = 1.1, 1.7
MEDIAN_REFERENCE, LATE_REFERENCE = (0.78, 1.01), (1.24, 1.69)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """Errors rise from `RATE` by a ratio."""

    ratio: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sudden:
    """Errors rise to a share; bars in seconds of data at ten requests a second and arm."""

    share: float
    seed: int
    median_s: float
    p95_s: float


RISES = tuple(
    Rise(ratio=ratio, seed=300 + place) for place, ratio in enumerate((1.5, 2.0, 3.0, 5.0, 10.0))
)
SUDDEN = (
    Sudden(share=0.5, seed=311, median_s=3.0, p95_s=5.0),
    Sudden(share=0.05, seed=312, median_s=40.0, p95_s=85.0),
)


def seconds_to_harm(seed: int, ratio: float, panes: int, streams: int) -> np.ndarray:
    """Seconds of data until harm is shown, looked at every second; inf where it never is."""
    traffic = canary(seed, streams, rate=RATE, ratio=ratio, rps=2 * RPS_PER_ARM, panes=panes)
    return watch_harm(traffic, ratio_sums(streams), alphas=(ALPHA,)).first[ALPHA]


def later(values: np.ndarray, q: float) -> float:
    """Quantile as the value of a stream, so that inf stays inf."""
    return float(np.quantile(values, q, method="inverted_cdf"))


def run(rise: Rise, streams: int) -> Result:
    """Requests an arm until harm is shown, in units of the exact fixed sample."""
    needed = fixed_sample(RATE, rise.ratio, ALPHA)
    panes = int(5 * needed / RPS_PER_ARM) + 20
    parts = seconds_to_harm(rise.seed, rise.ratio, panes, streams) * RPS_PER_ARM / needed
    name = f"RR {rise.ratio:g} at 1 %, fixed sample {needed:,} an arm"
    figures = (
        _figure(f"{name}, median", later(parts, 0.5), MEDIAN, MEDIAN_REFERENCE, streams),
        _figure(f"{name}, 80 % quantile", later(parts, 0.8), LATE, LATE_REFERENCE, streams),
    )
    return Result(figures=figures, series=_curves(rise.ratio, parts, needed))


def _figure(name: str, value: float, must: float, reference: Point, streams: int) -> Figure:
    return Figure(
        bar=BAR,
        scenario=name,
        value=value,
        unit="of the fixed sample",
        must=must,
        moonshot=reference[0],
        streams=streams,
        reference=reference,
    )


def _curves(ratio: float, parts: np.ndarray, needed: int) -> tuple[Series, ...]:
    at = np.linspace(0, 2.5, 51)[1:]
    found = [float((parts <= x).mean()) for x in at]
    label = f"RR {ratio:g}"
    ours = Series(plot="delay", label=label, points=tuple(zip(at.tolist(), found, strict=True)))
    if ratio != 2.0:
        return (ours,)
    power = [exact_power(max(1, round(x * needed)), RATE, ratio, ALPHA) for x in at]
    points = tuple(zip(at.tolist(), power, strict=True))
    return ours, Series(plot="delay", label="one look, RR 2", points=points, oracle=True)


def run_sudden(sudden: Sudden, streams: int) -> Result:
    """Seconds of data."""
    seconds = seconds_to_harm(sudden.seed, sudden.share / RATE, 300, streams)
    name = f"1 % -> {sudden.share:.0%} errors, 10 rps an arm"
    figures = tuple(
        Figure(
            bar=BAR,
            scenario=f"{name}, {label}",
            value=later(seconds, q),
            unit="s of data",
            must=must,
            streams=streams,
        )
        for label, q, must in (("median", 0.5, sudden.median_s), ("p95", 0.95, sudden.p95_s))
    )
    return Result(figures=figures)


TASKS = (
    *(Task(name=f"{BAR}: RR {r.ratio:g}", run=partial(run, r), weight=3 / r.ratio) for r in RISES),
    *(Task(name=f"{BAR}: 1 % -> {s.share:.0%}", run=partial(run_sudden, s)) for s in SUDDEN),
)
