"""Which records of a partition of `cells` are kept and decoded? Those that count, and few others.

With a thousand live cells the log grows by hundreds of records a second until it is compacted; of
all these a new owner needs the last of each key that is still there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from streams.agents import cells
from streams.panes.facts import Body
from streams.wire.own import OwnRecords, Unreadable, foreign

ROOM = 20_000
"""Records that are held before those are let go that count no more."""


class CellLog:
    """A source's records of a partition of `cells`, as they are read in log order.

    Where transactions fence, flushes follow one another in the order of their stamps; so what a
    finished one has replaced or deleted cannot count again. Without, all is kept.
    """

    def __init__(self, source: str, *, fenced: bool, room: int = ROOM) -> None:
        self.records: list[Any] = []
        self._source, self._fenced = source, fenced
        self._room = self._full = room

    def take(self, record: Any) -> None:
        """Take the next one."""
        if cells.of_another_source(self._source, record.key):
            return
        self.records.append(record)
        if self._fenced and len(self.records) > self._full and _ends_flush(record):
            self.records = list(self._left(cells.stamp_of(record.headers)))
            self._full = 2 * len(self.records) + self._room

    def _left(self, finished: cells.Stamp) -> Iterator[Any]:
        """The newest finished ones, and what is not finished, or no davy's; that is told later."""
        last: dict[bytes | None, Any] = {}
        others = []
        for record in self.records:
            if foreign("cells", record) is None and cells.stamp_of(record.headers) <= finished:
                last[record.key] = record
            else:
                others.append(record)
        kept = [record for record in last.values() if record.value is not None]
        yield from sorted((*kept, *others), key=lambda record: record.offset)


def read_cells(
    own: OwnRecords, source: str, records: Iterable[Any]
) -> Iterator[cells.StoredRecord]:
    """What `restore` takes of a source's records, as they were consumed, in log order.

    Raises:
        Unreadable: one that may be state cannot be read.
    """
    mine = [record for record in records if not cells.of_another_source(source, record.key)]
    log = list(own.sift("cells", _without_given_up(own, mine)))
    stamped = [(_key_of(record), cells.stamp_of(record.headers)) for record in log]
    bodies = _bodies(own, log, (at for at, (key, _) in enumerate(stamped) if cells.is_marker(key)))
    if bodies:
        finished = stamped[max(bodies)][1]
        bodies |= _bodies(own, log, sorted(cells.that_count(stamped, finished)))
    for at, (key, stamp) in enumerate(stamped):
        yield cells.StoredRecord(key=key, stamp=stamp, body=bodies.get(at))


def _without_given_up(own: OwnRecords, records: Sequence[Any]) -> Iterator[Any]:
    """Without what cannot be read and a person deleted since: such a record bears no stamp."""
    deleted = {
        record.key: record.offset
        for record in records
        if record.value is None and foreign("cells", record) is not None
    }
    for record in records:
        if record.offset > deleted.get(record.key, -1) or _readable(own, record):
            yield record


def _readable(own: OwnRecords, record: Any) -> bool:
    try:
        own.read("cells", record)
    except Unreadable:
        return False
    return True


def _bodies(own: OwnRecords, log: Sequence[Any], places: Iterable[int]) -> dict[int, Body]:
    """By place in the log what records hold, but for those that delete their key."""
    found = {log[at].offset: at for at in places}
    read = own.state("cells", (log[at] for at in found.values()))
    return {found[record.offset]: body["body"] for record, body in read if body is not None}


def _ends_flush(record: Any) -> bool:
    marks = cells.is_marker(_key_of(record)) and record.value is not None
    return marks and foreign("cells", record) is None


def _key_of(record: Any) -> str:
    return (record.key or b"").decode(errors="replace")
