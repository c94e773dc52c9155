"""Bar 6, labels: late and missing ones. Are they told apart from harm, and in time?"""

from __future__ import annotations

from functools import partial

import numpy as np

from streams.evidence.fixed import Floats
from streams.evidence.label_coverage import LabelCoverageSums
from streams.evidence.label_delay import LabelDelaySums, LabelDelayTest
from streams.evidence.rates import RatioSums
from tests.evidence.label_scenarios import Labels
from tests.evidence.mean_scenarios import ramp_shares
from tests.statistics.facts import Figure, Result, Task, error_rate, share
from tests.statistics.watching import ratio_sums

BAR = "6 labels"
WINDOW_S, PANE_S, RPS, CHANCE = 600.0, 30.0, 20.0, 0.3
MEAN_DELAY_S = WINDOW_S / 4
PANES = 60
CHUNK = 1_000
ALPHAS = (0.05, 0.01)


def labels(seed: int, streams: int, slower: float = 1.0, *, ramp: bool) -> Labels:
    """Exponential delays, W = 4 mean delays, 10 requests a second and arm where even."""
    return Labels(
        seed=seed,
        streams=streams,
        rps=RPS,
        share=ramp_shares(PANES) if ramp else np.full(PANES, 0.5),
        window_s=WINDOW_S,
        pane_s=PANE_S,
        mean_delay_s=MEAN_DELAY_S,
        chance_b=CHANCE,
        chance_c=CHANCE,
        slower=slower,
    )


def watch(scenario: Labels) -> tuple[Floats, Floats, Floats, Floats]:
    """Highest log e of delay and of matured harm either way; looks until each at .01 is shown."""
    streams = scenario.streams
    delay = LabelDelaySums.zeros(LabelDelayTest(scenario.window_s), (streams,))
    matured, panes = ratio_sums(streams), list(scenario.exposures())
    peaks, first = np.zeros((2, streams)), np.full((2, streams), np.inf)
    for look, cells in enumerate(scenario.looks()):
        for pane, place in cells:
            _fold(delay, matured, panes[pane], place)
        log_e = np.stack([delay.log_e(), _either(matured)])
        np.maximum(peaks, log_e, out=peaks)
        first[(log_e >= np.log(100)) & np.isinf(first)] = look
    return peaks[0], peaks[1], first[0], first[1]


def _fold(delay: LabelDelaySums, matured: RatioSums, pane: tuple, place: int) -> None:
    n_b, n_c, labels_b, labels_c = pane
    delay.fold(place, n_b, n_c, labels_b[:, place], labels_c[:, place])
    if place == labels_b.shape[1] - 1:
        matured.fold(n_b, n_c, labels_b.sum(axis=1), labels_c.sum(axis=1))


def _either(sums: RatioSums) -> Floats:
    """More or fewer labels than the baseline: whichever side is bad, the other is shown here."""
    result: Floats = np.logaddexp(sums.log_e_harm(), sums.log_e_safe()) - np.log(2.0)
    return result


def in_chunks(seed: int, streams: int, slower: float, *, ramp: bool) -> np.ndarray:
    """`watch` of all streams, [4, streams]."""
    sizes = [min(CHUNK, streams - start) for start in range(0, streams, CHUNK)]
    made = (labels(seed + part, size, slower, ramp=ramp) for part, size in enumerate(sizes))
    return np.concatenate([np.stack(watch(each)) for each in made], axis=1)


def run_even(streams: int) -> Result:
    """Equal arms on a ramp."""
    delay, matured, *_ = in_chunks(640, streams, 1.0, ramp=True)
    cases = (("delay check", delay, (0.0, 0.0017)), ("matured verdict", matured, (0.0, 0.031)))
    return Result(
        figures=tuple(
            error_rate(
                BAR,
                f"A/A on a ramp with delays, {name}",
                int((peak >= -np.log(alpha)).sum()),
                streams,
                alpha,
                reference,
            )
            for name, peak, reference in cases
            for alpha in ALPHAS
        )
    )


def run_slower(streams: int) -> Result:
    """Twice the delay."""
    *_, flagged, verdict = in_chunks(660, streams, 2.0, ramp=False)
    name = "twice the delay flagged before the matured verdict"
    hits = int((flagged < verdict).sum())
    return Result(figures=(share(BAR, name, hits, streams, must=0.95, better="higher"),))


def run_coverage(labelled: float, streams: int) -> Result:
    """Mistakes 10 % against 10.5 %, just what is tolerated; .9 of the baseline is labelled."""
    rng, coverage = np.random.default_rng(680), LabelCoverageSums.zeros((streams,))
    mistakes = ratio_sums(streams, 0.05)
    gap, wrong, guarded = (np.full(streams, np.inf) for _ in range(3))
    for pane in range(150):
        n = rng.poisson(400, (2, streams))
        missing = rng.binomial(n, [[0.1], [1 - labelled]])
        found = rng.binomial(n - missing, [[0.1], [0.105]])
        coverage.fold(*n, *missing)
        mistakes.fold(*n, *found)
        gap[(coverage.log_e_gap() >= np.log(100)) & np.isinf(gap)] = pane
        promoted = mistakes.log_e_safe() >= np.log(20)
        wrong[promoted & np.isinf(wrong)] = pane
        guarded[promoted & coverage.is_similar(0.05) & np.isinf(guarded)] = pane
    return Result(figures=tuple(_coverage(labelled, gap, wrong, guarded)))


def _coverage(labelled: float, gap: Floats, wrong: Floats, guarded: Floats) -> list[Figure]:
    streams, promoted = gap.size, int(np.isfinite(guarded).sum())
    if labelled == 0.9:
        hits = int(np.isfinite(gap).sum())
        return [
            error_rate(BAR, "coverage .9 in both arms flagged", hits, streams, 0.01),
            error_rate(
                BAR, "coverage .9 in both arms, promoted at the margin", promoted, streams, 0.05
            ),
        ]
    hits = int((gap < wrong).sum())
    return [
        share(
            BAR,
            "coverage .9 / .8 flagged before it misleads",
            hits,
            streams,
            must=0.95,
            better="higher",
        ),
        share(BAR, "coverage .9 / .8 promoted all the same", promoted, streams, must=0.0018),
    ]


TASKS = (
    Task(name=f"{BAR}: A/A", run=run_even, weight=8.0),
    Task(name=f"{BAR}: twice the delay", run=run_slower, weight=8.0),
    Task(name=f"{BAR}: even coverage", run=partial(run_coverage, 0.9), weight=2.0),
    Task(name=f"{BAR}: coverage gap", run=partial(run_coverage, 0.8), weight=2.0),
)
