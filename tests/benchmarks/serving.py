"""What does davy cost where models are served? The SDK in a server, and a split in the proxy.

The same questions at a steady rate, in turn with and without: the median of a request and the CPU
that each takes, of the server or of Envoy.
"""

from __future__ import annotations

import http.client
import json
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

from streams.demo.digits import digits
from streams.demo.processes import HOST, Part, Parts, free_port
from streams.demo.proxy import start_envoy
from streams.settings import Settings
from streams.spec.model import FULL_BP
from streams.topics import create_topics
from tests.benchmarks.results import Row, of_rounds

RATE = 400.0
"""Requests a second: about a quarter of what the server can."""
SECONDS = 10.0
WARM = 200
MUST, MOONSHOT = 1.05, 1.02
SPLIT = {"v1": 7500, "v2": 2500}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one request."""

    p50_ms: float
    cpu_ms: float


def rows(settings: Settings, folder: Path, rounds: int) -> list[Row]:
    """Ratios of with to without."""
    create_topics(settings)
    bare, sdk, plain, split, alone = [], [], [], [], []
    for number in range(rounds):
        place = folder / str(number)
        bare.append(_served(place / "bare"))
        sdk.append(_served(place / "sdk", settings.bootstrap, settings.prefix))
        plain.append(_proxied(place / "plain", {"v1": FULL_BP}))
        split.append(_proxied(place / "split", SPLIT))
        alone.append(_proxied(place / "alone", SPLIT, one_server=True))
    return [
        *told("SDK in a model server", sdk, bare),
        *told("a split in Envoy", split, plain),
        *told("a split in Envoy, both arms one server", alone, plain, must=0.0, moonshot=None),
    ]


def told(
    name: str,
    davy: list[Cost],
    without: list[Cost],
    *,
    must: float = MUST,
    moonshot: float | None = MOONSHOT,
) -> list[Row]:
    """How much more a request takes with davy, in time and in CPU."""
    pairs = list(zip(davy, without, strict=True))
    found = {
        "p50 with / without": tuple(a.p50_ms / b.p50_ms for a, b in pairs),
        "CPU with / without": tuple(a.cpu_ms / b.cpu_ms for a, b in pairs),
    }
    p50_ms = statistics.median(cost.p50_ms for cost in without)
    cpu_ms = statistics.median(cost.cpu_ms for cost in without)
    return [
        of_rounds(
            name=f"{name}: {what}",
            unit="ratio",
            must=must,
            moonshot=moonshot,
            better="lower",
            rounds=ratios,
            note=f"{RATE:g} requests/s; without: p50 {p50_ms:.2f} ms, CPU {cpu_ms:.2f} ms each",
        )
        for what, ratios in found.items()
    ]


def _served(folder: Path, *where: str) -> Cost:
    with Parts(folder) as parts, _server(parts, "server", *where) as (server, port):
        return _cost(port, server)


def _proxied(folder: Path, weights: dict[str, int], *, one_server: bool = False) -> Cost:
    """Through Envoy; two servers, each with its share, are colder than one that answers all."""
    with Parts(folder) as parts, _server(parts, "one") as one, _server(parts, "two") as two:
        ports = dict(zip(weights, (one[1], (one if one_server else two)[1]), strict=False))
        proxy = start_envoy(parts, folder, ports, weights)
        return _cost(int(urlparse(proxy.url).port or 0), proxy.part)


@contextmanager
def _server(parts: Parts, name: str, *where: str) -> Iterator[tuple[Part, int]]:
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.peers.served", str(port), *where]
    server = parts.start(name, command)
    server.wait_for_port(port, deadline_s=120)  # it learns first
    yield server, port
    server.stop()
    assert not where or server.tail(1) == "lost 0", server.tail()


def _cost(port: int, part: Part) -> Cost:
    """Ask at a steady rate over one connection; whoever is late asks the next at once."""
    held = digits().held_pixels
    bodies = [json.dumps({"pixels": pixels.tolist()}).encode() for pixels in held]
    connection = http.client.HTTPConnection(HOST, port)
    for number in range(WARM):
        _ask(connection, bodies[number % len(bodies)])
    spent, cpu_before, began = [], _cpu_s(part), time.perf_counter()
    for number in range(int(RATE * SECONDS)):
        if (left := began + number / RATE - time.perf_counter()) > 0:
            time.sleep(left)
        before = time.perf_counter()
        _ask(connection, bodies[number % len(bodies)])
        spent.append(time.perf_counter() - before)
    cpu_ms = 1000 * (_cpu_s(part) - cpu_before) / len(spent)
    connection.close()
    return Cost(p50_ms=1000 * statistics.median(spent), cpu_ms=cpu_ms)


def _cpu_s(part: Part) -> float:
    """CPU of all threads that it has now, as the scheduler counts it: in nanoseconds."""
    threads = list(Path(f"/proc/{part.pid}/task").glob("*/schedstat"))
    assert threads, "this kernel tells no schedstat"
    return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


def _ask(connection: http.client.HTTPConnection, body: bytes) -> None:
    connection.request("POST", "/predict", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == http.HTTPStatus.OK, answer.status
    answer.read()
