"""How is what generative models add put into cells? One pass a value, over group x bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.sketches.cell import Cell
from streams.sketches.llm_cell import LlmCell
from streams.sketches.log_histogram import MAPPING, LogHistogram
from streams.sketches.scaled_sums import UNIT
from streams.sketches.summed_histogram import SummedHistogram
from streams.wire.columns import LlmColumns

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredLlm:
    """One entry an event; -1 where there is no value."""

    given: NDArray[np.bool_]
    """Where the event has any of this."""
    refused: NDArray[np.int8]
    ttft: Ints
    """Bucket; the last one of what timed out before its first token."""
    tpot: Ints
    tokens_in: Ints
    tokens_out: Ints
    judged: Ints
    """Parts of 1 / UNIT."""

    @classmethod
    def of(cls, columns: LlmColumns, chosen: Ints, timeout: NDArray[np.bool_]) -> MeasuredLlm:
        """The chosen events; `timeout` tells which of them timed out."""
        given, ttft_ms = columns.given[chosen], columns.ttft_ms[chosen]
        never = given & timeout & np.isnan(ttft_ms)
        return cls(
            given=given,
            refused=columns.refused[chosen],
            ttft=np.where(never, MAPPING.size - 1, _buckets(ttft_ms)),
            tpot=_buckets(columns.tpot_ms[chosen]),
            tokens_in=_whole(columns.tokens_in[chosen]),
            tokens_out=_whole(columns.tokens_out[chosen]),
            judged=_whole(columns.judge_score[chosen] * UNIT),
        )

    def part(self, part: NDArray[np.bool_]) -> MeasuredLlm:
        """Those of its events that are in `part`."""
        return MeasuredLlm(
            given=self.given[part],
            refused=self.refused[part],
            ttft=self.ttft[part],
            tpot=self.tpot[part],
            tokens_in=self.tokens_in[part],
            tokens_out=self.tokens_out[part],
            judged=self.judged[part],
        )

    def add_to(self, groups: Sequence[Cell], group_of: Ints) -> None:
        """Add the events to the cells of their groups; cells without any stay without."""
        held = np.unique(group_of[self.given])
        place = np.full(len(groups), _NONE, np.int64)
        place[held] = np.arange(held.size)
        cells, of = [groups[i].generative() for i in held.tolist()], place[group_of]
        _add_refusals(cells, of, self.refused)
        _add_buckets([cell.ttft for cell in cells], of, self.ttft)
        _add_buckets([cell.tpot for cell in cells], of, self.tpot)
        _add_sums([cell.tokens_in for cell in cells], of, self.tokens_in)
        _add_sums([cell.tokens_out for cell in cells], of, self.tokens_out)
        _add_scores(cells, of, self.judged)


def _buckets(values: Floats) -> Ints:
    found = np.full(values.size, _NONE, np.int64)
    given = ~np.isnan(values)
    found[given] = MAPPING.index(values[given])
    return found


def _whole(values: Floats) -> Ints:
    return np.where(np.isnan(values), _NONE, np.rint(values)).astype(np.int64)


def _summed(of: Ints, values: Ints, size: int) -> list[int]:
    """Sums by group, in integers: a float would round them."""
    sums = np.zeros(size, np.int64)
    np.add.at(sums, of, values)
    found: list[int] = sums.tolist()
    return found


def _add_refusals(cells: list[LlmCell], of: Ints, refused: NDArray[np.int8]) -> None:
    told = np.bincount(of[refused >= 0], minlength=len(cells)).tolist()
    yes = np.bincount(of[refused == 1], minlength=len(cells)).tolist()
    for cell, n, x in zip(cells, told, yes, strict=True):
        cell.told += n
        cell.refused += x


def _add_buckets(histograms: Sequence[LogHistogram], of: Ints, bucket: Ints) -> None:
    given, size = bucket >= 0, MAPPING.size
    flat = np.bincount(of[given] * size + bucket[given], minlength=len(histograms) * size)
    for histogram, counts in zip(histograms, flat.reshape(-1, size), strict=True):
        histogram.counts += counts


def _add_sums(histograms: Sequence[SummedHistogram], of: Ints, numbers: Ints) -> None:
    given, size = numbers >= 0, MAPPING.size
    bucket = np.where(given, MAPPING.index(numbers.astype(np.float64)), _NONE)
    _add_buckets(histograms, of, bucket)
    totals = np.zeros(len(histograms) * size, np.int64)
    np.add.at(totals, of[given] * size + bucket[given], numbers[given])
    for histogram, sums in zip(histograms, totals.reshape(-1, size), strict=True):
        histogram.totals += sums


def _add_scores(cells: list[LlmCell], of: Ints, parts: Ints) -> None:
    of, parts = of[parts >= 0], parts[parts >= 0]
    counts = np.bincount(of, minlength=len(cells)).tolist()
    totals, squares = (_summed(of, each, len(cells)) for each in (parts, parts**2))
    for cell, n, total, square in zip(cells, counts, totals, squares, strict=True):
        cell.judged.count += n
        cell.judged.total += total
        cell.judged.squares += square
