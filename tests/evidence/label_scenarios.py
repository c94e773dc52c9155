"""When do labels come? Exposure panes, delays by bin, matured cohorts, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streams.evidence.fixed import Floats, Ints
from streams.evidence.label_delay import BINS, LabelDelayTest


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Outcomes with exponential delays; both arms together have `rps` exposures a second."""

    seed: int
    streams: int
    rps: float
    share: Floats
    """The candidate's share of exposures, [panes]."""
    window_s: float
    pane_s: float
    mean_delay_s: float
    chance_b: float
    chance_c: float
    slower: float = 1.0
    """The candidate's mean delay over the baseline's."""

    def exposures(self) -> Iterator[tuple[Ints, Ints, Ints, Ints]]:
        """Per pane n_b, n_c [streams] and labels by delay bin, [streams, bins] each."""
        rng = np.random.default_rng(self.seed)
        for share in self.share:
            n_b = rng.poisson(self.rps * self.pane_s * (1 - share), self.streams)
            n_c = rng.poisson(self.rps * self.pane_s * share, self.streams)
            yield n_b, n_c, self._labels(rng, n_b, arm=0), self._labels(rng, n_c, arm=1)

    def _labels(self, rng: np.random.Generator, n: Ints, *, arm: int) -> Ints:
        edges = np.concatenate([[0.0], LabelDelayTest(self.window_s).edges_s])
        delay = self.mean_delay_s * (self.slower if arm else 1.0)
        chance = (self.chance_b, self.chance_c)[arm] * -np.diff(np.exp(-edges / delay))
        return rng.multinomial(n, [*chance, 1.0 - chance.sum()])[:, :BINS]

    def looks(self) -> Iterator[list[tuple[int, int]]]:
        """Per pane that ends, the cells (pane, bin) that become complete."""
        test, panes = LabelDelayTest(self.window_s), len(self.share)
        done = np.zeros(panes, int)
        for now in range(1, panes + 1):
            cells = []
            for pane in range(now):
                reached = test.complete((now - 1 - pane) * self.pane_s)
                cells += [(pane, delay_bin) for delay_bin in range(done[pane], reached)]
                done[pane] = reached
            yield cells
