"""How is a trace named in a record's headers? As W3C Trace Context says: `traceparent`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from streams.errors import SettingsError
from streams.extras import lacking

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

TRACEPARENT = "traceparent"
LENGTH, ODD_DIGITS = 55, b"13579bdf"
"""Of a `traceparent`; its last digit is odd where the trace is sampled."""

Headers: TypeAlias = tuple[tuple[str, bytes], ...]


def traceparent(headers: Iterable[tuple[str, Any]]) -> bytes:
    """The trace that a record's headers name; empty where they name none.

    >>> traceparent([("issued_at", b"1"), ("traceparent", b"00-ab-cd-01")])
    b'00-ab-cd-01'
    """
    value = next((value for name, value in headers if name == TRACEPARENT), None)
    return value if isinstance(value, bytes) else b""


def is_sampled(parent: bytes) -> bool:
    """Whether somebody keeps this trace; only such are followed."""
    return len(parent) == LENGTH and parent[-1] in ODD_DIGITS


def read(parent: bytes) -> SpanContext:
    """The span that a `traceparent` names; not `is_valid` where it names none."""
    from opentelemetry import trace  # noqa: PLC0415 - an extra
    from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415

    carrier = {TRACEPARENT: parent.decode("ascii", "replace")}
    context = tracecontext.TraceContextTextMapPropagator().extract(carrier)
    return trace.get_current_span(context).get_span_context()


def written(context: SpanContext) -> bytes:
    """The `traceparent` of a span."""
    flags = int(context.trace_flags)
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}".encode()


def no_opentelemetry() -> str:
    """What is told where the extra is missing."""
    return lacking("traces: OpenTelemetry", "otel")


def current_trace() -> Callable[[], bytes | None]:
    """What tells the trace under which its caller runs; None where that is not sampled.

    It never raises: whoever asks is about to answer a request.

    Raises:
        SettingsError: the extra is missing.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise SettingsError(no_opentelemetry()) from missing

    def asked() -> bytes | None:
        try:
            here = trace.get_current_span().get_span_context()
            return written(here) if here.trace_flags.sampled else None
        except Exception:  # noqa: BLE001 - whatever OpenTelemetry's plug-ins do
            return None

    return asked
