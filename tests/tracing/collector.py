"""A collector of spans in memory: takes OTLP over HTTP, as any OpenTelemetry backend does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A span as a process told it; ids in hex."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    links: tuple[str, ...]
    """Spans that led here too."""
    took_s: float
    facts: dict[str, Any]


@dataclass
class Collector:
    """What has come so far."""

    url: str
    spans: list[Told] = field(default_factory=list)

    def named(self, name: str) -> list[Told]:
        return [span for span in list(self.spans) if span.name == name]

    @property
    def env(self) -> dict[str, str]:
        """What a process must be told to send its spans here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.spans += list(read(body))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    collector = Collector(url=f"http://{HOST}:{server.server_port}")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def read(body: bytes) -> Iterator[Told]:
    """The spans of one request."""
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        services = [a.value for a in group.resource.attributes if a.key == "service.name"]
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Told(
                    service=services[0].string_value,
                    name=span.name,
                    trace=span.trace_id.hex(),
                    span=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    links=tuple(link.span_id.hex() for link in span.links),
                    took_s=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    facts={a.key: _value(a.value) for a in span.attributes},
                )


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))
