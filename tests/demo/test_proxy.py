"""A real Envoy splits real traffic by the weights in its file, and keeps the last good ones."""

import sys
from pathlib import Path

import httpx
import pytest

from streams.demo.processes import Parts, free_port, wait_until
from streams.demo.proxy import Proxy, start_envoy, write_routes

SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("x-model-version", sys.argv[2])
        self.send_header("content-length", "0")
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


@pytest.fixture
def proxy(parts: Parts, tmp_path: Path) -> Proxy:
    servers = {}
    for version in ("v1", "v2"):
        servers[version] = free_port()
        part = parts.start(version, [sys.executable, "-c", SERVER, str(servers[version]), version])
        part.wait_for_port(servers[version])
    return start_envoy(parts, tmp_path, servers, {"v1": 10_000, "v2": 0})


def answers(proxy: Proxy, count: int) -> list[str]:
    with httpx.Client() as client:
        return [client.get(proxy.url).headers["x-model-version"] for _ in range(count)]


def stat(proxy: Proxy, name: str) -> int:
    text = httpx.get(f"{proxy.admin}/stats", params={"filter": name}).text
    return sum(int(line.rpartition(" ")[2]) for line in text.splitlines())


class TestProxy:
    def test_begins_with_the_baseline(self, proxy: Proxy) -> None:
        """All to v1, before anybody decided anything."""
        assert set(answers(proxy, 50)) == {"v1"}

    def test_follows_the_file(self, proxy: Proxy) -> None:
        """A replaced file is in effect soon; a binomial share within five deviations."""
        write_routes(proxy.rds, {"v1": 7500, "v2": 2500})
        wait_until(lambda: "v2" in answers(proxy, 20), what="v2 answers", deadline_s=10)
        assert abs(answers(proxy, 400).count("v2") - 100) < 45

    def test_refuses_a_route_to_nowhere(self, proxy: Proxy) -> None:
        """An unknown cluster is rejected, and the last good weights hold."""
        write_routes(proxy.rds, {"v1": 5000, "v9": 5000})
        wait_until(
            lambda: stat(proxy, "rds.*update_rejected") > 0, what="a rejection", deadline_s=10
        )
        assert set(answers(proxy, 50)) == {"v1"}
