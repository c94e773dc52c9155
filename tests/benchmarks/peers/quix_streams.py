"""The peer: what one writes with Quix Streams and fastavro for the same result.

Its windows keep their state in RocksDB by message key, which here is the request: one would have to
publish each event a second time under another key. The quicker form is measured, without state that
survives: a function that counts in memory.
"""

from __future__ import annotations

import os
import time

from quixstreams import Application

from tests.benchmarks.peers.counting import Counts

TURN = 1000
"""Events between two looks at the clock."""


def main() -> None:
    """Run until killed."""
    app = Application(
        broker_address=os.environ["PEER_BOOTSTRAP"],
        consumer_group=os.environ["PEER_GROUP"],
        auto_offset_reset="earliest",
        commit_interval=1.0,
        use_changelog_topics=False,
        auto_create_topics=False,
        loglevel="WARNING",
    )
    predictions = app.topic(
        os.environ["PEER_TOPIC"], key_deserializer="bytes", value_deserializer="bytes"
    )
    counts, producer = Counts(), app.get_producer()
    seen, told_at = 0, time.monotonic()

    def count(value: bytes) -> None:
        nonlocal seen, told_at
        counts.add(value)
        seen += 1
        if seen % TURN == 0 and time.monotonic() - told_at >= 1.0:
            told_at = time.monotonic()
            producer.produce(os.environ["PEER_VERDICTS"], counts.verdict())

    app.dataframe(predictions).update(count)
    app.run()


if __name__ == "__main__":
    main()
