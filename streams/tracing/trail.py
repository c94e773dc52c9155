"""Which traces led to what is done now? Heard of from records, told as a span, handed on."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from streams.tracing.context import TRACEPARENT, Headers, is_sampled, read, traceparent, written

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext, Tracer

logger = logging.getLogger(__name__)

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
        self._complained = False

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
        """See Trail. The first trace goes on in the span; to the others it has links.

        Nothing that tracing does wrong reaches the block or what follows it.
        """
        due = [p for p, (at_ms, _) in self._heard.items() if until_ms is None or at_ms < until_ms]
        began = [self._heard.pop(parent)[1] for parent in due]
        if not due:
            yield ()
            return
        span, headers = self._begun(name, due, facts, began_ns=min(began))
        try:
            yield headers
        except BaseException as error:
            self._end(span, error)
            raise
        self._end(span)

    def _begun(
        self, name: str, due: Sequence[bytes], facts: Facts, *, began_ns: int
    ) -> tuple[Span | None, Headers]:
        try:
            contexts = [context for context in map(read, due) if context.is_valid]
            if not contexts:
                return None, ()
            span = _start(self._tracer, name, contexts, facts, began_ns=began_ns)
            return span, _headers(span)
        except Exception as error:  # noqa: BLE001 - what is traced goes on without its trace
            self._complain(error)
            return None, ()

    def _end(self, span: Span | None, error: BaseException | None = None) -> None:
        if span is None:
            return
        try:
            if error is not None:
                _tell(span, error)
            span.end()
        except Exception as trouble:  # noqa: BLE001 - the same
            self._complain(trouble)

    def _complain(self, error: Exception) -> None:
        """Once: what fails does so at every step."""
        if not self._complained:
            self._complained = True
            logger.warning("traces are lost: %r; see what OTEL_* and its plugins say", error)


def _start(
    tracer: Tracer, name: str, contexts: Sequence[SpanContext], facts: Facts, *, began_ns: int
) -> Span:
    from opentelemetry import trace  # noqa: PLC0415 - an extra
    from opentelemetry.context import Context  # noqa: PLC0415 - the same

    parent, *others = contexts
    return tracer.start_span(
        name,
        trace.set_span_in_context(trace.NonRecordingSpan(parent), Context()),
        attributes=dict(facts),
        links=[trace.Link(other) for other in others],
        start_time=began_ns,
    )


def _tell(span: Span, error: BaseException) -> None:
    """An error of the block stands in its span."""
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - the same

    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, repr(error)))


def _headers(span: Span) -> Headers:
    here = span.get_span_context()
    return ((TRACEPARENT, written(here)),) if here.trace_flags.sampled else ()
