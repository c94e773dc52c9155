"""When was a broker connected last? From what librdkafka tells of itself every few seconds."""

from __future__ import annotations

import json
import time

STATISTICS_MS = 5000


class Contact:
    """Of one Kafka client; fed by its thread, read by others."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    @property
    def config(self) -> dict[str, object]:
        """What the client must be told for that."""
        return {"statistics.interval.ms": STATISTICS_MS, "stats_cb": self.hear}

    @property
    def silent_s(self) -> float:
        """Seconds since a broker was connected; since the beginning, where none ever was."""
        return max(0.0, time.monotonic() - self._at)

    def hear(self, statistics: str) -> None:
        """Take librdkafka's statistics in, as JSON."""
        brokers = json.loads(statistics).get("brokers", {}).values()
        if any(broker.get("state") == "UP" for broker in brokers):
            self._at = time.monotonic()
