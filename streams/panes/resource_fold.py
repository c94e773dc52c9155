"""How do a partition's resource samples become closed minutes? Use by arm and pod.

Samples arrive keyed by pod, so one partition has all of a pod's, in order. A minute closes when
the partition's watermark has passed it; then the pods' means are added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.panes.source_fold import Added, Refused, SourceFold
from streams.sketches.usage import UNIT, PodUsage, Usage, Usages
from streams.spec.model import ALL_SEGMENT
from streams.wire.reasons import Reason
from streams.wire.resource_columns import ResourceColumns

MINUTE_MS = 60_000
"""Length of a pane of use."""
LATENESS_MS = 60_000
"""Exporters visit pods in turn, each at its own pace."""
MAX_PODS = 4096
"""Pods of a version that one partition tells apart in a minute."""

OpenUsage = dict[tuple[str, str], PodUsage]
"""(arm, pod) -> use."""


class ResourceFold(SourceFold[ResourceColumns, OpenUsage, Usages]):
    """Open minutes, live rollouts and the marker of one partition of `resources`."""

    def _add(self, columns: ResourceColumns, keep: NDArray[np.bool_]) -> Added:
        added: set[int] = set()
        repeated: set[int] = set()
        refused: dict[int, Refused] = {}
        for i, place, arm in self._placed(columns, keep):
            pod = columns.pod.names[columns.pod.codes[i]]
            pods = self.open.setdefault(place, {})
            if (arm, pod) not in pods and sum(each == arm for each, _ in pods) >= MAX_PODS:
                refused[i] = _refusal(int(columns.row[i]), pod)
                continue
            usage = pods.setdefault((arm, pod), PodUsage())
            parts = _parts(columns.shares[i])
            told = int(columns.interval_ms[i]), int(columns.sampled_ms[i])
            (added if usage.add(parts, *told) else repeated).add(i)
            self.dirty.add(place)
        repeated -= added
        lost = {i: each for i, each in refused.items() if i not in added | repeated}
        return Added(known=len(added), repeated=len(repeated), refused=tuple(lost.values()))

    def _placed(
        self, columns: ResourceColumns, keep: NDArray[np.bool_]
    ) -> Iterator[tuple[int, tuple[str, int], str]]:
        """Kept samples of live rollouts: index, open pane, arm."""
        for arms in self.targets.layers(columns.service, columns.version):
            for i in np.flatnonzero(keep & (arms >= 0)).tolist():
                rollout, arm = self.targets.arms[int(arms[i])]
                pane = self.clock.pane_of(int(columns.event_ms[i]))
                yield i, (rollout.spec.rollout, pane), arm

    def _finished(self, pane: OpenUsage) -> Usages:
        usages: Usages = {}
        for arm, pod in sorted(pane):
            usages.setdefault((ALL_SEGMENT, arm), Usage()).count(pane[arm, pod].means())
        return usages


def _parts(shares: NDArray[np.float64]) -> list[int | None]:
    return [None if np.isnan(share) else round(share * UNIT) for share in shares.tolist()]


def _refusal(row: int, pod: str) -> Refused:
    detail = f"pod {pod[:64]!r} comes after {MAX_PODS} others of its version in one minute"
    return Refused(row=row, reason=Reason.TOO_MANY_PODS, detail=detail)


def open_usage_to_states(pods: OpenUsage) -> list[dict[str, Any]]:
    """Avro records of an open minute, ascending by arm and pod."""
    return [pods[key].to_state(*key) for key in sorted(pods)]


def open_usage_from_states(states: list[dict[str, Any]]) -> OpenUsage:
    """Read what `open_usage_to_states` wrote."""
    found = (PodUsage.from_state(state) for state in states)
    return {(arm, pod): usage for arm, pod, usage in found}
