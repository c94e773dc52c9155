"""How long does a call of the SDK take in a service that answers at a steady rate?

In a process of its own: what else a benchmark keeps would make Python's collector slow.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from streams.publisher import Publisher
from streams.settings import Settings
from streams.topics import create_topics
from tests.benchmarks.results import Row, spread

CALLS = 40_000
RATE = 4_000.0
"""Calls a second."""


def rows(settings: Settings, rounds: int) -> list[Row]:
    """The median, and the slowest in a hundred."""
    create_topics(settings)
    spent_us = [_round(settings) for _ in range(rounds)]
    note = f"{CALLS:,} calls a round at {RATE:,.0f}/s"
    return spread("SDK: one call", spent_us, "us", must=20, moonshot=5, note=note)


def _round(settings: Settings) -> list[float]:
    """Microseconds of each call of a process."""
    command = [sys.executable, "-m", "tests.benchmarks.publishing"]
    done = subprocess.run(
        [*command, settings.bootstrap, settings.prefix], stdout=subprocess.PIPE, check=False
    )
    assert done.returncode == 0, "calls of the SDK could not be measured"
    return [seconds * 1e6 for seconds in json.loads(done.stdout)]


def main(bootstrap: str, prefix: str) -> None:
    """Write the seconds of each call."""
    with Publisher(
        bootstrap=bootstrap, prefix=prefix, service="digits", model_version="v1"
    ) as publisher:
        spent = _calls(publisher)
    counters = publisher.counters()
    assert (counters.delivered, counters.lost) == (CALLS, 0), counters
    json.dump(spent, sys.stdout)


def _calls(publisher: Publisher) -> list[float]:
    spent, began = [], time.perf_counter()
    for number in range(CALLS):
        due = began + number / RATE
        while (left := due - time.perf_counter()) > 0:
            time.sleep(left)
        before = time.perf_counter()
        publisher.prediction(request_id=number, latency_ms=12.5, predicted_class="7", score=0.5)
        spent.append(time.perf_counter() - before)
    return spent


if __name__ == "__main__":
    main(*sys.argv[1:])
