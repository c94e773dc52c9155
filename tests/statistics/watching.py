"""When does the evidence of many streams cross? `Pair` and `Watch` of the judge, side by side.

The strata, sums and the timeline are the judge's own, over a leading axis of streams;
`test_agreement` holds that a whole `RolloutJudge` crosses in the same pane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from streams.evidence.fixed import Bools, Floats, Ints
from streams.evidence.onset import start_block
from streams.evidence.rates import RatioSums, RatioTest
from streams.evidence.strata import StratumSums
from streams.evidence.two_sample import TwoSampleSums, TwoSampleTest
from streams.judge.monitors.late import LateRatio
from streams.judge.weights import Placement
from tests.statistics.traffic import PANE_MS, Traffic, timeline

Sums = RatioSums | TwoSampleSums
Fold = Callable[[Ints, Bools, int], None]
"""Counts of closed strata, which streams have closed one, and the start block."""
Looked = Iterator[int]
ALPHAS = (0.05, 0.01)
CANDIDATE_ARM = 1


def ratio_sums(streams: int, margin: float = 0.0) -> RatioSums:
    """What judges errors, without the lattice of the displayed interval."""
    return RatioSums.zeros(RatioTest(margin, resolution=None), (streams,))


def frequent_sums(streams: int, rate: float, margin: float = 0.0) -> TwoSampleSums:
    """What judges events above 5 %."""
    return TwoSampleSums.zeros(TwoSampleTest(margin, rate, resolution=None), (streams,))


def folding(sums: Sums, column: int = 1, exposures: int = 0) -> Fold:
    """Fold closed strata by their realised shares, as the judge does for promotion."""

    def fold(counts: Ints, mask: Bools, _block: int) -> None:
        n, x = counts[..., exposures], counts[..., column]
        sums.fold(n[:, 0], n[:, 1], x[:, 0], x[:, 1], mask)

    return fold


def folding_late(late: LateRatio, column: int = 1, exposures: int = 0) -> Fold:
    """The same for harm, which may begin late; the late form's sums take the strata too."""

    def fold(counts: Ints, mask: Bools, block: int) -> None:
        n, x = counts[..., exposures], counts[..., column]
        late.fold(n[:, 0], n[:, 1], x[:, 0], x[:, 1], block, mask)

    return fold


class Strata:
    """The open stratum of every stream; a weight change and, for promotion, a gap close it."""

    def __init__(self, streams: int, columns: int, folds: Sequence[Fold]) -> None:
        self.sums = StratumSums.zeros(columns, (streams,))
        self._folds = folds
        self._weight_bp = -1

    def add(self, counts: Ints, weight_bp: int, pane: int) -> bool:
        """Add a pane; whether any stream has closed a stratum."""
        changed = weight_bp != self._weight_bp
        if changed:
            self.close(pane)
            self._weight_bp = weight_bp
        self.sums.add(counts)
        full = self.sums.closes(weight_bp)
        if full.any():
            self._fold(full, pane)
        return changed or bool(full.any())

    def close(self, pane: int) -> None:
        """Close whatever is open."""
        self._fold(self.sums.exposures > 0, pane)

    def _fold(self, mask: Bools, pane: int) -> None:
        taken, block = self.sums.take(mask), int(start_block(pane * PANE_MS / 1000))
        for fold in self._folds:
            fold(taken, mask, block)


def harm_panes(traffic: Traffic, folds: Sequence[Fold], guard_s: float = 0.0) -> Looked:
    """Feed every pane but those after a lowered weight; yield panes after which to look."""
    weights = timeline(traffic.weight_bp, guard_s)
    strata = Strata(traffic.streams, traffic.columns, folds)
    for pane, counts in enumerate(traffic.counts()):
        start = pane * PANE_MS
        lowered = weights.lowered(CANDIDATE_ARM, start, start + PANE_MS)
        if not lowered and strata.add(counts, int(traffic.weight_bp[pane]), pane):
            yield pane


def stage_panes(
    traffic: Traffic, folds: Sequence[Fold], guard_s: float = 0.0, first: int = 0
) -> Looked:
    """Feed steady panes from `first` on, outside the guard; yield panes after which to look."""
    weights = timeline(traffic.weight_bp, guard_s)
    strata, last = Strata(traffic.streams, traffic.columns, folds), first - 1
    for pane, counts in enumerate(traffic.counts()):
        placement, _ = weights.place(pane * PANE_MS, (pane + 1) * PANE_MS)
        if pane < first or placement is not Placement.STEADY:
            continue
        if pane != last + 1:
            strata.close(pane)
        last = pane
        if strata.add(counts, int(traffic.weight_bp[pane]), pane):
            yield pane


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """How high the evidence ever was, and after how many panes it crossed (inf: never)."""

    peak: Floats
    first: Mapping[float, Floats]

    def ever(self, alpha: float) -> int:
        """Streams that crossed at alpha."""
        return int(np.isfinite(self.first[alpha]).sum())


def seen(
    looks: Looked, log_e: Callable[[], Floats], streams: int, alphas: Sequence[float] = ALPHAS
) -> Seen:
    """Look after every pane; ends early when all streams have crossed at every alpha."""
    peak = np.full(streams, -np.inf)
    first = {alpha: np.full(streams, np.inf) for alpha in alphas}
    for pane in looks:
        np.maximum(peak, log_e(), out=peak)
        for alpha, panes in first.items():
            panes[(peak >= -np.log(alpha)) & np.isinf(panes)] = pane + 1
        if np.isfinite(first[min(alphas)]).all():
            break
    return Seen(peak=peak, first=first)


def watch_harm(
    traffic: Traffic,
    sums: Sums,
    *,
    guard_s: float = 0.0,
    alphas: Sequence[float] = ALPHAS,
) -> Seen:
    """Evidence of harm on the first metric, begun at whatever time, as the judge weighs it."""
    late = LateRatio(sums)
    looks = harm_panes(traffic, [folding_late(late)], guard_s)
    return seen(looks, late.log_e_harm, traffic.streams, alphas)


def watch_early_harm(traffic: Traffic, sums: Sums, *, alphas: Sequence[float] = ALPHAS) -> Seen:
    """Evidence of harm from the first second on: the sums alone, without late onsets."""
    looks = harm_panes(traffic, [folding(sums)])
    return seen(looks, sums.log_e_harm, traffic.streams, alphas)


def watch_safe(
    traffic: Traffic,
    sums: Sums,
    *,
    guard_s: float = 0.0,
    first: int = 0,
    alphas: Sequence[float] = (0.05,),
) -> Seen:
    """Evidence of non-inferiority on the first metric, of the panes from `first` on."""
    looks = stage_panes(traffic, [folding(sums)], guard_s, first)
    return seen(looks, sums.log_e_safe, traffic.streams, alphas)
