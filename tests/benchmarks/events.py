"""The benchmark's topic: predictions of two versions, and what counting them must give."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import fastavro
import numpy as np
from confluent_kafka import Producer

from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.schemas import load_schema

PER_SECOND = 33_000
"""Of event time, unless told otherwise: panes are equally full for all."""
AFTER_MS = 60_000
CANDIDATE_SHARE = 0.25
ERROR_RATE = 0.01
CLASSES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Encoded predictions, and what counting them must give."""

    records: list[dict[str, bytes]]
    """`key` and `value` of each."""
    requests: dict[tuple[int, str], int]
    """(pane, arm) -> requests, panes of one second."""
    errors: dict[str, int]
    """Arm -> failed requests."""
    after: bytes
    """One of the baseline so much later that all panes are closed by it."""

    @property
    def exposures(self) -> dict[str, int]:
        """Arm -> requests."""
        return {
            arm: sum(n for (_, a), n in self.requests.items() if a == arm) for arm in self.errors
        }


def make(
    codec: Codec,
    events: int,
    *,
    seed: int = 1,
    services: int = 0,
    tiers: int = 0,
    end_ms: int | None = None,
    per_s: float = PER_SECOND,
) -> Load:
    """Predictions that end now, or then; of services `s0`, `s1` ... and tiers `t0` ... in turn.

    `per_s`: how many there are in a second of event time.
    """
    dice = np.random.default_rng(seed)
    span_ms = max(1, int(events * 1000 / per_s))
    start_ms = (time.time_ns() // 1_000_000 if end_ms is None else end_ms) - span_ms
    columns = zip(
        (np.sort(dice.integers(0, span_ms, events)) + start_ms).tolist(),
        (dice.random(events) < CANDIDATE_SHARE).tolist(),
        (dice.random(events) < ERROR_RATE).tolist(),
        dice.lognormal(3.0, 0.4, events).tolist(),
        dice.integers(0, CLASSES, events).tolist(),
        strict=True,
    )
    encode = Encoder(codec)
    records: list[dict[str, bytes]] = []
    requests, errors = Counter[tuple[int, str]](), Counter[str]()
    for number, (at, candidate, failed, latency_ms, label) in enumerate(columns):
        version, arm = ("v2", "candidate") if candidate else ("v1", "baseline")
        event = _event(number, at, version, latency_ms, str(label), failed=failed)
        if services:
            event["service"] = f"s{number % services}"
        if tiers:
            event["segments"] = {"tier": f"t{number // services % tiers}"}
        records.append({"key": str(event["request_id"]).encode(), "value": encode(event)})
        requests[at // 1000, arm] += 1
        errors[arm] += failed
    late_ms = start_ms + span_ms + AFTER_MS
    last = _event(events, late_ms, "v1", 1.0, "0", failed=False)
    return Load(records=records, requests=dict(requests), errors=dict(errors), after=encode(last))


class Encoder:
    """Frames events; its schema id is the codec's."""

    def __init__(self, codec: Codec) -> None:
        self._schema = fastavro.parse_schema(load_schema("prediction"))
        example = _event(0, 1, "v1", 1.0, "0", failed=False)
        self._header = codec.encode("predictions", example)[:5]

    def __call__(self, event: dict[str, object]) -> bytes:
        """The value of a record."""
        out = io.BytesIO()
        out.write(self._header)
        fastavro.schemaless_writer(out, self._schema, event)
        return out.getvalue()


def publish(load: Load, settings: Settings, times: int = 1) -> None:
    """Put all of it on the topic, by key, so many times."""
    producer = _producer(settings)
    for records in _blocks(load.records * times):
        left = records
        while left:
            left = left[producer.produce_batch(settings.topic("predictions"), left) :]
            producer.poll(0.0 if not left else 0.05)
    assert producer.flush(60) == 0


def close_panes(load: Load, settings: Settings) -> None:
    """A late event on each partition, so that no pane stays open."""
    producer = _producer(settings)
    for partition in range(settings.source_partitions):
        producer.produce(settings.topic("predictions"), load.after, partition=partition)
    assert producer.flush(60) == 0


def _blocks(
    records: list[dict[str, bytes]], size: int = 20_000
) -> Iterator[list[dict[str, bytes]]]:
    for start in range(0, len(records), size):
        yield records[start : start + size]


def _producer(settings: Settings) -> Producer:
    config = {"partitioner": "murmur2_random", "linger.ms": 50, "compression.type": "zstd"}
    return Producer(settings.confluent(**config))


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
