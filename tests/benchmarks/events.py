"""The benchmark's topic: predictions of two versions, and what counting them must give."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import fastavro
import numpy as np
from confluent_kafka import Producer
from numpy.typing import NDArray

from streams.settings import Settings
from streams.sketches.cell import Cell
from streams.wire.codec import Codec
from streams.wire.schemas import load_schema

LOG_GAMMA = math.log(1.01 / 0.99)
"""Of a peer's buckets: as wide as davy's."""
PER_SECOND = 33_000
"""Of event time, unless told otherwise: panes are equally full for all."""
AFTER_MS = 60_000
LARGE = 10_000
"""Records of a producer's batch: as many as librdkafka puts into one that it has at once."""
CANDIDATE_SHARE = 0.25
ERROR_RATE = 0.01
CLASSES = 10


ARMS = ("baseline", "candidate")
Key = tuple[int, str]
"""(pane of one second, arm)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was published, event by event: arrays of one length."""

    pane: NDArray[np.int64]
    candidate: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    latency_ms: NDArray[np.float64]
    label: NDArray[np.int64]
    """Predicted class; those that failed have none."""

    def cells(self) -> dict[Key, Cell]:
        """What davy must have in its panes."""
        place = 2 * self.pane + self.candidate
        order = np.argsort(place, kind="stable")
        keys, begins = np.unique(place[order], return_index=True)
        rows = np.split(order, begins[1:])
        return {
            (key // 2, ARMS[key % 2]): self._cell(some)
            for key, some in zip(keys.tolist(), rows, strict=True)
        }

    def tallies(self) -> dict[str, dict[str, Any]]:
        """What a peer must have counted: by arm, latency by the bucket of `peers.counting`."""
        bins = np.ceil(np.log(np.maximum(self.latency_ms, 1e-3)) / LOG_GAMMA).astype(np.int64)
        return {
            arm: {
                "exposures": int(mine.sum()),
                "errors": int((mine & self.failed).sum()),
                "classes": _counted(self.label[mine & ~self.failed]),
                "latency": _counted(bins[mine]),
            }
            for arm, mine in zip(ARMS, (~self.candidate, self.candidate), strict=True)
        }

    def _cell(self, rows: NDArray[np.int64]) -> Cell:
        answered = rows[~self.failed[rows]]
        cell = Cell(exposures=rows.size, errors=rows.size - answered.size)
        cell.latency.update(self.latency_ms[rows])
        cell.scores.update(score(self.latency_ms[answered]))
        for label, count in _counted(self.label[answered]).items():
            cell.classes.add(label, count)
        return cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Encoded predictions, and what counting them must give."""

    records: list[dict[str, bytes]]
    """`key` and `value` of each."""
    facts: Facts
    after: bytes
    """One of the baseline so much later that all panes are closed by it."""

    @property
    def first_ms(self) -> int:
        """When the oldest pane begins, epoch ms."""
        return int(self.facts.pane.min()) * 1000

    @property
    def last_pane(self) -> int:
        """The newest pane that holds an event."""
        return int(self.facts.pane.max())


def score(latency_ms: Any) -> Any:
    """What is published as the score of an answer that took so long."""
    return latency_ms % 1.0


def _counted(values: NDArray[np.int64]) -> dict[str, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(map(str, found.tolist()), counts.tolist(), strict=True))


def make(
    codec: Codec,
    events: int,
    *,
    seed: int = 1,
    services: int = 0,
    tiers: int = 0,
    end_ms: int | None = None,
    per_s: float = PER_SECOND,
    scattered: bool = False,
) -> Load:
    """Predictions that end now, or then; of services `s0`, `s1` ... and tiers `t0` ... in turn.

    `per_s`: how many there are in a second of event time; `scattered`: their ids are random ones.
    """
    dice = np.random.default_rng(seed)
    span_ms = max(1, int(events * 1000 / per_s))
    start_ms = (time.time_ns() // 1_000_000 if end_ms is None else end_ms) - span_ms
    at = np.sort(dice.integers(0, span_ms, events)) + start_ms
    facts = Facts(
        pane=at // 1000,
        candidate=dice.random(events) < CANDIDATE_SHARE,
        failed=dice.random(events) < ERROR_RATE,
        latency_ms=dice.lognormal(3.0, 0.4, events),
        label=dice.integers(0, CLASSES, events),
    )
    encode, records = Encoder(codec), list[dict[str, bytes]]()
    for number, event in enumerate(_events(at, facts)):
        if scattered:
            event["request_id"] = dice.bytes(16).hex()
        if services:
            event["service"] = f"s{number % services}"
        if tiers:
            event["segments"] = {"tier": f"t{number // services % tiers}"}
        records.append({"key": str(event["request_id"]).encode(), "value": encode(event)})
    late_ms = start_ms + span_ms + AFTER_MS
    last = _event(events, late_ms, "v1", 1.0, "0", failed=False)
    return Load(records=records, facts=facts, after=encode(last))


def _events(at: NDArray[np.int64], facts: Facts) -> Iterator[dict[str, object]]:
    columns = (
        at.tolist(),
        np.where(facts.candidate, "v2", "v1").tolist(),
        facts.latency_ms.tolist(),
        map(str, facts.label.tolist()),
        facts.failed.tolist(),
    )
    for number, (at_ms, version, latency_ms, label, failed) in enumerate(
        zip(*columns, strict=True)
    ):
        yield _event(number, at_ms, version, latency_ms, label, failed=failed)


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


def publish(load: Load, settings: Settings, times: int = 1, *, batch: int = LARGE) -> None:
    """Put all of it on the topic, by key, so many times, in batches of so many at most."""
    producer = _producer(settings, batch)
    for records in _blocks(load.records * times):
        left = records
        while left:
            left = left[producer.produce_batch(settings.topic("predictions"), left) :]
            producer.poll(0.0 if not left else 0.05)
    assert producer.flush(60) == 0, "the broker did not take all of it"


def close_panes(load: Load, settings: Settings) -> None:
    """A late event on each partition, so that no pane stays open."""
    producer = _producer(settings)
    for partition in range(settings.source_partitions):
        producer.produce(settings.topic("predictions"), load.after, partition=partition)
    assert producer.flush(60) == 0, "the broker did not take all of it"


def _blocks(
    records: list[dict[str, bytes]], size: int = 20_000
) -> Iterator[list[dict[str, bytes]]]:
    for start in range(0, len(records), size):
        yield records[start : start + size]


def _producer(settings: Settings, batch: int = LARGE) -> Producer:
    config: dict[str, str | int] = {"partitioner": "murmur2_random", "compression.type": "zstd"}
    config |= {"linger.ms": 50, "batch.num.messages": batch}
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
        "score": None if failed else score(latency_ms),
        "confidence": None,
        "segments": {},
        "llm": None,
    }
