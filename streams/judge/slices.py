"""Which slices are still in the rollout, and what of a pane is theirs?

Where the spec lets one slice go back alone, its events leave the rollout: what is left of a pane is
summed anew from combinations that touch no slice that is gone, in both arms alike. So evidence,
exposures and the sample ratio of the rest need not know since when the target keeps it apart.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from streams.judge.facts import PaneInput
from streams.panes.segments import slicing_of
from streams.spec.dimensions import SegmentHarm
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, RolloutSpec


class Slices:
    """The slices of a spec; those that are gone never come back."""

    def __init__(self, spec: RolloutSpec) -> None:
        self._slicing = slicing_of(spec)
        self._alone = spec.on_segment_harm is SegmentHarm.SEGMENT
        self.gone: tuple[str, ...] = ()
        """In the order of the spec."""

    def may_go(self, name: str) -> bool:
        """Whether harm in this segment sends it back alone."""
        return self._alone and name != ALL_SEGMENT

    def go(self, names: Collection[str]) -> None:
        """Take slices out."""
        leaving = {*self.gone, *names}
        every = (name for each in self._slicing.dimensions for name in each.slices)
        self.gone = tuple(name for name in every if name in leaving)

    def exhausted(self, heard: Collection[str]) -> bool:
        """Whether of some dimension every slice that was ever heard is gone."""
        dimensions = ([n for n in d.slices if n in heard] for d in self._slicing.dimensions)
        return any(names and set(names) <= set(self.gone) for names in dimensions)

    def left(self, pane: PaneInput) -> PaneInput:
        """The pane without the events of slices that are gone; exact."""
        if not self.gone:
            return pane
        gone = frozenset(self.gone)
        cohorts = tuple(
            replace(cohort, cells=self._slicing.without(cohort.cells, gone))
            for cohort in pane.cohorts
        )
        return replace(pane, cells=self._slicing.without(pane.cells, gone), cohorts=cohorts)

    def weights(self, whole: Mapping[str, int]) -> dict[str, dict[str, int]]:
        """Desired weights by segment: those of the whole, and each slice gone at the baseline."""
        home = {arm: FULL_BP if arm == BASELINE else 0 for arm in whole}
        return {ALL_SEGMENT: dict(whole)} | {name: dict(home) for name in self.gone}
