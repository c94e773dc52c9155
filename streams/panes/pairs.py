"""What did the pairs of a partition's shadow rollouts show? Added to the cells of candidates.

The pair counts in the pane of the baseline's answer. Answers are kept in blocks until no other can
come within `pair_within`; blocks are written once and dropped whole, so a restart reads them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from streams.panes.facts import Body, Cells, LiveRollout, Parts
from streams.panes.pairing import ANSWER, Bools, Ints, Keys, PairBlock, Pairs, PairStream, Rows
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import MAPPING
from streams.sketches.pairs import RATIO_MAPPING, PairCounts
from streams.spec.model import ALL_SEGMENT, RolloutSpec
from streams.wire.columns import Coded, PredictionColumns
from streams.wire.request_hash import request_hashes

BLOCK = "davy.PairBlock"
BLOCK_ROWS = 16_384
"""Of 36 bytes: a block is well below what a broker takes."""
TIMEOUT = 2

OpenPanes = dict[tuple[str, int], Cells]


class BlockKey(NamedTuple):
    """Name of a block."""

    rollout: str
    number: int


class RolloutPairs:
    """Pairs of one shadow rollout on one source partition."""

    def __init__(self, spec: RolloutSpec) -> None:
        self.spec = spec
        self.within_ms = spec.pair_hold_ms
        self._streams = [PairStream(arm, self.within_ms) for arm in range(1, len(spec.arms))]
        self._unsaved: list[Rows] = []
        self._blocks: dict[int, int] = {}
        """Number -> latest event time in it."""
        self._next = 0

    def add(
        self, columns: PredictionColumns, kept: Bools, panes: OpenPanes, pane_ms: int
    ) -> set[int]:
        """Add a batch's accepted answers; panes (indexes) whose cells changed."""
        rows = self._rows(columns, kept)
        if not rows.size:
            return set()
        touched: set[int] = set()
        for stream in self._streams:
            mine = np.flatnonzero((rows["arm"] == 0) | (rows["arm"] == stream.arm))
            pairs, done = stream.match(rows[mine])
            rows["taken"][mine[done]] |= np.uint16(1 << (stream.arm - 1))
            if pairs.baseline.size:
                counts = _Counts(panes, self.spec, stream.arm, pane_ms)
                touched |= counts.add(pairs)
        self._unsaved.append(rows)
        return touched

    def _rows(self, columns: PredictionColumns, kept: Bools) -> Rows:
        """Answers of this rollout's arms."""
        ours = columns.service.places([self.spec.service])[columns.service.codes] == 0
        versions = self.spec.versions
        arm = np.array([*(self.spec.arms.index(each) for each in versions.values()), -1])
        arms = arm[columns.version.places(list(versions))[columns.version.codes]]
        chosen = np.flatnonzero(kept & ours & (arms >= 0))
        rows = np.zeros(chosen.size, ANSWER)
        if chosen.size:
            rows["key"] = np.maximum(columns.request_hash[chosen], np.uint64(1))
            rows["event_ms"] = columns.event_ms[chosen]
            rows["latency_ms"] = columns.latency_ms[chosen]
            rows["class_key"] = _class_keys(columns.predicted_class)[chosen]
            rows["status"] = columns.status[chosen]
            rows["arm"] = arms[chosen]
        return rows

    def forget_before(self, watermark_ms: int) -> list[BlockKey]:
        """What no pair can be found for any more; returns the blocks that go."""
        horizon = watermark_ms - self.within_ms
        for stream in self._streams:
            stream.forget_before(horizon)
        gone = [number for number, latest_ms in self._blocks.items() if latest_ms < horizon]
        for number in gone:
            del self._blocks[number]
        return [BlockKey(self.spec.rollout, number) for number in gone]

    def take_blocks(self) -> list[PairBlock]:
        """Blocks of what came since they were taken last."""
        rows = np.concatenate(self._unsaved) if self._unsaved else np.zeros(0, ANSWER)
        self._unsaved = []
        return [
            self._block(rows[start : start + BLOCK_ROWS])
            for start in range(0, rows.size, BLOCK_ROWS)
        ]

    def _block(self, rows: Rows) -> PairBlock:
        number, self._next = self._next, self._next + 1
        self._blocks[number] = int(rows["event_ms"].max())
        return PairBlock(rollout=self.spec.rollout, number=number, rows=rows)

    def restore(self, block: PairBlock) -> None:
        """Take a block back, in the order of their numbers."""
        for stream in self._streams:
            mine = (block.rows["arm"] == 0) | (block.rows["arm"] == stream.arm)
            stream.restore(block.rows[mine])
        self._blocks[block.number] = int(block.rows["event_ms"].max())
        self._next = block.number + 1

    @property
    def block_keys(self) -> list[BlockKey]:
        """Blocks that are kept."""
        return [BlockKey(self.spec.rollout, number) for number in self._blocks]


