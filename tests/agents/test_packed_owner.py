"""What an owner writes does not depend on how records came to it: in packs, or one by one."""

from __future__ import annotations

from typing import Any

import pytest

from streams.agents.batch import Batch
from streams.agents.packs import LEAST
from streams.agents.records import Records
from streams.wire.framing import frame
from tests.agents.pipeline import START_MS, Traffic, spec
from tests.agents.test_flush import CODEC, SOURCE, MemorySpecs, MemoryWriter, owner_of
from tests.wire.kafka_batches import Sent, batch, read

SIZE = 100
EVENTS = [*Traffic(seconds=6.0, rate=50).events(START_MS)]
GOOD = [Sent(CODEC.encode("predictions", event), b"key-%d" % at) for at, event in enumerate(EVENTS)]
BAD = {
    "nothing": Sent(None, b"k"),
    "empty": Sent(b"", b"k"),
    "short": Sent(b"\0\0", b"k"),
    "magic": Sent(b"{}" + bytes(10), b"k"),
    "unknown schema": Sent(frame(77, b"abc"), b"k"),
    "cut": Sent(GOOD[0].value[:-3] if GOOD[0].value else None, b"k"),
    "large": Sent(frame(1, bytes(2_000)), b"k"),
    "latency": Sent(CODEC.encode("predictions", EVENTS[0] | {"latency_ms": -1.0}), b"k"),
    "no key": Sent(CODEC.encode("predictions", EVENTS[0] | {"service": ""})),
    "header": Sent(CODEC.encode("predictions", EVENTS[0] | {"service": ""}), b"k", [("h", b"1")]),
}


def log_of(sent: list[Sent], size: int = SIZE) -> list[bytes]:
    """Batches of so many as a broker keeps them, as many of them together as have `SIZE`."""
    batches = [
        batch(sent[at : at + size], at, append_ms=START_MS + 10 * at)
        for at in range(0, len(sent), size)
    ]
    polled = SIZE // size
    return [b"".join(batches[at : at + polled]) for at in range(0, len(batches), polled)]


async def written(log: list[bytes], *, packed: bool) -> list[Any]:
    """All that an owner flushes of these batches, one after the other."""
    out = MemoryWriter()
    owner = owner_of(out, MemorySpecs({"digits-v2": spec()}), max_event_bytes=1_000)
    for each in log:
        records = read(each, packed=packed)
        start, end = records.first_offset, records.last_offset + 1
        await owner.feed(Batch(partition=SOURCE, start=start, end=end, records=records))
        await owner.flush()
    return [[(r.topic, r.key, r.value, r.headers) for r in flush] for flush in out.flushes]


def letters(flushes: list[Any]) -> list[tuple[bytes, bytes, bytes | None]]:
    """Offset, reason and value of each dead letter."""
    told = [record for flush in flushes for record in flush if record[0] == "dead-letters"]
    headers = [dict(record[3]) for record in told]
    return [
        (each["offset"], each["reason"], record[2])
        for each, record in zip(headers, told, strict=True)
    ]


@pytest.mark.parametrize("at", [0, 117, 199])
@pytest.mark.parametrize("what", list(BAD))
async def test_a_bad_record_among_good_ones(what: str, at: int) -> None:
    log = log_of([*GOOD[:at], BAD[what], *GOOD[at + 1 :]])
    found = await written(log, packed=True)
    assert found == await written(log, packed=False)
    assert [(offset, value) for offset, _, value in letters(found)] == [
        (b"%d" % at, BAD[what].value)
    ]


@pytest.mark.parametrize("size", [1, LEAST, 10, SIZE])
async def test_good_records(size: int) -> None:
    """However few there are in a batch: many small ones are decoded together."""
    found = await written(log_of(GOOD, size), packed=True)
    assert found == await written(log_of(GOOD, size), packed=False)
    assert letters(found) == []


@pytest.mark.parametrize("size", [LEAST, 10])
@pytest.mark.parametrize("what", list(BAD))
async def test_a_bad_record_in_one_of_many_small_batches(what: str, size: int) -> None:
    log = log_of([*GOOD[:117], BAD[what], *GOOD[118:]], size)
    found = await written(log, packed=True)
    assert found == await written(log, packed=False)
    assert [offset for offset, *_ in letters(found)] == [b"117"]


async def test_a_letter_has_the_offset_at_which_its_record_was_counted() -> None:
    """Also where the producer told others, which no broker looks at."""
    sent = [*GOOD[:30], BAD["latency"], *GOOD[31:SIZE]]
    log = [batch(sent, 0, append_ms=START_MS, places={29: 31, 30: 30, 31: 29})]
    found = await written(log, packed=True)
    assert [offset for offset, *_ in letters(found)] == [b"30"]


async def test_a_name_of_a_header_that_is_no_text_costs_nothing() -> None:
    sent = [*GOOD[:30], GOOD[30]._replace(headers=[("name", b"1")]), *GOOD[31:SIZE]]
    (log,) = log_of(sent)
    assert await written([log.replace(b"name", b"na\xffe")], packed=True) == await written(
        [log], packed=True
    )
    assert (
        read(log.replace(b"name", b"na\xffe"))[30].headers[0][0] == "na\N{REPLACEMENT CHARACTER}e"
    )


def test_packs_are_what_is_read() -> None:
    """Otherwise none of the above would say anything."""
    for size in (LEAST, 10, SIZE):
        for log in log_of(GOOD, size):
            records: Records = read(log)
            assert len(records._parts) == SIZE // size
            assert not any(isinstance(part, list) for part in records._parts)
