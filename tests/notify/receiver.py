"""A real HTTP server on loopback that keeps what it is told and answers as it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class Receiver:
    """`answers` gives status and headers of the next answer; 200 if left out."""

    def __init__(self, answers: Callable[[Call], tuple[int, dict[str, str]]] | None = None) -> None:
        self.calls: list[Call] = []
        self.answers = answers or (lambda _: (200, {}))
        self.gate = threading.Event()
        """Nobody is answered until it is set."""
        self.gate.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def keys(self) -> list[str]:
        """Of webhook calls: their ids, in the order of arrival."""
        return [call.headers["webhook-id"] for call in list(self.calls)]

    def kinds(self) -> list[str]:
        return [call.body["data"]["transition"] for call in list(self.calls)]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                named = {name.lower(): value for name, value in self.headers.items()}
                call = Call(path=self.path, headers=named, raw=raw)
                receiver.calls.append(call)
                receiver.gate.wait(60)
                status, headers = receiver.answers(call)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                text = f"this is {status}".encode()
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Not to the test's output."""

        return Handler

    @contextmanager
    def running(self) -> Iterator[Receiver]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self.gate.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()
