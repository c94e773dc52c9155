"""How do minutes of use become blocks, long enough that their means are nearly independent?

A block has at least 6 / (1 - rho) minutes, rho measured from all minutes of the baseline before the
block began. Minutes of the current stage under confirmed weights make blocks of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streams.errors import StateError
from streams.evidence.autocorrelation import Autocorrelation
from streams.evidence.fixed import Bools, Ints
from streams.evidence.paired_blocks import block_minutes
from streams.judge.facts import Cut, PaneInput
from streams.judge.monitors.blocks import BLOCK_COLUMNS
from streams.judge.monitors.evidence import Closed
from streams.judge.monitors.panel import Panel
from streams.panes.use_merge import UseMinute
from streams.sketches.usage import Usage
from streams.spec.model import ALL_SEGMENT, BASELINE

WARM_UP = 60
"""Minutes of the baseline before rho is believed; they are not tested."""
PAIRED, ALONE = 0, 1
"""Minutes that both arms told, and those that each told."""


@dataclass(slots=True)
class OpenBlock:
    """Consecutive minutes that do not make a block yet; no length: none has begun."""

    sums: Ints
    """int64[candidates, 2 arms, 2 forms, BLOCK_COLUMNS]."""
    length: int = 0
    minutes: int = 0
    start_ms: int = 0

    @classmethod
    def fresh(cls, candidates: int) -> OpenBlock:
        """None yet."""
        return cls(np.zeros((candidates, 2, 2, BLOCK_COLUMNS), np.int64))

    @property
    def full(self) -> bool:
        """Whether it has all its minutes."""
        return 0 < self.length <= self.minutes

    def add(self, rows: Sequence[tuple[Ints, Ints]]) -> None:
        """A minute: columns of baseline and candidate, for each candidate; zeros where not told."""
        self.minutes += 1
        for candidate, (baseline, own) in enumerate(rows):
            both = np.stack([baseline, own])
            self.sums[candidate, :, ALONE] += both
            if baseline[1] and own[1]:
                self.sums[candidate, :, PAIRED] += both

    def to_state(self) -> list[Any]:
        """JSON values."""
        return [self.sums.tolist(), self.length, self.minutes, self.start_ms]

    @classmethod
    def from_state(cls, state: Sequence[Any]) -> OpenBlock:
        """Read what `to_state` wrote."""
        return cls(np.array(state[0], np.int64), *state[1:])


@dataclass(slots=True)
class UseBlocks:
    """One resource of all candidates, on its way to a panel."""

    panel: Panel
    resource: str
    candidates: tuple[str, ...]
    series: Autocorrelation = field(default_factory=Autocorrelation)
    first_ms: int | None = None
    whole: OpenBlock = field(init=False)
    stage: OpenBlock = field(init=False)

    def __post_init__(self) -> None:
        self.whole, self.stage = (OpenBlock.fresh(len(self.candidates)) for _ in "ab")

    def feed(
        self, minute: UseMinute, *, pane_ms: int, lowered: Sequence[bool], steady: bool
    ) -> None:
        """The next minute; harm leaves out `lowered` candidates, the stage unsteady minutes."""
        if self.first_ms is None:
            self.first_ms = minute.start_ms
        baseline = minute.usages.get((ALL_SEGMENT, BASELINE))
        own = [minute.usages.get((ALL_SEGMENT, name)) for name in self.candidates]
        rows = [(self._told(baseline), self._told(usage)) for usage in own]
        nothing = np.zeros(BLOCK_COLUMNS, np.int64)
        kept = [(b, nothing if out else c) for (b, c), out in zip(rows, lowered, strict=True)]
        if self._grown(self.whole, minute, kept):
            self._fold(minute.end_ms, pane_ms)
        told = rows if steady else [(nothing, nothing)] * len(rows)
        if (steady or self.stage.length) and self._grown(self.stage, minute, told):
            self.panel.fold_stage(self._closed(self.stage, None))
            self.enter_stage()
        self.series.add(None if baseline is None else baseline.mean(self.resource))

    def _told(self, usage: Usage | None) -> Ints:
        mean = None if usage is None else usage.mean(self.resource)
        if usage is None or mean is None:
            return np.zeros(BLOCK_COLUMNS, np.int64)
        return np.array([mean, 1, usage.pods_of(self.resource)], np.int64)

    def _grown(
        self, block: OpenBlock, minute: UseMinute, rows: Sequence[tuple[Ints, Ints]]
    ) -> bool:
        """Whether a block is full with this minute; it begins once rho can be believed."""
        if not block.length:
            if self.series.count < WARM_UP:
                return False
            block.length, block.start_ms = block_minutes(self.series.rho()), minute.start_ms
        block.add(rows)
        return block.full

    def _fold(self, end_ms: int, pane_ms: int) -> None:
        block, self.whole = self.whole, OpenBlock.fresh(len(self.candidates))
        first = self.panel.panes[0] if self.panel.panes else block.start_ms // pane_ms
        self.panel.panes = (first, (end_ms - 1) // pane_ms)
        self.panel.fold(self._closed(block, (block.start_ms - (self.first_ms or 0)) / 1000))

    def _closed(self, block: OpenBlock, at_s: float | None) -> Closed:
        """Counts by metric; those with less than half of a block's minutes come with none."""
        forms = [ALONE if claim.metric.kind.is_limit else PAIRED for claim in self.panel.claims[0]]
        counts = block.sums[:, :, forms]
        counts = np.where(2 * counts[:, 1:, :, 1:2] >= block.length, counts, 0)
        of: Bools = (counts > 0).reshape(len(self.candidates), -1).max(axis=1)
        return Closed(
            counts=counts.reshape(len(self.candidates), 2, -1),
            of=of,
            weights_bp=[-1] * len(self.candidates),
            at_s=at_s,
        )

    def enter_stage(self) -> None:
        """Blocks of the stage begin anew."""
        self.stage = OpenBlock.fresh(len(self.candidates))

    def to_state(self) -> dict[str, Any]:
        """Everything but the panel's evidence, as JSON values."""
        return {
            "series": self.series.to_state(),
            "first_ms": self.first_ms,
            "whole": self.whole.to_state(),
            "stage": self.stage.to_state(),
            "panes": self.panel.panes,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self.series = Autocorrelation.from_state(state["series"])
        self.first_ms = state["first_ms"]
        self.whole = OpenBlock.from_state(state["whole"])
        self.stage = OpenBlock.from_state(state["stage"])
        panes = state["panes"]
        self.panel.panes = None if panes is None else (panes[0], panes[1])


def expect_minutes(pane: PaneInput, before: Cut | None, cut: Cut) -> None:
    """Minutes of use must follow on those before, and the cut must name the last.

    Raises:
        StateError: they do not.
    """
    through = -1 if before is None else before.resources_through
    minutes = [each.minute for each in pane.resources]
    first = minutes[0] if minutes and through < 0 else through + 1
    wanted = list(range(first, first + len(minutes)))
    last = minutes[-1] if minutes else through
    if (minutes, cut.resources_through) != (wanted, last):
        raise StateError(
            f"pane {pane.pane} comes with minutes of use {minutes} after minute {through}, and its "
            f"cut names minute {cut.resources_through}; hand over every minute once, in order"
        )
