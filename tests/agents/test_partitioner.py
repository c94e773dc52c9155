"""Keys that a producer put elsewhere than the join looks for them are noticed."""

import zlib
from dataclasses import dataclass

from aiokafka.partitioner import DefaultPartitioner

from streams.agents.partitioner import SAMPLED, misplaced, remedy
from streams.agents.records import Records

PARTITIONS = 6
KEYS = [f"user-{number}".encode() for number in range(400)]


@dataclass(frozen=True)
class Record:
    key: bytes | None


def placed_by_java() -> list[list[Record]]:
    """Records by partition, as Java's and aiokafka's producers place them."""
    place, every = DefaultPartitioner(), list(range(PARTITIONS))
    by: list[list[Record]] = [[] for _ in every]
    for key in KEYS:
        by[place(key, every, every)].append(Record(key))
    return by


class TestMisplaced:
    def test_murmur2_is_right(self):
        for partition, records in enumerate(placed_by_java()):
            assert misplaced(Records(records), partition, PARTITIONS) == 0

    def test_another_partitioner_shows_in_the_first_batch(self):
        """librdkafka's default is CRC32: five of six keys lie elsewhere."""
        records = [Record(key) for key in KEYS if zlib.crc32(key) % PARTITIONS == 2]
        assert misplaced(Records(records), 2, PARTITIONS) >= SAMPLED // 2

    def test_records_without_key_say_nothing(self):
        assert misplaced(Records([Record(None)] * 9), 0, PARTITIONS) == 0

    def test_the_remedy_names_the_setting(self):
        assert "partitioner=murmur2_random" in remedy("outcomes")
