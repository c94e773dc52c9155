"""Only what counts is decoded, and it is the same state as if all were."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import pytest

from streams.agents import cells
from streams.agents.cell_log import CellLog, read_cells
from streams.panes.facts import Marker, PaneClock
from streams.wire.codec import Codec
from streams.wire.own import OwnRecords, Unreadable
from streams.wire.sparing import Sparing
from streams.wire.store import LocalSchemaStore

CODEC = Codec(LocalSchemaStore())
CLOCK = PaneClock(pane_ms=1000, lateness_ms=500, future_ms=60_000)
UNKNOWN_SCHEMA = b"\x00\x00\x0f\x42\x3fbody"
KEYS = ("join/r/head", "join/r/1", "live/marker", "odd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A consumed record of `cells`."""

    offset: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    topic: str = "cells"
    partition: int = 0


class Log:
    """A partition of `cells` as it is written."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def put(self, what: str, value: bytes | None, stamp: cells.Stamp = (1, 1)) -> None:
        """Append a record of this owner's."""
        self.records.append(
            Record(
                offset=3 * len(self.records),  # transaction markers leave holes
                key=cells.key_of("predictions", 0, what).encode(),
                value=value,
                headers=cells.stamp_headers(stamp),
            )
        )

    def part(self, what: str, data: bytes, stamp: cells.Stamp = (1, 1)) -> None:
        """What a fold keeps beside panes."""
        body = ("davy.JoinPart", {"rollout": "r", "name": what, "data": data})
        self.put(what, CODEC.encode("cells", {"body": body}), stamp)

    def end(self, next_offset: int, stamp: cells.Stamp = (1, 1)) -> None:
        """The marker of a flush."""
        marker = Marker(next_offset=next_offset)
        body = cells.marker_body(marker, CLOCK, idle=False, horizon_offset=0)
        self.put(cells.MARKER, CODEC.encode("cells", {"body": body}), stamp)

    def restored(self) -> cells.StoredState:
        """What a new owner makes of it."""
        own = OwnRecords(CODEC, Sparing(lambda _: None))
        return cells.restore(read_cells(own, "predictions", self.records))

    def restored_whole(self) -> cells.StoredState:
        """The same, every record decoded."""
        decoded = []
        for record in self.records:
            body = None if record.value is None else CODEC.decode("cells", record.value)["body"]
            stamp = cells.stamp_of(record.headers)
            decoded.append(cells.StoredRecord(key=record.key.decode(), stamp=stamp, body=body))
        return cells.restore(decoded)


@pytest.fixture
def log() -> Log:
    """One flush, whole."""
    log = Log()
    log.part("join/r/head", b"old")
    log.end(10)
    return log


def random_log(seed: int) -> Log:
    """Flushes of several owners, some of which never finished; keys that come and go."""
    dice, log = random.Random(seed), Log()
    for epoch in range(1, 4):
        for flush in range(1, 6):
            for what in dice.sample(KEYS, dice.randrange(1, 4)):
                if dice.random() < 0.3:
                    log.put(what, None, (epoch, flush))
                else:
                    log.part(what, dice.randbytes(3), (epoch, flush))
            if dice.random() < 0.7:
                log.end(dice.randrange(100), (epoch, flush))
    return log


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_same_state(seed: int) -> None:
    log = random_log(seed)
    assert log.restored() == log.restored_whole()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("room", [0, 5])
def test_what_is_let_go_while_it_is_read_is_missed_by_nobody(seed: int, room: int) -> None:
    """But for keys that are gone: who has transactions need not delete them again."""
    log, whole = random_log(seed), random_log(seed).restored_whole()
    kept = CellLog("predictions", fenced=True, room=room)
    for record in log.records:
        kept.take(record)
    assert len(kept.records) < len(log.records)
    log.records = kept.records
    found = log.restored()
    assert found.keys <= whole.keys
    assert replace(found, keys=whole.keys) == whole


