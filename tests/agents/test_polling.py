"""One poll fetches so many records and so many bytes, whatever is in the log."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import CorruptRecordException

from streams.agents.batch_format import Head
from streams.agents.lean import count_of, getall
from streams.agents.packs import MOST_BYTES, Pack
from streams.agents.polling import BATCH_BYTES, GROWTH, RECORD_BYTES, ROW_BYTES, polled, size_of
from tests.agents.fetches import Assigned

HERE = ("t", "here")


def single(size: int) -> Any:
    return SimpleNamespace(key=None, value=b"x" * size)


def pack(count: int, size: int = 0) -> Pack:
    """So many records of these bytes; nobody reads what its head says besides."""
    return Pack(head=Head(*[0] * 12, records=count), payload=bytes(size))


class Waiting:
    """Records of a partition that aiokafka has fetched; it knows the offset behind them."""

    def __init__(self, found: Sequence[Any]) -> None:
        self._left, self.next_fetch_offset = iter(found), 0

    def __iter__(self) -> "Waiting":
        return self

    def __next__(self) -> Any:
        return next(self._left)


class Log:
    """What partitions hold, handed out as aiokafka's fetcher does with our `getall`."""

    def __init__(self, *found: Any, **others: Sequence[Any]) -> None:
        parts = {HERE: found} | {("t", name): each for name, each in others.items()}
        self.left = {
            tp: FetchResult(tp, assignment=Assigned(), partition_records=Waiting(each), backoff=0)
            for tp, each in parts.items()
        }
        self.fetches = 0

    async def fetch(self, _consumer: Any, tps: Any, _pause_s: float, most: int) -> Any:
        self.fetches += 1
        drained = {}
        for tp in [each for each in self.left if each in tps]:
            taken = getall(self.left[tp], most)
            if not self.left[tp].has_more():
                del self.left[tp]
            if taken:
                drained[tp] = taken
                most -= len(taken)
                if most == 0:
                    break
        return drained

    def poll(self, most: int) -> dict[Any, list[Any]]:
        found = asyncio.run(polled(self.fetch, None, set(self.left), 0.0, most))
        return {tp: each.found for tp, each in found.items()}


def sizes(found: dict[Any, list[Any]]) -> list[int]:
    return [len(record.value) for each in found.values() for record in each]


def total(found: dict[Any, list[Any]]) -> int:
    return sum(count_of(one) for each in found.values() for one in each)


def total_size(found: dict[Any, list[Any]]) -> int:
    return sum(size_of(one) for each in found.values() for one in each)


LARGEST = 4 * MOST_BYTES + 32 * ROW_BYTES
"""What a fetch may give, of packs of 16 records."""


def test_small_records_come_up_to_their_number_in_order():
    log = Log(*map(single, range(3000)))
    assert sizes(log.poll(2000)) == list(range(2000))
    assert sizes(log.poll(2000)) == list(range(2000, 3000))
    assert log.poll(2000) == {}


def test_large_records_come_up_to_their_bytes():
    log = Log(*[single(100_000)] * 2000)
    assert sum(sizes(log.poll(10_000))) <= BATCH_BYTES + 100_000


def test_what_grows_within_a_poll_is_seen_soon():
    log = Log(*[single(100)] * 4, *[single(50_000)] * 5000)
    assert sum(sizes(log.poll(10_000))) < BATCH_BYTES + 4 * GROWTH * 50_000


def test_a_record_without_key_and_value_has_a_size_too():
    assert size_of(SimpleNamespace(key=None, value=None)) == RECORD_BYTES


def test_large_records_behind_small_ones_come_up_to_their_bytes():
    log = Log(*[single(1)] * 630, *[single(MOST_BYTES)] * 200)
    assert total_size(log.poll(10_000)) < BATCH_BYTES + 2 * MOST_BYTES


@pytest.mark.parametrize("before", [0, 20, 340, 1364])
def test_packs_behind_single_records_come_up_to_their_number(before):
    """However many single records came before them."""
    log = Log(*[single(100)] * before, *[pack(500, 50_000)] * 300)
    for _ in range(5):
        assert 10_000 <= total(log.poll(10_000)) < 10_000 + 500


def test_large_packs_come_up_to_their_bytes():
    log = Log(*[single(100)] * 400, *[pack(16, MOST_BYTES)] * 100)
    assert total_size(log.poll(10_000)) < BATCH_BYTES + LARGEST


def test_what_one_partition_gives_says_nothing_of_another():
    """Small single records here, huge packs there."""
    log = Log(*[single(10)] * 900, a=[pack(16, MOST_BYTES)] * 9, b=[pack(900, 900)] * 90)
    while found := log.poll(5_000):
        assert total(found) < 5_000 + 900
        assert total_size(found) < BATCH_BYTES + LARGEST
    assert not log.left


def test_many_quiet_partitions_come_in_one_poll():
    log = Log(single(1), **{f"p{n}": [single(1)] * n for n in range(40)})
    assert total(log.poll(5_000)) == 1 + sum(range(40))
    assert log.fetches <= 5 * 41


class TestFailures:
    def failing(self, log: Log, at: int) -> Any:
        """The same fetches; that one fails, as aiokafka's does where a partition has an error."""
        fetch = log.fetch

        async def failing(*asked: Any) -> Any:
            if log.fetches == at:
                log.fetches += 1
                raise CorruptRecordException("Invalid CRC")
            return await fetch(*asked)

        return failing

    @pytest.mark.parametrize("at", range(1, 6))
    def test_what_was_fetched_before_is_there(self, at):
        """It is of no offset any more: who lost it would go on behind it."""
        log, seen = Log(*map(single, range(40)), a=[single(1)] * 3), []
        log.fetch = self.failing(log, at)
        while found := log.poll(1000):
            seen += found.get(HERE, [])
        assert [len(each.value) for each in seen] == list(range(40))

    def test_a_failure_without_anything_is_told(self):
        log = Log(single(1))
        log.fetch = self.failing(log, 0)
        with pytest.raises(CorruptRecordException):
            log.poll(10)
