"""Which sketch of a cell does a metric of generative models look at?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

import numpy as np

from streams.judge.monitors.capped import CappedReader
from streams.judge.monitors.evidence import Counts, Reader
from streams.judge.monitors.means import MEAN_COLUMNS
from streams.judge.monitors.rates import RATE_COLUMNS
from streams.sketches.cell import Cell
from streams.sketches.llm_cell import LlmCell
from streams.sketches.log_histogram import LogHistogram
from streams.sketches.scaled_sums import ScaledSums
from streams.spec.metric_facts import MetricKind, Timing

_NOTHING = LlmCell()
"""Stands for the part of a cell that has none; never written to."""


def part_of(cell: Cell) -> LlmCell:
    """What generative models added to a cell."""
    return _NOTHING if cell.llm is None else cell.llm


def times_of(timing: Timing) -> Callable[[Cell], LogHistogram]:
    """What takes these times from a cell."""
    match timing:
        case Timing.REQUEST:
            return lambda cell: cell.latency
        case Timing.TTFT:
            return lambda cell: part_of(cell).ttft
        case Timing.TPOT:
            return lambda cell: part_of(cell).tpot
        case _:
            assert_never(timing)


def generative_reader(kind: MetricKind) -> Reader:
    """What counts a metric that only generative models have.

    Raises:
        ValueError: a metric of another kind.
    """
    match kind:
        case MetricKind.REFUSALS:
            return RefusalReader()
        case MetricKind.JUDGE_SCORES:
            return SumsReader(lambda cell: part_of(cell).judged)
        case MetricKind.TOKENS_IN:
            return CappedReader(lambda cell: part_of(cell).tokens_in)
        case MetricKind.TOKENS_OUT:
            return CappedReader(lambda cell: part_of(cell).tokens_out)
        case _:
            raise ValueError(f"{kind} is no metric of generative models")


class RefusalReader:
    """Answers that say whether they were refused, and those that were."""

    columns = RATE_COLUMNS
    ready = True

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """[told, refused] per arm."""
        parts = (part_of(baseline), part_of(candidate))
        return np.array([[part.told, part.refused] for part in parts], np.int64)

    def to_state(self) -> Any:
        """Nothing is learnt."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing to take on."""


class SumsReader:
    """Values in [0, 1] of a pane; `pick` takes their sums from a cell."""

    columns = MEAN_COLUMNS
    ready = True

    def __init__(self, pick: Callable[[Cell], ScaledSums]) -> None:
        self._pick = pick

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """[values, sum, squares] per arm, in parts of `scaled_sums.UNIT`."""
        arms = (self._pick(baseline), self._pick(candidate))
        return np.array([[sums.count, sums.total, sums.squares] for sums in arms], np.int64)

    def to_state(self) -> Any:
        """Nothing is learnt."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing to take on."""