def test_what_is_held_while_it_is_read_is_bounded() -> None:
    """However long the log is; without transactions all of it may count."""
    log = Log()
    for flush in range(1, 400):
        for what in KEYS:
            log.part(what, b"data", (1, flush))
        log.end(flush, (1, flush))
    fenced, unfenced = (CellLog("predictions", fenced=each, room=50) for each in (True, False))
    most = 0
    for record in log.records:
        fenced.take(record)
        unfenced.take(record)
        most = max(most, len(fenced.records))
    assert most <= 50 + 3 * (len(KEYS) + 1)
    assert unfenced.records == log.records


def test_other_sources_and_strangers_are_told_apart() -> None:
    """Of another source nothing is held; what no davy wrote is kept, to be told."""
    log = Log()
    log.end(1)
    stranger = Record(offset=1, key=b"predictions/0/live/r", value=b"x", headers=())
    other = Record(offset=2, key=b"resources/0/marker", value=UNKNOWN_SCHEMA, headers=())
    last = replace(log.records[0], offset=3)
    kept = CellLog("predictions", fenced=True, room=0)
    for record in (log.records[0], stranger, other, last):
        kept.take(record)
    assert [record.offset for record in kept.records] == [1, 3]


def test_what_was_replaced_is_not_looked_at(log: Log) -> None:
    """A record that cannot be read stops nothing once its key has been written anew."""
    log.put("join/r/head", UNKNOWN_SCHEMA, (1, 2))
    log.part("join/r/head", b"new", (1, 3))
    log.end(20, (1, 3))
    (part,) = log.restored().parts.values()
    assert part[1]["data"] == b"new"


def test_a_flush_that_never_finished_is_not_looked_at(log: Log) -> None:
    log.put("join/r/head", UNKNOWN_SCHEMA, (1, 2))
    (part,) = log.restored().parts.values()
    assert part[1]["data"] == b"old"
    assert log.restored().stamp == (1, 2)


@pytest.mark.parametrize("what", ["join/r/head", "live/r", cells.MARKER])
def test_what_may_be_state_is_never_passed_over(log: Log, what: str) -> None:
    """Until a person deletes its key."""
    log.put(what, UNKNOWN_SCHEMA, (1, 1))
    with pytest.raises(Unreadable, match="may hold state"):
        log.restored()
    log.put(what, None, (1, 1))
    assert log.restored() == _decodable(log).restored_whole()


def test_a_person_deletes_a_key_without_a_stamp(log: Log) -> None:
    """As the message asks for, with any producer; what is written later counts again."""
    log.put("join/r/head", UNKNOWN_SCHEMA, (1, 1))
    bare = replace(log.records[-1], offset=log.records[-1].offset + 1, value=None, headers=())
    log.records.append(bare)
    (part,) = log.restored().parts.values()
    assert part[1]["data"] == b"old"
    log.put("join/r/head", UNKNOWN_SCHEMA, (1, 1))
    with pytest.raises(Unreadable, match="may hold state"):
        log.restored()


def _decodable(log: Log) -> Log:
    left = Log()
    left.records = [record for record in log.records if record.value != UNKNOWN_SCHEMA]
    return left


def test_strangers_records_are_skipped(log: Log) -> None:
    """Without a stamp, or without framing: no davy wrote them."""
    own: Any = OwnRecords(CODEC, Sparing(lambda _: None))
    stranger = Record(offset=100, key=b"predictions/0/live/r", value=UNKNOWN_SCHEMA, headers=())
    framed = log.records[0].headers
    noise = Record(offset=101, key=b"predictions/0/join/r/head", value=b"{}", headers=framed)
    found = cells.restore(read_cells(own, "predictions", [*log.records, stranger, noise]))
    assert found == log.restored()
    assert own.skipped == {("cells", "no_stamp"): 1, ("cells", "bad_magic"): 1}
