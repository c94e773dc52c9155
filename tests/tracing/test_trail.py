"""Only sampled traces are followed; one becomes the parent, the others are links."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from streams.tracing.context import current_trace, traceparent
from streams.tracing.opening import Traces
from streams.tracing.trail import MOST, UNTRACED, Trail


@dataclass(frozen=True)
class Record:
    """A consumed record, as far as a trail looks at it."""

    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 1000


@dataclass
class Kept:
    """A provider whose spans stay in memory."""

    sampler: Any = None
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def __post_init__(self) -> None:
        self.provider = TracerProvider(sampler=self.sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def trail(self) -> Trail:
        return Traces(self.provider).trail()

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()


def named(number: int, flags: str = "01") -> bytes:
    """A trace by its number."""
    return f"00-{number:032x}-{number:016x}-{flags}".encode()


def record(number: int, flags: str = "01", at_ms: int = 1000) -> Record:
    return Record(headers=(("traceparent", named(number, flags)),), timestamp=at_ms)


class TestStep:
    def test_the_first_trace_goes_on_and_the_others_are_linked(self) -> None:
        kept = Kept()
        trail = kept.trail
        trail.hear([Record(), record(7), record(8), record(7)])
        with trail.step("davy.fold", {"davy.partition": 3}) as headers:
            assert kept.spans == ()
        (span,) = kept.spans
        assert (span.name, dict(span.attributes or {})) == ("davy.fold", {"davy.partition": 3})
        assert span.parent is not None
        assert (span.parent.trace_id, span.parent.span_id, span.parent.is_remote) == (7, 7, True)
        assert [link.context.trace_id for link in span.links] == [8]
        assert span.context is not None
        assert span.context.trace_id == 7
        assert traceparent(headers).decode().split("-") == [
            "00",
            f"{7:032x}",
            f"{span.context.span_id:016x}",
            f"{int(span.context.trace_flags):02x}",
        ]

    def test_nothing_is_told_of_what_no_trace_led_to(self) -> None:
        kept = Kept()
        trail = kept.trail
        broken = Record(headers=(("traceparent", b"00-zz-01"),))
        zero = Record(headers=(("traceparent", named(0)),))
        trail.hear([Record(), record(7, flags="00"), broken, zero])
        with trail.step("davy.fold", {}) as headers:
            pass
        assert (headers, kept.spans) == ((), ())

    def test_a_step_takes_what_it_tells(self) -> None:
        kept = Kept()
        trail = kept.trail
        trail.hear([record(7)])
        for _ in range(2):
            with trail.step("davy.fold", {}):
                pass
        assert len(kept.spans) == 1

    def test_later_records_wait_for_their_panes(self) -> None:
        """A span that closes panes up to a time is not told of what came after it."""
        kept = Kept()
        trail = kept.trail
        trail.hear([record(7, at_ms=1000), record(8, at_ms=2000)])
        for until_ms in (1000, 1001, 3000):
            with trail.step("davy.fold", {}, until_ms=until_ms):
                pass
        assert [span.context.trace_id for span in kept.spans if span.context] == [7, 8]

    def test_a_newer_decision_takes_the_place_of_one_before(self) -> None:
        kept = Kept()
        trail = kept.trail
        trail.follow(named(7))
        trail.follow(named(8))
        with trail.step("davy.apply", {}):
            pass
        trail.follow(named(9))
        trail.follow(b"")
        with trail.step("davy.apply", {}):
            pass
        assert [(s.parent.trace_id, len(s.links)) for s in kept.spans if s.parent] == [(8, 0)]

    def test_an_error_stands_in_the_span(self) -> None:
        kept = Kept()
        trail = kept.trail
        trail.hear([record(7)])
        with pytest.raises(ZeroDivisionError), trail.step("davy.fold", {}):
            raise ZeroDivisionError
        (span,) = kept.spans
        assert [event.name for event in span.events] == ["exception"]
        assert not span.status.is_ok

    def test_who_samples_nothing_hands_nothing_on(self) -> None:
        kept = Kept(sampler=ALWAYS_OFF)
        trail = kept.trail
        trail.hear([record(7)])
        with trail.step("davy.fold", {}) as headers:
            pass
        assert (headers, kept.spans) == ((), ())


class Broken:
    """A sampler, or a processor, of somebody else's that fails."""

    def should_sample(self, *_: object, **__: object) -> None:
        raise ValueError("no such sampler")

    def get_description(self) -> str:
        return "broken"


class Ends(SpanProcessor):
    """Fails when a span is over."""

    def on_end(self, span: ReadableSpan) -> None:
        raise ValueError(f"nobody takes {span.name}")


class TestTrouble:
    @pytest.mark.parametrize("when", ["begin", "end"])
    def test_tracing_that_fails_stops_nothing(
        self, caplog: pytest.LogCaptureFixture, when: str
    ) -> None:
        """What is decided is written and told, with no trace; that is complained of once."""
        kept = Kept(sampler=Broken() if when == "begin" else None)
        if when == "end":
            kept.provider.add_span_processor(Ends())
        trail, done = kept.trail, 0
        for number in (7, 8):
            trail.hear([record(number)])
            with trail.step("davy.judge", {}):
                done += 1
        assert (done, caplog.text.count("traces are lost")) == (2, 1)


class TestMemory:
    def test_it_is_bounded(self) -> None:
        """However many traces are heard of, `MOST` are kept, and no record is looked at more."""
        kept = Kept()
        trail = kept.trail
        looked = 0

        def records() -> Any:
            nonlocal looked
            for number in range(1, 10 * MOST):
                looked += 1
                yield record(number)

        trail.hear(records())
        trail.hear(records())
        assert looked == MOST
        with trail.step("davy.fold", {}):
            pass
        assert [len(span.links) for span in kept.spans] == [MOST - 1]

    def test_who_does_not_trace_looks_at_nothing(self) -> None:
        UNTRACED.hear(iter([object()]))  # an object without headers
        UNTRACED.follow(named(7))
        with UNTRACED.step("davy.fold", {}, until_ms=1) as headers:
            assert headers == ()


class TestCurrent:
    def test_the_trace_of_the_caller(self) -> None:
        kept = Kept()
        current = current_trace()
        assert current() is None
        with kept.provider.get_tracer("service").start_as_current_span("predict") as span:
            told = current()
        assert told is not None
        assert told.split(b"-")[1].decode() == f"{span.get_span_context().trace_id:032x}"

    def test_one_that_is_not_sampled_is_not_told(self) -> None:
        kept = Kept(sampler=ALWAYS_OFF)
        with kept.provider.get_tracer("service").start_as_current_span("predict"):
            assert current_trace()() is None
