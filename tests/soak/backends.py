"""What stands behind the proxy? Two small HTTP services that say which version they are."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import httpx

from streams.demo.processes import HOST

VERSIONS = ("v1", "v2")


class Backends:
    """The services, in threads of this process. Use as a context manager, or `stop` them."""

    def __init__(self) -> None:
        self._servers = {v: ThreadingHTTPServer((HOST, 0), _handler(v)) for v in VERSIONS}
        for server in self._servers.values():
            threading.Thread(target=server.serve_forever, daemon=True).start()

    @property
    def ports(self) -> dict[str, int]:
        """Version -> loopback port."""
        return {v: server.server_address[1] for v, server in self._servers.items()}

    def stop(self) -> None:
        """Answer nothing any more."""
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def asked(url: str, times: int) -> Counter[str]:
    """Who answers how many of so many requests through the proxy."""
    with httpx.Client(timeout=5.0) as client:
        return Counter(client.get(url).text for _ in range(times))


def _handler(version: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(version)))
            self.end_headers()
            self.wfile.write(version.encode())

        def log_message(self, *_: object) -> None:
            return

    return Handler
