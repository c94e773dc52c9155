"""Which rollout's arm does an event count for? Its model version says so, never its sender.

One version may belong to several live rollouts (routes of one service), so the answer comes in
layers: arrays of arm numbers, each event at most once per layer. Names that no rollout has cost a
look-up in Arrow, no Python object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from streams.panes.facts import LiveRollout
from streams.panes.segments import Slicing, slicing_of
from streams.spec.targeting import TARGETED, TARGETED_SEGMENT
from streams.wire.columns import Coded

Numbers = NDArray[np.int64]
MOST_PAIRS = 1 << 12
"""Of services and versions in a batch, up to which each pair is looked up, not each event."""


class Targets:
    """Numbers every (live rollout, arm) and finds those of a batch's events."""

    def __init__(self, live: Iterable[LiveRollout]) -> None:
        self.arms: list[tuple[LiveRollout, str]] = []
        self._targeted = False
        numbers: dict[tuple[str, str], list[int]] = {}
        alike: defaultdict[Slicing, set[str]] = defaultdict(set)
        for rollout in sorted(live, key=lambda item: item.spec.rollout):
            if rollout.spec.segments:
                alike[slicing_of(rollout.spec)].add(rollout.spec.rollout)
            self._targeted |= bool(rollout.spec.targeting)
            for version, arm in sorted(rollout.spec.versions.items()):
                numbers.setdefault((rollout.spec.service, version), []).append(len(self.arms))
                self.arms.append((rollout, arm))
        self.sliced = [(slicing, frozenset(names)) for slicing, names in alike.items()]
        """Declared dimensions, and the rollouts that have just these."""
        self._services = sorted({service for service, _ in numbers})
        self._versions = sorted({version for _, version in numbers})
        self._pairs, self._layers = self._table(numbers)

    def _table(self, numbers: dict[tuple[str, str], list[int]]) -> tuple[Numbers, Numbers]:
        """Pairs of service and version, ascending, and by layer the arm of each; -1 at the end."""
        services = {name: place for place, name in enumerate(self._services)}
        versions = {name: place for place, name in enumerate(self._versions)}
        arms = {services[s] * len(versions) + versions[v]: each for (s, v), each in numbers.items()}
        layers = np.full((max(map(len, arms.values()), default=0), len(arms) + 1), -1, np.int64)
        for column, pair in enumerate(sorted(arms)):
            layers[: len(arms[pair]), column] = arms[pair]
        return np.array(sorted(arms), np.int64), layers

    def counted(self, arms: Numbers, segment: Callable[[str], Coded]) -> NDArray[np.bool_]:
        """Whether each event counts for its arm: with targeting rules the targeted ones alone.

        Whom the rules leave out has the baseline only, and may be of another kind; so does, for
        all that is known, an event that says nothing.
        """
        counted: NDArray[np.bool_] = arms >= 0
        if self._targeted:
            needs = np.array([bool(rollout.spec.targeting) for rollout, _ in self.arms])
            said = segment(TARGETED_SEGMENT)
            counted &= (said.places([TARGETED])[said.codes] == 0) | ~needs[arms]
        return counted

    def layers(self, service: Coded, version: Coded) -> Iterator[NDArray[np.int64]]:
        """Arm number per event (-1: none), layer by layer until nobody is left."""
        if not self._pairs.size:
            return
        ours, known = service.places(self._services), version.places(self._versions)
        if ours.size * known.size > MOST_PAIRS:  # a flood of names
            column = self._columns(ours[service.codes], known[version.codes])
        else:
            table = self._columns(ours[:, None], known).ravel()
            # Null is -1, and last in each row of the table.
            column = table[service.codes.astype(np.int64) * known.size + version.codes]
        for layer in self._layers:
            arms = layer[column]
            if not (arms >= 0).any():
                return
            yield arms

    def _columns(self, ours: Numbers, known: Numbers) -> Numbers:
        """The place of each pair of a service and a version among ours; the last one: none."""
        pair = np.where((ours >= 0) & (known >= 0), ours * len(self._versions) + known, -1)
        column = np.searchsorted(self._pairs, pair)
        column[self._pairs[np.minimum(column, self._pairs.size - 1)] != pair] = self._pairs.size
        return column
