"""What reading takes with confluent-kafka: events dropped, or decoded and dropped.

`python -m tests.benchmarks.peers.limits drop|decode`.
"""

from __future__ import annotations

import os
import sys

from confluent_kafka import Consumer

from streams.wire.codec import Codec
from streams.wire.columns import decode_predictions
from streams.wire.store import LocalSchemaStore

MOST = 10_000


def main() -> None:
    """Read until killed; commit ten times a second."""
    decodes = sys.argv[1] == "decode"
    codec = Codec(LocalSchemaStore())
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["PEER_BOOTSTRAP"],
            "group.id": os.environ["PEER_GROUP"],
            "auto.offset.reset": "earliest",
            "auto.commit.interval.ms": 100,
            "fetch.queue.backoff.ms": 10,
        }
    )
    consumer.subscribe([os.environ["PEER_TOPIC"]])
    while True:
        messages = consumer.consume(MOST, 0.2)
        if decodes and messages:
            decode_predictions([message.value() for message in messages], codec)


if __name__ == "__main__":
    main()