class _Counts:
    """Adds pairs of one candidate to its cells, pane by pane."""

    def __init__(self, panes: OpenPanes, spec: RolloutSpec, arm: int, pane_ms: int) -> None:
        self._panes, self._rollout, self._pane_ms = panes, spec.rollout, pane_ms
        self._place = (ALL_SEGMENT, spec.arms[arm])

    def add(self, pairs: Pairs) -> set[int]:
        """Returns the panes whose cells changed."""
        pane = pairs.baseline["event_ms"] // self._pane_ms
        numbers, of = np.unique(pane, return_inverse=True)
        cells = [self._of(number) for number in numbers.tolist()]
        for name, counted in _counted(pairs).items():
            for counts, count in zip(cells, _tally(of[counted], len(cells)), strict=True):
                setattr(counts, name, getattr(counts, name) + count)
        self._add_ratios(cells, of, _ratio_index(pairs))
        copied = pairs.candidate["event_ms"] // self._pane_ms
        own, of_copy = np.unique(copied, return_inverse=True)
        for number, count in zip(own.tolist(), _tally(of_copy, own.size), strict=True):
            self._of(number).matched += count
        return {*numbers.tolist(), *own.tolist()}

    def _of(self, pane: int) -> PairCounts:
        cells = self._panes[self._rollout, pane]
        return cells.setdefault(self._place, Cell()).paired()

    def _add_ratios(self, cells: list[PairCounts], of: Ints, index: Ints) -> None:
        size = RATIO_MAPPING.size
        table = np.bincount(of * size + index, minlength=len(cells) * size).reshape(-1, size)
        for counts, ratios in zip(cells, table, strict=True):
            counts.ratio.counts += ratios


def _tally(of: Ints, size: int) -> list[int]:
    found: list[int] = np.bincount(of, minlength=size).tolist()
    return found


def _counted(pairs: Pairs) -> Mapping[str, Bools]:
    """Which pairs each count of `PairCounts` counts."""
    status = pairs.baseline["status"], pairs.candidate["status"]
    found: dict[str, Bools] = {"pairs": np.ones(pairs.baseline.size, np.bool_)}
    for what, (b, c) in {
        "errors": (status[0] > 0, status[1] > 0),
        "timeouts": (status[0] == TIMEOUT, status[1] == TIMEOUT),
    }.items():
        found |= {f"{what}_candidate": c & ~b, f"{what}_baseline": b & ~c, f"{what}_both": b & c}
    classes = pairs.baseline["class_key"], pairs.candidate["class_key"]
    told = (classes[0] > 0) & (classes[1] > 0)
    same = classes[0] == classes[1]
    return found | {"classes_same": told & same, "classes_different": told & ~same}


def _ratio_index(pairs: Pairs) -> Ints:
    """Bucket of the latency ratio; a timeout is longer than any answer, two are equally long."""
    longest = float(MAPPING.edges[-1])
    b, c = (
        np.where(side["status"] == TIMEOUT, longest, np.maximum(side["latency_ms"], _shortest()))
        for side in (pairs.baseline, pairs.candidate)
    )
    ratio = np.where(c == longest, np.where(b == longest, 1.0, longest), c / b)
    ratio = np.where((b == longest) & (c != longest), 1.0 / longest, ratio)
    return RATIO_MAPPING.index(ratio).astype(np.int64)


def _shortest() -> float:
    return float(MAPPING.edges[0])


def _class_keys(column: Coded) -> Keys:
    """A number per predicted class that is the same in every batch; 0 where there is none."""
    keys = np.maximum(request_hashes(column.strings), np.uint64(1))
    found: Keys = np.append(keys, np.uint64(0))[column.codes]  # code -1 is the last
    return found


class Pairing:
    """Pairs of all shadow rollouts of one source partition."""

    def __init__(self) -> None:
        self._rollouts: dict[str, RolloutPairs] = {}
        self._gone: list[BlockKey] = []
        self._again: dict[str, Body] = {}

    def follow(self, live: Iterable[LiveRollout]) -> None:
        """Those that are live from now on; blocks of others go."""
        wanted = {r.spec.rollout: r.spec for r in live if r.spec.pair_hold_ms}
        for name in [name for name in self._rollouts if name not in wanted]:
            self._gone += self._rollouts.pop(name).block_keys
        for name, spec in wanted.items():
            self._rollouts.setdefault(name, RolloutPairs(spec))

    def add(
        self, columns: PredictionColumns, kept: Bools, panes: OpenPanes, pane_ms: int
    ) -> set[tuple[str, int]]:
        """Add a batch's accepted answers; keys of the open panes that changed."""
        return {
            (name, pane)
            for name, pairs in self._rollouts.items()
            for pane in pairs.add(columns, kept, panes, pane_ms)
        }

    def forget_before(self, watermark_ms: int) -> None:
        """Drop what no pair can be found for any more."""
        for pairs in self._rollouts.values():
            self._gone += pairs.forget_before(watermark_ms)

    def changed_parts(self) -> Parts:
        """What the next flush must write, and what it must remove."""
        gone, self._gone = {_part_key(*key) for key in self._gone}, []
        written, self._again = {k: b for k, b in self._again.items() if k not in gone}, {}
        for pairs in self._rollouts.values():
            for block in pairs.take_blocks():
                written[_part_key(block.rollout, block.number)] = (BLOCK, block.to_state())
        return Parts(written=written, gone=tuple(sorted(gone - written.keys())))

    def restore_parts(self, parts: Mapping[str, Body], *, again: bool) -> None:
        """Take back what was stored of the live rollouts; `again`: write it with the next flush."""
        self._again = {k: part for k, part in parts.items() if again and part[0] == BLOCK}
        blocks = [PairBlock.from_state(body) for name, body in parts.values() if name == BLOCK]
        for block in sorted(blocks, key=lambda block: (block.rollout, block.number)):
            if block.rollout in self._rollouts:
                self._rollouts[block.rollout].restore(block)


def _part_key(rollout: str, number: int) -> str:
    return f"pairs/{rollout}/{number}"
