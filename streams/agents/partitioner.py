"""Does a topic's producer put keys where the join looks for them? murmur2, as Java's default."""

from __future__ import annotations

from aiokafka.partitioner import murmur2

from streams.agents.records import Records

SAMPLED = 8
"""Records of a batch that are looked at."""


def place_of(key: bytes, partitions: int) -> int:
    """Where murmur2 puts a key among so many partitions."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % partitions


def misplaced(records: Records, partition: int, partitions: int) -> int:
    """How many of a few records with a key belong into another partition."""
    keys = [record.key for record in records.some(SAMPLED) if record.key is not None]
    return sum(place_of(key, partitions) != partition for key in keys)


def remedy(topic: str) -> str:
    """What a person must do about it."""
    return (
        f"{topic}: keys lie in other partitions than murmur2 puts them, so outcomes do not meet "
        "their predictions (mispartitioned); set partitioner=murmur2_random in the producer "
        "(librdkafka's default is another one), and publish both topics with the same key"
    )
