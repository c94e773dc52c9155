"""Which traces led to what is done now? Heard of from records, told as a span, handed on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from streams.tracing.context import TRACEPARENT, Headers, is_sampled, read, traceparent, written

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext, Tracer

MOST = 32
"""Traces remembered until a span follows: more would say nothing new, and cost memory."""

LOOKED_AT = 256
"""Records of a batch in which traces are looked for: it must not cost by the event."""

Facts: TypeAlias = Mapping[str, str | int]


class Trail(Protocol):
    """The traces that led to one thing. One thread at a time."""

    def hear(self, records: Iterable[Any]) -> None:
        """Note the sampled traces that records name; each has `headers` and `timestamp`."""
        ...

    def follow(self, parent: bytes) -> None:
        """Forget what was heard: this trace led here, if it is one and sampled."""
        ...

    def step(
        self, name: str, facts: Facts, *, until_ms: int | None = None
    ) -> AbstractContextManager[Headers]:
        """A span around what is done; gives the headers that hand it on.

        Records that the broker received at `until_ms` or later wait for the next step. Where no
        trace was heard of there is no span, and there are no headers.
        """
        ...


class Untraced:
    """The trail of whoever does not trace: hears nothing, tells nothing, hands nothing on."""

    def hear(self, records: Iterable[Any]) -> None:
        """See Trail."""

    def follow(self, parent: bytes) -> None:
        """See Trail."""

    def step(
        self,
        name: str,  # noqa: ARG002 - Trail's signature
        facts: Facts,  # noqa: ARG002 - the same
        *,
        until_ms: int | None = None,  # noqa: ARG002 - the same
    ) -> AbstractContextManager[Headers]:
        """See Trail."""
        return _NOTHING


_NOTHING: AbstractContextManager[Headers] = nullcontext(())
UNTRACED: Trail = Untraced()


class Traced:
    """Remembers up to `MOST` traces until a span follows from them."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._heard: dict[bytes, tuple[int, int]] = {}
        """`traceparent` -> when the broker received its record (ms), when it was heard (ns)."""

    def hear(self, records: Iterable[Any]) -> None:
        """See Trail."""
        if len(self._heard) >= MOST:
            return
        for record in islice(records, LOOKED_AT):
            if record.headers:
                self._note(traceparent(record.headers), record.timestamp)
                if len(self._heard) >= MOST:
                    return

    def follow(self, parent: bytes) -> None:
        """See Trail."""
        self._heard = {}
        self._note(parent, 0)

    def _note(self, parent: bytes, at_ms: int) -> None:
        if is_sampled(parent) and parent not in self._heard:
            self._heard[parent] = (at_ms, time.time_ns())

    @contextmanager
    def step(self, name: str, facts: Facts, *, until_ms: int | None = None) -> Iterator[Headers]:
        """See Trail. The first trace goes on in the span; to the others it has links."""
        due = [p for p, (at_ms, _) in self._heard.items() if until_ms is None or at_ms < until_ms]
        began = [self._heard.pop(parent)[1] for parent in due]
        contexts = [context for context in map(read, due) if context.is_valid]
        if not contexts:
            yield ()
            return
        with _span(self._tracer, name, contexts, facts, began_ns=min(began)) as headers:
            yield headers


@contextmanager
def _span(
    tracer: Tracer, name: str, contexts: Sequence[SpanContext], facts: Facts, *, began_ns: int
) -> Iterator[Headers]:
    """A span that ends with the block; an error of the block stands in it."""
    from opentelemetry import trace  # noqa: PLC0415 - an extra
    from opentelemetry.context import Context  # noqa: PLC0415 - the same

    parent, *others = contexts
    with tracer.start_span(
        name,
        trace.set_span_in_context(trace.NonRecordingSpan(parent), Context()),
        attributes=dict(facts),
        links=[trace.Link(other) for other in others],
        start_time=began_ns,
    ) as span:
        here = span.get_span_context()
        yield ((TRACEPARENT, written(here)),) if here.trace_flags.sampled else ()
