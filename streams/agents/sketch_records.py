"""Which records does one flush of a source partition write?

`first`: changed cells, tombstones, activations, closed panes, dead-letters, progress;
`last`: the marker, which makes the flush count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from streams.agents import cells
from streams.agents.cell_log import read_cells
from streams.agents.context import Context
from streams.agents.sources import AnyFold, AnyForm
from streams.agents.writer import OutRecord
from streams.panes.breaches import Breach
from streams.panes.facts import Body, ClosedPane, LiveRollout, Source


class SketchRecords:
    """Renders flushes of one source partition, and remembers which keys `cells` holds."""

    def __init__(self, context: Context, form: AnyForm, partition: int) -> None:
        self._codec = context.codec
        self._own = context.own
        self._specs = context.specs
        self._settings = context.settings
        self._form = form
        self._clock = form.clock(context.settings)
        self._transactional = context.transactional
        self._source = form.source.value
        self._partition = partition
        self._stamp: cells.Stamp = (1, 0)
        self._held: set[str] = set()
        self._stale: set[str] = set()
        self._classes_written: dict[str, int] = {}
        self._progress_written: tuple[int, bool] | None = None

    @property
    def epoch(self) -> int:
        """Of this owner: one more than the former one's."""
        return self._stamp[0]

    def stored(self, records: Iterable[Any]) -> Iterator[cells.StoredRecord]:
        """Read a partition of `cells`; Unreadable where it holds what may be state."""
        return read_cells(self._own, self._source, records)

    def resume(self, stored: cells.StoredState) -> None:
        """Continue after a former owner, one epoch later."""
        self._stamp = (stored.stamp[0] + 1, 0)
        live = {self._key(cells.live_key(rollout.spec.rollout)) for rollout in stored.live}
        panes = {self._key(cells.open_key(*key)) for key in stored.open}
        self._held = live | panes | {self._key(what) for what in stored.parts}
        if not self._transactional:
            self._stale = stored.keys - self._held - {self._key(cells.MARKER)}

    def render(
        self,
        fold: AnyFold,
        *,
        idle: bool,
        closed: list[ClosedPane[Any]],
        letters: list[OutRecord],
        activated: list[LiveRollout],
        breaches: list[tuple[LiveRollout, Breach]],
        ended: list[tuple[LiveRollout, list[tuple[str, int]]]],
        dirty: set[tuple[str, int]],
    ) -> tuple[list[OutRecord], list[OutRecord]]:
        """Records of the next flush: (first, last)."""
        self._stamp = (self._stamp[0], self._stamp[1] + 1)
        parts = fold.changed_parts()
        gone = [*parts.gone, *(cells.open_key(pane.rollout, pane.pane) for pane in closed)]
        for rollout, keys in ended:
            self._classes_written.pop(rollout.spec.rollout, None)
            gone += [cells.live_key(rollout.spec.rollout), *(cells.open_key(*k) for k in keys)]
        opened = sorted(dirty & fold.open.keys())
        held = self._contents([fold.open[key] for key in opened] + [pane.cells for pane in closed])
        first = [
            *self._tombstones(gone),
            *(self._live(fold.live[name]) for name in sorted(fold.live) if self._grew(fold, name)),
            *(self._open(fold, key, *next(held)) for key in opened),
            *(self._cell(what, body) for what, body in parts.written.items()),
            *(self._activation(rollout) for rollout in activated),
            *(self._breach(rollout, breach) for rollout, breach in breaches),
            *(self._pane(pane, *next(held)) for pane in closed),
            *(self._activation(rollout, until=fold.marker.next_offset) for rollout, _ in ended),
            *letters,
            *self._progress(fold, idle=idle, again=bool(activated)),
        ]
        horizon = fold.horizon_offset
        body = cells.marker_body(fold.marker, self._clock, idle=idle, horizon_offset=horizon)
        return first, [self._cell(cells.MARKER, body)]

    def _key(self, what: str) -> str:
        return cells.key_of(self._source, self._partition, what)

    def _cell(self, what: str, body: Body | None, tail: bytes | None = None) -> OutRecord:
        key = self._key(what)
        self._held.add(key) if body is not None else self._held.discard(key)
        return OutRecord(
            topic=self._settings.topic("cells"),
            key=key,
            value=None if body is None else self._codec.encode("cells", {"body": body}, tail),
            partition=self._partition,
            headers=cells.stamp_headers(self._stamp),
        )

    def _tombstones(self, gone: list[str]) -> list[OutRecord]:
        stale, self._stale = sorted(self._stale), set()
        prefix = len(self._key(""))
        whats = [what for what in gone if self._key(what) in self._held]
        return [self._cell(what, None) for what in (*(key[prefix:] for key in stale), *whats)]

    def _grew(self, fold: AnyFold, name: str) -> bool:
        return self._classes_written.get(name) != len(fold.live[name].classes)

    def _live(self, rollout: LiveRollout) -> OutRecord:
        self._classes_written[rollout.spec.rollout] = len(rollout.classes)
        return self._cell(cells.live_key(rollout.spec.rollout), cells.live_body(rollout))

    def _contents(self, panes: list[Any]) -> Iterator[tuple[Any, bytes | None]]:
        """What each holds: for the writer, or at once as bytes in which its record ends."""
        for pane, tail in zip(panes, self._form.tails(panes), strict=True):
            yield (pane, None) if tail is None else ({}, tail)

    def _open(
        self, fold: AnyFold, key: tuple[str, int], held: Any, tail: bytes | None
    ) -> OutRecord:
        about = (key[0], fold.live[key[0]].spec_hash, key[1])
        return self._cell(cells.open_key(*key), self._form.open_body(*about, held), tail)

    def panes_record(
        self,
        key: str,
        body: Body,
        *,
        partition: int,
        source: Source | None = None,
        tail: bytes | None = None,
    ) -> OutRecord:
        """A record of `panes`; of another source than this one's where that is named."""
        record = {
            "source": (source or self._form.source).value,
            "source_partition": self._partition,
            "source_partitions": self._settings.source_partitions,
            "rollout_partitions": self._settings.rollout_partitions,
            "pane_ms": self._clock.pane_ms,
            "body": body,
        }
        value = self._codec.encode("panes", record, tail)
        topic = self._settings.topic("panes")
        return OutRecord(topic=topic, key=key, value=value, partition=partition)

    def to_judge(
        self,
        rollout: str,
        body: Body,
        *,
        source: Source | None = None,
        tail: bytes | None = None,
    ) -> OutRecord:
        """A record of `panes` for the judge of one rollout."""
        home = self._specs.home(rollout)
        return self.panes_record(rollout, body, partition=home, source=source, tail=tail)

    def to_all(
        self, name: str, body: dict[str, Any], *, source: Source | None = None
    ) -> list[OutRecord]:
        """The same record of `panes` for the judges of every partition."""
        key = f"progress/{(source or self._form.source).value}/{self._partition}"
        return [
            self.panes_record(key, (name, body), partition=number, source=source)
            for number in range(self._settings.rollout_partitions)
        ]

    def _pane(self, pane: ClosedPane[Any], held: Any, tail: bytes | None) -> OutRecord:
        body = self._form.closed_body(pane.rollout, pane.spec_hash, pane.pane, held)
        return self.to_judge(pane.rollout, body, tail=tail)

    def _activation(self, rollout: LiveRollout, until: int | None = None) -> OutRecord:
        body = {
            "rollout": rollout.spec.rollout,
            "spec_hash": rollout.spec_hash,
            "first_offset": rollout.first_offset,
            "outcomes_offset": rollout.outcomes_offset,
            "from_pane": rollout.from_pane,
            "until_offset": until,
        }
        return self.to_judge(rollout.spec.rollout, ("davy.Activation", body))

    def _breach(self, rollout: LiveRollout, breach: Breach) -> OutRecord:
        name = rollout.spec.rollout
        return self.to_judge(name, breach.body(name, rollout.spec_hash))

    def _progress(self, fold: AnyFold, *, idle: bool, again: bool) -> list[OutRecord]:
        """News only, or `again`: a new rollout's judge has not heard what was told before."""
        marker = fold.marker
        if not again and (marker.closed_through, idle) == self._progress_written:
            return []
        self._progress_written = (marker.closed_through, idle)
        body = {
            "closed_through": marker.closed_through,
            "idle": idle,
            "accepted": marker.accepted,
            "late": marker.late,
            "dead": marker.dead,
            "invalid_scores": marker.invalid_scores,
            "duplicates": marker.duplicates,
        }
        return self.to_all("davy.Progress", body)
