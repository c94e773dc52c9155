"""One poll fetches so many records and so many bytes, whatever is in the log."""

import asyncio
from types import SimpleNamespace

from streams.agents.polling import BATCH_BYTES, PROBE, RECORD_BYTES, polled, size_of


class LogOfSizes:
    """Records of these sizes, as a fetcher hands them out."""

    def __init__(self, *sizes: int) -> None:
        self.left = [SimpleNamespace(key=None, value=b"x" * size) for size in sizes]

    async def fetch(self, *asked):
        most = asked[-1]
        taken, self.left = self.left[:most], self.left[most:]
        return {"tp": taken} if taken else {}

    def poll(self, most: int) -> list[int]:
        found = asyncio.run(polled(self.fetch, None, None, 0.0, most))
        return [len(record.value) for record in found["tp"].records] if found else []


def test_small_records_come_up_to_their_number_in_order():
    log = LogOfSizes(*range(3000))
    assert log.poll(2000) == list(range(2000))
    assert log.poll(2000) == list(range(2000, 3000))
    assert log.poll(2000) == []


def test_large_records_come_up_to_their_bytes():
    log = LogOfSizes(*[100_000] * 2000)
    assert sum(log.poll(10_000)) <= PROBE * 100_000 + BATCH_BYTES


def test_what_grows_within_a_poll_is_seen_soon():
    log = LogOfSizes(*[100] * PROBE, *[50_000] * 5000)
    assert sum(log.poll(10_000)) < BATCH_BYTES + 4 * PROBE * 50_000


def test_a_record_without_key_and_value_has_a_size_too():
    assert size_of(SimpleNamespace(key=None, value=None)) == RECORD_BYTES
