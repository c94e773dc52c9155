"""Which rollout's arm does an event count for? Its model version says so, never its sender.

One version may belong to several live rollouts (routes of one service), so the answer comes in
layers: arrays of arm numbers, each event at most once per layer. Cost is bounded by the distinct
(service, version) pairs of a batch, known or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from streams.panes.facts import LiveRollout
from streams.panes.segments import Slicing, slicing_of
from streams.spec.targeting import TARGETED, TARGETED_SEGMENT
from streams.wire.columns import Coded

Numbers = NDArray[np.int64]


class Targets:
    """Numbers every (live rollout, arm) and finds those of a batch's events."""

    def __init__(self, live: Iterable[LiveRollout]) -> None:
        self.arms: list[tuple[LiveRollout, str]] = []
        self.sliced: list[tuple[LiveRollout, Slicing]] = []
        """Rollouts with declared dimensions."""
        self._targeted = False
        self._of: dict[tuple[str, str], list[int]] = {}
        for rollout in sorted(live, key=lambda item: item.spec.rollout):
            if rollout.spec.segments:
                self.sliced.append((rollout, slicing_of(rollout.spec)))
            self._targeted |= bool(rollout.spec.targeting)
            for version, arm in sorted(rollout.spec.versions.items()):
                self._of.setdefault((rollout.spec.service, version), []).append(len(self.arms))
                self.arms.append((rollout, arm))

    def counted(self, arms: Numbers, segment: Callable[[str], Coded]) -> NDArray[np.bool_]:
        """Whether each event counts for its arm: with targeting rules the targeted ones alone.

        Whom the rules leave out has the baseline only, and may be of another kind; so does, for
        all that is known, an event that says nothing.
        """
        counted: NDArray[np.bool_] = arms >= 0
        if self._targeted:
            needs = np.array([bool(rollout.spec.targeting) for rollout, _ in self.arms])
            said = segment(TARGETED_SEGMENT)
            # The last place is that of code -1: nothing was said.
            yes = np.array([*(name == TARGETED for name in said.names), False])
            counted &= yes[said.codes] | ~needs[arms]
        return counted

    def layers(self, service: Coded, version: Coded) -> Iterator[NDArray[np.int64]]:
        """Arm number per event (-1: none), layer by layer until nobody is left."""
        if not self._of or not service.codes.size:
            return
        width = len(version.names)
        pairs, inverse = np.unique(
            service.codes.astype(np.int64) * width + version.codes, return_inverse=True
        )
        found = [
            self._of.get((service.names[pair // width], version.names[pair % width]), [])
            for pair in pairs.tolist()
        ]
        for depth in range(max(map(len, found))):
            numbers = [arms[depth] if depth < len(arms) else -1 for arms in found]
            yield np.array(numbers, dtype=np.int64)[inverse]
