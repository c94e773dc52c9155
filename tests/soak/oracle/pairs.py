"""Which answers belong together, and what do pairs tell? (shadow mode), one answer at a time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streams.sketches.cell import Cell
from streams.sketches.log_histogram import MAPPING
from streams.sketches.pairs import RATIO_MAPPING, PairCounts
from streams.spec.model import ALL_SEGMENT, BASELINE, RolloutSpec

SHORTEST, LONGEST = float(MAPPING.edges[0]), float(MAPPING.edges[-1])
RATIO_EDGES = RATIO_MAPPING.edges.tolist()

CellsOf = Callable[[int], dict[tuple[str, str], Cell]]


@dataclass(slots=True)
class Answer:
    """One answer that may still find its pair."""

    event: dict[str, Any]
    arm: str
    paired: bool
    """Whether it made a pair with one before it."""


class PairTable:
    """By candidate and request, the last answer of the two arms."""

    def __init__(self, spec: RolloutSpec) -> None:
        self._within_ms = spec.pair_hold_ms
        self._last: dict[str, dict[str, Answer]] = {arm: {} for arm in spec.arms[1:]}

    def add(self, event: dict[str, Any], arm: str, cells_of: CellsOf, pane_ms: int) -> None:
        """Take the next accepted answer."""
        streams = self._last if arm == BASELINE else (arm,)
        for candidate in streams:
            last = self._last[candidate].get(event["request_id"])
            mine = Answer(event, arm, paired=last is not None and self._fits(last, event, arm))
            if last is not None and mine.paired:
                pair = (mine.event, last.event) if arm == BASELINE else (last.event, mine.event)
                count_pair(*pair, candidate, cells_of, pane_ms)
            self._last[candidate][event["request_id"]] = mine

    def _fits(self, last: Answer, event: dict[str, Any], arm: str) -> bool:
        apart_ms = abs(last.event["completed_at"] - event["completed_at"])
        return not last.paired and last.arm != arm and apart_ms <= self._within_ms


def count_pair(
    baseline: dict[str, Any],
    copy: dict[str, Any],
    candidate: str,
    cells_of: CellsOf,
    pane_ms: int,
) -> None:
    """A pair counts in the pane of the baseline's answer; that it matched, in the copy's."""

    def counts(event: dict[str, Any]) -> PairCounts:
        cells = cells_of(event["completed_at"] // pane_ms)
        return cells.setdefault((ALL_SEGMENT, candidate), Cell()).paired()

    told = counts(baseline)
    told.pairs += 1
    for what, bad in (("errors", ("ERROR", "TIMEOUT")), ("timeouts", ("TIMEOUT",))):
        sides = baseline["status"] in bad, copy["status"] in bad
        name = {(True, True): "both", (True, False): "baseline", (False, True): "candidate"}
        if sides in name:
            field = f"{what}_{name[sides]}"
            setattr(told, field, getattr(told, field) + 1)
    classes = baseline["predicted_class"], copy["predicted_class"]
    if None not in classes:
        told.classes_same += classes[0] == classes[1]
        told.classes_different += classes[0] != classes[1]
    told.ratio.counts[ratio_bucket(baseline, copy)] += 1
    counts(copy).matched += 1


def ratio_bucket(baseline: dict[str, Any], copy: dict[str, Any]) -> int:
    """Bucket of the copy's latency over the baseline's; a timeout is longer than any answer."""
    b, c = (_long(event) for event in (baseline, copy))
    if c == LONGEST:
        ratio = 1.0 if b == LONGEST else LONGEST
    elif b == LONGEST:
        ratio = 1.0 / LONGEST
    else:
        ratio = c / b
    clamped = min(max(ratio, RATIO_EDGES[0]), RATIO_EDGES[-1])
    return bisect_left(RATIO_EDGES, clamped)


def _long(event: dict[str, Any]) -> float:
    timeout = event["status"] == "TIMEOUT"
    return LONGEST if timeout else max(float(event["latency_ms"]), SHORTEST)
