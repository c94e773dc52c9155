"""The fault proxy fails as it was told, as often as it was told, and passes on the rest."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from infra.rigs.faults import FaultProxy, Kind
from streams.demo.processes import HOST


@pytest.fixture
def reached() -> list[str]:
    """Requests that came to the real server."""
    return []


@pytest.fixture
def proxy(reached: list[str]) -> Iterator[FaultProxy]:
    """The proxy in front of a server that says what it was asked."""

    class Echo(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PATCH(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reached.append(f"{self.path} {body.decode()}")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with FaultProxy(f"http://{HOST}:{server.server_port}") as made:
        yield made
    server.shutdown()
    server.server_close()


def patch(proxy: FaultProxy, path: str = "/a/b?c=d%2Fe", timeout: float = 5.0) -> httpx.Response:
    return httpx.patch(proxy.url + path, content=b"xyz", timeout=timeout)


class TestFaultProxy:
    def test_passes_on(self, proxy: FaultProxy, reached: list[str]) -> None:
        """Without a fault the answer is the server's, the address as it was written."""
        assert patch(proxy).content == b"xyz"
        assert reached == ["/a/b?c=d%2Fe xyz"]
        assert [(one.method, one.path, one.kind) for one in proxy.asked] == [
            ("PATCH", "/a/b?c=d%2Fe", Kind.THROUGH)
        ]

    def test_answers_so_many_times(self, proxy: FaultProxy, reached: list[str]) -> None:
        """Only what matches is answered, in the words of Kubernetes, and then no more."""
        proxy.answer(429, method="PATCH", path="^/a/", times=2, headers={"Retry-After": "3"})
        assert patch(proxy, "/other").status_code == 200
        told = patch(proxy)
        assert (told.status_code, told.headers["Retry-After"]) == (429, "3")
        assert told.json()["reason"] == "TooManyRequests"
        assert [patch(proxy).status_code for _ in range(2)] == [429, 200]
        assert len(reached) == 2

    def test_cuts(self, proxy: FaultProxy, reached: list[str]) -> None:
        """A cut request does not reach the server."""
        proxy.cut(times=1)
        with pytest.raises(httpx.TransportError):
            patch(proxy)
        assert reached == []
        assert patch(proxy).status_code == 200

    def test_loses_the_answer(self, proxy: FaultProxy, reached: list[str]) -> None:
        """What was done stays done, though nobody hears of it."""
        proxy.lose_answer(times=1)
        with pytest.raises(httpx.TransportError):
            patch(proxy)
        assert reached == ["/a/b?c=d%2Fe xyz"]

    def test_hangs_until_healed(self, proxy: FaultProxy, reached: list[str]) -> None:
        """Who waits gives up; afterwards all is well."""
        proxy.hang()
        with pytest.raises(httpx.ReadTimeout):
            patch(proxy, timeout=0.3)
        proxy.heal()
        assert patch(proxy).status_code == 200
        assert len(reached) == 1

    def test_delays(self, proxy: FaultProxy) -> None:
        """A delayed request arrives, but not in time for somebody impatient."""
        proxy.delay(2.0, times=1)
        with pytest.raises(httpx.ReadTimeout):
            patch(proxy, timeout=0.3)
        assert patch(proxy).status_code == 200
