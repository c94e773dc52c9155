"""How long does a call of the SDK take in a service that answers at a steady rate?"""

from __future__ import annotations

import time

from streams.publisher import Publisher
from streams.settings import Settings
from streams.topics import create_topics
from tests.benchmarks.results import Row, spread

CALLS = 40_000
RATE = 4_000.0
"""Calls a second."""


def rows(settings: Settings) -> list[Row]:
    """The median, and the slowest in a hundred."""
    create_topics(settings)
    with Publisher(
        bootstrap=settings.bootstrap, prefix=settings.prefix, service="digits", model_version="v1"
    ) as publisher:
        spent = _calls(publisher)
    counters = publisher.counters()
    assert (counters.delivered, counters.lost) == (CALLS, 0), counters
    note = f"{CALLS:,} calls at {RATE:,.0f}/s"
    return spread("SDK: one call", [s * 1e6 for s in spent], "us", must=20, moonshot=5, note=note)


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
