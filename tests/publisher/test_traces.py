"""A record names the trace of its request where that is wanted, and costs nothing where not."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import streams.tracing
from streams.errors import SettingsError
from streams.publisher import Publisher
from streams.publisher.options import Options
from streams.settings import Settings
from streams.tracing.context import traceparent

NOWHERE = {"bootstrap": "127.0.0.1:1", "service": "s", "model_version": "v"}
ROOM = str(Path(streams.tracing.__file__).parent / "*")


def messages(topics: Settings, count: int) -> list[Message]:
    """Raw records of `predictions`."""
    consumer = Consumer(topics.confluent(**{"group.id": "reader", "enable.auto.commit": False}))
    name = topics.topic("predictions")
    consumer.assign([TopicPartition(name, index, 0) for index in range(4)])
    found: list[Message] = []
    until = time.monotonic() + 20
    while len(found) < count and time.monotonic() < until:
        found += consumer.consume(100, 0.2)
    consumer.close()
    assert len(found) == count
    return found


def published(topics: Settings, *, traces: bool) -> tuple[str, list[Message]]:
    """One request under a sampled trace, one under another, one under none; the first trace."""
    sampled = TracerProvider(shutdown_on_exit=False).get_tracer("service")
    left_out = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("service")
    with Publisher(
        bootstrap=topics.bootstrap,
        service="digits",
        model_version="v2",
        prefix=topics.prefix,
        traces=traces,
    ) as publisher:
        with sampled.start_as_current_span("predict") as span:
            publisher.prediction(request_id="sampled", latency_ms=1)
        with left_out.start_as_current_span("predict"):
            publisher.prediction(request_id="left out", latency_ms=1)
        publisher.prediction(request_id="alone", latency_ms=1)
        assert publisher.flush()
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}", messages(topics, 3)


class TestHeader:
    def test_a_sampled_request_is_named(self, topics: Settings) -> None:
        trace, found = published(topics, traces=True)
        told = {(m.key() or b"").decode(): traceparent(m.headers() or ()) for m in found}
        assert told.pop("sampled").decode().rpartition("-")[0] == trace
        assert told == {"left out": b"", "alone": b""}

    def test_off_there_is_no_header_at_all(self, topics: Settings) -> None:
        _, found = published(topics, traces=False)
        assert [message.headers() for message in found] == [None, None, None]


class TestCost:
    def test_off_nothing_is_allocated_for_it(self) -> None:
        """Thousand records wait: none holds anything that the room of traces made."""
        with Publisher(**NOWHERE) as publisher:
            publisher.prediction(request_id="first", latency_ms=1)
            tracemalloc.start(10)
            try:
                for index in range(1000):
                    publisher.prediction(request_id=index, latency_ms=1)
                taken = tracemalloc.take_snapshot()
            finally:
                tracemalloc.stop()
            waiting = publisher.counters().taken
            publisher.close(0)
        assert waiting == 1001
        made = taken.filter_traces([tracemalloc.Filter(True, ROOM, all_frames=True)])
        assert made.statistics("lineno") == []

    def test_on_a_trace_costs_a_hundred_bytes_of_the_buffer(self) -> None:
        """What is bounded is the whole record, its trace included."""
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("service")
        kept = []
        for traces in (False, True):
            options = NOWHERE | {"buffer_bytes": 100_000}
            with (
                Publisher(**options, traces=traces) as publisher,
                tracer.start_as_current_span("predict"),
            ):
                for index in range(1000):
                    publisher.prediction(request_id=index, latency_ms=1)
                kept.append(publisher.counters().taken)
                publisher.close(0)
        without, traced = kept
        assert traced < without < 1.3 * traced


class TestEnvironment:
    @pytest.mark.parametrize(("text", "wanted"), [("true", True), ("0", False), ("", False)])
    def test_it_is_a_variable_too(self, text: str, wanted: bool) -> None:  # noqa: FBT001 - parametrized
        env = {"DAVY_SERVICE": "s", "DAVY_MODEL_VERSION": "v", "DAVY_TRACES": text}
        assert Options.from_env(env).traces is wanted

    def test_nonsense_is_refused(self) -> None:
        env = {"DAVY_SERVICE": "s", "DAVY_MODEL_VERSION": "v", "DAVY_TRACES": "perhaps"}
        with pytest.raises(SettingsError, match="DAVY_TRACES: 'perhaps' is neither true nor false"):
            Options.from_env(env)
