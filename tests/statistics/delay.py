"""Bar 3: how soon is harm found, beside a test that may look once?

As the judge weighs it, which allows for harm that begins later, and, beside that, by the evidence
on harm that is there from the first second on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from tests.statistics.facts import Figure, Point, Result, Series, Task
from tests.statistics.fixed_sample import exact_power, fixed_sample
from tests.statistics.traffic import Canary, canary
from tests.statistics.watching import Seen, ratio_sums, watch_early_harm, watch_harm

Watch = Callable[..., Seen]

BAR = "3 delay"
ALPHA = 0.01
RPS_PER_ARM = 10.0
LOOKS = 100
"""In the fixed sample, about, but never fewer than `RPS_PER_ARM` requests a second and arm."""
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


FORMS: tuple[tuple[str, Watch], ...] = (
    ("as judged", watch_harm),
    ("without late onset", watch_early_harm),
)


def seconds_to_harm(traffic: Canary, watch: Watch) -> np.ndarray:
    """Seconds of data until harm is shown, looked at every second; inf where it never is."""
    return watch(traffic, ratio_sums(traffic.streams), alphas=(ALPHA,)).first[ALPHA]


def later(values: np.ndarray, q: float) -> float:
    """Quantile as the value of a stream, so that inf stays inf."""
    return float(np.quantile(values, q, method="inverted_cdf"))


def run(rise: Rise, streams: int) -> Result:
    """Requests an arm until harm is shown, in units of the exact fixed sample."""
    needed = fixed_sample(RATE, rise.ratio, ALPHA)
    rps = max(RPS_PER_ARM, needed / LOOKS)
    panes = int(5 * needed / rps) + 20
    shape = {"rate": RATE, "ratio": rise.ratio, "rps": 2 * rps, "panes": panes}
    traffic = canary(rise.seed, streams, **shape)
    parts = {form: seconds_to_harm(traffic, watch) * rps / needed for form, watch in FORMS}
    name = f"RR {rise.ratio:g} at 1 %, {rps:.0f} rps, fixed sample {needed:,} an arm"
    figures = tuple(
        _figure(f"{name}, {form}, {label}", later(found, q), must, reference, streams)
        for form, found in parts.items()
        for label, q, must, reference in (
            ("median", 0.5, MEDIAN, MEDIAN_REFERENCE),
            ("80 % quantile", 0.8, LATE, LATE_REFERENCE),
        )
    )
    return Result(figures=figures, series=_curves(rise.ratio, parts[FORMS[0][0]], needed))


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
    shape = {"rate": RATE, "ratio": sudden.share / RATE, "rps": 2 * RPS_PER_ARM, "panes": 300}
    traffic, figures = canary(sudden.seed, streams, **shape), []
    for form, watch in FORMS:
        seconds = seconds_to_harm(traffic, watch)
        name = f"1 % -> {sudden.share:.0%} errors, 10 rps an arm, {form}"
        figures += [
            Figure(
                bar=BAR,
                scenario=f"{name}, {label}",
                value=later(seconds, q),
                unit="s of data",
                must=must,
                streams=streams,
            )
            for label, q, must in (("median", 0.5, sudden.median_s), ("p95", 0.95, sudden.p95_s))
        ]
    return Result(figures=tuple(figures))


TASKS = (
    *(Task(name=f"{BAR}: RR {r.ratio:g}", run=partial(run, r)) for r in RISES),
    *(Task(name=f"{BAR}: 1 % -> {s.share:.0%}", run=partial(run_sudden, s)) for s in SUDDEN),
)
