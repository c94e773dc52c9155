"""Who answers behind a proxy, and how often? Real HTTP servers and real requests, counted."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Hear = Callable[[str, Message], None]
Header = Callable[[int], Mapping[str, str]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def _handler(name: str, hear: Hear) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hear(name, self.headers)
            self.send_response(200)
            self.send_header("content-length", str(len(name)))
            self.send_header("x-told", self.headers.get("x-davy-targeted", ""))
            self.end_headers()
            self.wfile.write(name.encode())

        def setup(self) -> None:
            self.request.setsockopt(6, 1, 1)  # TCP_NODELAY: no 40 ms waits
            super().setup()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def servers(
    names: Sequence[str],
    hear: Hear = lambda *_: None,
    *,
    at: Mapping[str, tuple[str, int]] | None = None,
) -> Iterator[dict[str, int]]:
    """A server per name that answers with its name; name -> loopback port.

    `hear` is told the server's name and the headers of every request, whether anybody reads its
    answer or not. `at` says at which address and port a server listens, where that matters.
    """
    places = {name: (at or {}).get(name, ("127.0.0.1", 0)) for name in names}
    started = {name: _Server(place, _handler(name, hear)) for name, place in places.items()}
    for server in started.values():
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield {name: server.server_address[1] for name, server in started.items()}
    finally:
        for server in started.values():
            server.shutdown()
            server.server_close()


def count(
    url: str, requests: int, headers: Mapping[str, str] | None = None, *, each: Header | None = None
) -> Counter[str]:
    """Who answered how many of so many requests; anything but 200 is counted by its status.

    `each` gives more headers to the request of a number.
    """
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    answers: Counter[str] = Counter()
    try:
        for number in range(requests):
            more = each(number) if each else {}
            line.request("GET", "/", headers={**(headers or {}), **more})
            answer = line.getresponse()
            body = answer.read().decode(errors="replace")
            answers[body if answer.status == 200 else f"status {answer.status}"] += 1
    finally:
        line.close()
    return answers


def user(number: int) -> Mapping[str, str]:
    """A request of another user each."""
    return {"x-user-id": f"user-{number}"}


def users_of(url: str, name: str, users: int) -> frozenset[int]:
    """The users, of so many, whom the server of that name answers."""
    return frozenset(
        number for number in range(users) if name in count(url, 1, each=lambda _, n=number: user(n))
    )
