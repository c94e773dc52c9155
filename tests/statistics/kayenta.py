"""Bar 4: beside the Kayenta-compatible judge, on the same streams.

Kayenta sees error rates per minute at twelve growing looks (30 to 360 minutes), ours every minute
or second. Its judge is not vectorised, so it sees the first 500 of the streams.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from streams.evidence.fixed import Floats, Ints
from streams.evidence.onset import start_block
from streams.evidence.overdispersion import phi_from_blocks, tempered_log_e_harm
from streams.judge.kayenta.canary import judge_canary
from streams.judge.kayenta.facts import Label
from streams.judge.monitors.late import LateRatio
from tests.statistics.facts import Figure, Point, Result, Series, Task, error_rate, share
from tests.statistics.traffic import canary
from tests.statistics.watching import ALPHAS, ratio_sums, watch_harm

BAR = "4 beside Kayenta"
JUDGED = 500
LOOKS = tuple(range(30, 361, 30))
MINUTES = LOOKS[-1]
CONFIG = {
    "metrics": [{"name": "errors", "analysisConfigurations": {"canary": {"direction": "increase"}}}]
}
BLOCKS, BLOCK_MINUTES = 48, 60


def kayenta_looks(rates: Floats) -> Floats:
    """Minutes until Kayenta first says High, [streams]; rates [streams, 2, minutes]."""
    return np.array([_first_high(stream) for stream in rates])


def _first_high(rates: Floats) -> float:
    for minutes in LOOKS:
        control, experiment = ({"errors": arm[:minutes].tolist()} for arm in rates)
        if judge_canary(CONFIG, control, experiment).metrics[0].label is Label.HIGH:
            return float(minutes)
    return np.inf


def rates_of(counts: Ints) -> Floats:
    """Error rates per minute [streams, 2, minutes] from counts [streams, 2, minutes, 2]."""
    result: Floats = counts[..., 1] / np.maximum(counts[..., 0], 1)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Restless:
    """Log error rates of minutes wander as an AR(1) series of each arm's own, or of both."""

    name: str
    rho: float
    seed: int
    common: bool
    spread: float = 0.2
    rate: float = 0.02
    requests: float = 1_200.0

    def counts(self, streams: int, minutes: int, seed: int) -> Iterator[Ints]:
        """Minute by minute, int64[streams, 2, 2]; a common shock triples rates for an hour."""
        rng = np.random.default_rng((self.seed, seed))
        arms = 1 if self.common else 2
        state = rng.normal(0, self.spread, (streams, arms))
        for minute in range(minutes):
            step = rng.normal(0, self.spread * np.sqrt(1 - self.rho**2), (streams, arms))
            state = self.rho * state + step
            shock = 3.0 if self.common and 180 <= minute < 240 else 1.0
            rate = np.broadcast_to(np.minimum(self.rate * shock * np.exp(state), 1), (streams, 2))
            arrivals = rng.poisson(self.requests, (streams, 2))
            yield np.stack([arrivals, rng.binomial(arrivals, rate)], axis=-1)

    def phi(self, streams: int) -> Floats:
        """What two days of the baseline before the rollout say of its dispersion."""
        events = np.zeros((streams, BLOCKS))
        exposures = np.zeros((streams, BLOCKS))
        for minute, counts in enumerate(self.counts(streams, BLOCKS * BLOCK_MINUTES, 1)):
            exposures[:, minute // BLOCK_MINUTES] += counts[:, 0, 0]
            events[:, minute // BLOCK_MINUTES] += counts[:, 0, 1]
        return phi_from_blocks(events, exposures)


def run_restless(case: Restless, streams: int) -> Result:
    """A/A: how many are ever flagged, by Kayenta and by us."""
    phi = np.ones(streams) if case.common else case.phi(streams)
    sums, peak, kept = ratio_sums(streams), np.full(streams, -np.inf), []
    for counts in case.counts(streams, MINUTES, 0):
        kept.append(counts[:JUDGED])
        sums.fold(counts[:, 0, 0], counts[:, 1, 0], counts[:, 0, 1], counts[:, 1, 1])
        np.maximum(peak, tempered_log_e_harm(sums, phi), out=peak)
    figures = tuple(
        error_rate(
            f"{BAR} (a)",
            f"A/A, {case.name}",
            int((peak >= -np.log(alpha)).sum()),
            streams,
            alpha,
            {0.05: (0.0, 0.05), 0.01: (0.0, 0.0125)}[alpha],
        )
        for alpha in ALPHAS
    )
    judged = kayenta_looks(rates_of(np.stack(kept, axis=2)))
    theirs = float(np.isfinite(judged).mean())
    ours = float((peak >= -np.log(0.01)).mean())
    return Result(figures=figures, series=_pair("kayenta A/A", case.name, ours, theirs))


def _pair(plot: str, name: str, ours: float, theirs: float) -> tuple[Series, ...]:
    found = (("davy", ours), ("Kayenta", theirs))
    return tuple(
        Series(plot=plot, label=f"{name}, {who}", points=((0.0, value),)) for who, value in found
    )


class Recorder:
    """Passes a traffic on and keeps its first streams' counts by minute."""

    def __init__(self, inner: object) -> None:
        self.inner = inner
        self.minutes: list[Ints] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def counts(self) -> Iterator[Ints]:
        """The inner traffic's panes."""
        for pane, counts in enumerate(self.inner.counts()):
            if pane % 60 == 0:
                self.minutes.append(np.zeros_like(counts[:JUDGED]))
            self.minutes[-1] += counts[:JUDGED]
            yield counts


def run_small_candidate(streams: int) -> Result:
    """5 % candidate, errors .1 -> 1 %, 20 rps: how many are found within 30 minutes?"""
    traffic = Recorder(
        canary(420, streams, weight_bp=500, rps=20.0, rate=0.001, ratio=10.0, panes=1_800)
    )
    found = watch_harm(traffic, ratio_sums(streams, 0.25), alphas=(0.01,))
    figure = share(
        f"{BAR} (b)",
        "5 % candidate, .1 -> 1 % errors, 20 rps: found within 30 min, d = .25, at .01",
        found.ever(0.01),
        streams,
        must=0.97,
        better="higher",
        reference=(0.984, 0.994),
    )
    minutes = [*traffic.minutes, *_later(min(JUDGED, streams))]
    judged = kayenta_looks(rates_of(np.stack(minutes, axis=2)))
    return Result(figures=(figure,), series=_found(found.first[0.01] / 60, judged))


def _later(streams: int) -> Iterator[Ints]:
    """The same canary after its first 30 minutes, by minute."""
    rng = np.random.default_rng(421)
    for _ in range(MINUTES - 30):
        arrivals = rng.poisson([1_140.0, 60.0], (streams, 2))
        yield np.stack([arrivals, rng.binomial(arrivals, [0.001, 0.01])], axis=-1)


def _found(ours: Floats, theirs: Floats) -> tuple[Series, ...]:
    def curve(minutes: Floats, at: Iterator[float]) -> tuple[Point, ...]:
        return tuple((t, float((minutes <= t).mean())) for t in at)

    return (
        Series(plot="kayenta found", label="davy", points=curve(ours, map(float, range(1, 31)))),
        Series(plot="kayenta found", label="Kayenta", points=curve(theirs, map(float, LOOKS))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeGround:
    """Independent minutes, both arms alike in size, a candidate that errs more."""

    ratio: float
    requests: float
    seed: int
    rate: float = 0.02


def run_home_ground(case: HomeGround, streams: int) -> Result:
    """By how much does Kayenta's share found at a look ever exceed ours one look later?

    Its twelve looks spend .01 each, ours share .01: stream by stream it may be lucky once.
    """
    streams = min(streams, JUDGED)
    rng, late, kept = np.random.default_rng(case.seed), LateRatio(ratio_sums(streams)), []
    ours = np.full(streams, np.inf)
    for minute in range(1, MINUTES + 31):
        arrivals = rng.poisson(case.requests, (streams, 2))
        counts = np.stack(
            [arrivals, rng.binomial(arrivals, [case.rate, case.rate * case.ratio])], axis=-1
        )
        kept.append(counts)
        n, x, block = counts[..., 0], counts[..., 1], start_block(60 * (minute - 1))
        late.fold(n[:, 0], n[:, 1], x[:, 0], x[:, 1], block)
        crossed = (late.log_e_harm() >= -np.log(0.01)) & np.isinf(ours)
        ours[crossed] = minute
    theirs = kayenta_looks(rates_of(np.stack(kept, axis=2)))
    ahead = max(float((theirs <= t).mean() - (ours <= t + 30).mean()) for t in LOOKS)
    behind = float((np.ceil(ours / 30) > theirs / 30 + 1).mean())
    name = f"i.i.d. minutes of {case.requests:g} requests, RR {case.ratio:g}"
    figure = Figure(
        bar=f"{BAR} (c)",
        scenario=f"{name}: share found behind a look before (streams later: {behind:.1%})",
        value=ahead,
        unit="share of streams",
        must=0.0,
        streams=streams,
    )
    return Result(figures=(figure,))


RESTLESS = (
    *(
        Restless(name=f"AR(1) {rho:g} in each arm", rho=rho, seed=400 + place, common=False)
        for place, rho in enumerate((0.5, 0.8, 0.9))
    ),
    Restless(name="AR(1) .9 and a shock in both", rho=0.9, seed=410, common=True),
)
HOME = tuple(
    HomeGround(ratio=ratio, requests=requests, seed=430 + place)
    for place, (ratio, requests) in enumerate(((1.25, 240.0), (1.5, 120.0), (2.0, 60.0)))
)
TASKS = (
    *(Task(name=f"{BAR}: {c.name}", run=partial(run_restless, c), weight=8.0) for c in RESTLESS),
    Task(name=f"{BAR}: small candidate", run=run_small_candidate, weight=8.0),
    *(Task(name=f"{BAR}: RR {h.ratio}", run=partial(run_home_ground, h), weight=3.0) for h in HOME),
)
