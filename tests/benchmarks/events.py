"""The benchmark's topic: predictions of two versions, and what counting them must give."""

from __future__ import annotations

import io
import time
from collections import Counter
from dataclasses import dataclass

import fastavro
import numpy as np
from confluent_kafka import Producer

from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.schemas import load_schema

SECONDS = 60
CANDIDATE_SHARE = 0.25
ERROR_RATE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What was published."""

    events: int
    bytes_per_event: float
    requests: dict[tuple[int, str], int]
    """(pane, arm) -> requests, panes of one second."""
    errors: dict[str, int]
    """Arm -> failed requests."""


def fill(settings: Settings, codec: Codec, events: int, seed: int = 1) -> Filled:
    """Publish `events` predictions that end about now."""
    dice = np.random.default_rng(seed)
    start_ms = time.time_ns() // 1_000_000 - SECONDS * 1000
    columns = zip(
        (np.sort(dice.integers(0, SECONDS * 1000, events)) + start_ms).tolist(),
        (dice.random(events) < CANDIDATE_SHARE).tolist(),
        (dice.random(events) < ERROR_RATE).tolist(),
        dice.lognormal(3.0, 0.4, events).tolist(),
        dice.integers(0, 10, events).tolist(),
        strict=True,
    )
    sender = Sender(settings, codec)
    requests, errors = Counter[tuple[int, str]](), Counter[str]()
    for number, (at, candidate, failed, latency_ms, label) in enumerate(columns):
        version, arm = ("v2", "candidate") if candidate else ("v1", "baseline")
        sender.send(_event(number, at, version, latency_ms, str(label), failed=failed))
        requests[at // 1000, arm] += 1
        errors[arm] += failed
    sender.settle()
    return Filled(
        events=events,
        bytes_per_event=sender.sent_bytes / events,
        requests=dict(requests),
        errors=dict(errors),
    )


class Sender:
    """Encodes and produces as fast as one thread can."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._topic = settings.topic("predictions")
        self._schema = fastavro.parse_schema(load_schema("prediction"))
        example = _event(0, 1, "v1", 1.0, "0", failed=False)
        self._header = codec.encode("predictions", example)[:5]
        config = {"partitioner": "murmur2_random", "linger.ms": 50, "compression.type": "zstd"}
        self._producer = Producer(settings.confluent(**config))
        self.sent_bytes = 0

    def send(self, event: dict[str, object]) -> None:
        """Produce one event; waits where the queue is full."""
        out = io.BytesIO(self._header)
        out.seek(0, io.SEEK_END)
        fastavro.schemaless_writer(out, self._schema, event)
        value = out.getvalue()
        self.sent_bytes += len(value)
        while True:
            try:
                self._producer.produce(self._topic, value, str(event["request_id"]))
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def settle(self) -> None:
        """Wait until the broker has everything."""
        assert self._producer.flush(60) == 0


def _event(
    number: int, at: int, version: str, latency_ms: float, label: str, *, failed: bool
) -> dict[str, object]:
    return {
        "request_id": f"req-{number:010d}",
        "unit": None,
        "service": "digits",
        "model_version": version,
        "completed_at": at,
        "latency_ms": latency_ms,
        "status": "ERROR" if failed else "OK",
        "predicted_class": None if failed else label,
        "score": None if failed else latency_ms % 1.0,
        "confidence": None,
        "segments": {},
        "llm": None,
    }
