"""The SDK: what an inference service imports. Needs confluent-kafka and fastavro only."""

from streams.publisher.facts import Counters, Drop, Repair, Status
from streams.publisher.options import Registry
from streams.publisher.publisher import Publisher
from streams.publisher.request import Answer

__all__ = ["Answer", "Counters", "Drop", "Publisher", "Registry", "Repair", "Status"]
