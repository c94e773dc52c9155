"""Where do the spans of a process go? Where OpenTelemetry's own variables say.

`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_EXPORTER`, `OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME`,
`OTEL_BSP_*` and the others: https://opentelemetry.io/docs/specs/otel/configuration/
"""

from __future__ import annotations

import os
import threading
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from streams.errors import SettingsError
from streams.tracing.context import no_opentelemetry
from streams.tracing.trail import UNTRACED, Traced, Trail

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

EXPORTERS = "opentelemetry_traces_exporter"
ENDING = "traces-end"
OTLP, OTLP_HTTP = "otlp", "otlp_proto_http"
"""What the variable says, and what it is called among the installed exporters."""


class Traces:
    """The spans of one process. A collector that is away holds nobody up."""

    def __init__(self, provider: TracerProvider, exporter: SpanExporter | None = None) -> None:
        self._provider, self._exporter = provider, exporter
        self._tracer = provider.get_tracer("davy")

    def trail(self) -> Trail:
        """A new trail."""
        return Traced(self._tracer)

    def close(self, within_s: float) -> None:
        """Send what is left, for so long at most; what is not sent by then is given up."""
        ending = threading.Thread(target=self._provider.shutdown, name=ENDING, daemon=True)
        ending.start()
        ending.join(within_s)
        if ending.is_alive() and self._exporter is not None:
            self._exporter.shutdown()  # else it would try again for half a minute


def trail_of(traces: Traces | None) -> Trail:
    """A new trail where traces are wanted."""
    return UNTRACED if traces is None else traces.trail()


def open_traces(process: str, *, wanted: bool) -> Traces | None:
    """What a process tells OpenTelemetry; None where that is not wanted.

    Raises:
        SettingsError: the extra is missing, or the exporter is not known.
    """
    if not wanted:
        return None
    try:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - the same

        exporter = _exporter(os.environ.get("OTEL_TRACES_EXPORTER") or OTLP)
    except ImportError as missing:
        raise SettingsError(no_opentelemetry()) from missing
    named = "OTEL_SERVICE_NAME" in os.environ
    own: dict[str, str] = {} if named else {"service.name": f"davy-{process}"}
    # At its end OpenTelemetry's own hook would wait for a collector that is away; `close` does not.
    provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
    if exporter is not None:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return Traces(provider, exporter)


def _exporter(name: str) -> SpanExporter | None:
    """Where spans go, by OpenTelemetry's own names; None: nowhere.

    Raises:
        ImportError: the usual exporter is not installed.
        SettingsError: another one is wanted that is not.
    """
    if name == "none":
        return None
    wanted = OTLP_HTTP if name == OTLP else name
    found = next(iter(entry_points(group=EXPORTERS, name=wanted)), None)
    if found is not None:
        exporter: SpanExporter = found.load()()
        return exporter
    if name == OTLP:
        raise ImportError(wanted)
    raise SettingsError(
        f"environment OTEL_TRACES_EXPORTER: no exporter `{name}` is installed here; write otlp, "
        "console or none"
    )
