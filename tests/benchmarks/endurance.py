"""Does anything grow with what was seen? One worker, hundreds of millions of events.

Memory is what was resident at least in each stretch of the run: what is under way comes and goes.
The first half is left out: allocators take some megabytes at a time until they have what they need.
Of the other half the median of all slopes is told, for one further step must not tip the line.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer
from scipy.stats import theilslopes

from streams.demo.processes import Part, Parts
from streams.errors import PartError
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks.contest import GRACE_S, PARTITIONS
from tests.benchmarks.events import PER_SECOND
from tests.benchmarks.meter import committed
from tests.benchmarks.plans import CONFIRMED_S, STAYS, check_promotion, confirm
from tests.benchmarks.results import Row
from tests.load.bed import fill, pipeline, rss_kb, total

STRETCHES = 40
STARTS = 3
"""Of a worker, before and after."""
LOOK_S = 0.25
DEADLINE_S = 5400.0
OWNED = ": owned from offset"
"""What a worker says of each partition that it has taken up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A worker at a moment."""

    events: int
    rss_kb: float


def rows(bootstrap: str, folder: Path, events: int) -> list[Row]:
    """Memory by events, and how soon a worker is at work before and after them."""
    with Parts(folder) as parts:
        flow = pipeline(bootstrap, parts)
        steady, span_s = spec(stages=STAYS), max(1, events // PER_SECOND)
        if span_s > CONFIRMED_S:
            raise PartError(
                f"--long is at most {CONFIRMED_S * PER_SECOND:,}: weights hold no longer"
            )
        flow.apply(steady)
        confirm(flow, steady.rollout, 1000 * (int(time.time()) - span_s))
        empty = [_start_s(flow, f"empty-{number}") for number in range(STARTS)]
        feeder = fill(flow, events=events, span_s=span_s)
        worker = flow.worker("long")
        looks = _looks(flow, worker, feeder, events)
        assert worker.stop(grace_s=GRACE_S) == 0, worker.tail()
        assert total(flow, "accepted") == events
        check_promotion(flow)
        full = [_start_s(flow, f"full-{number}") for number in range(STARTS)]
    return [memory(looks), starts(full, empty, events)]


def memory(looks: Sequence[Look]) -> Row:
    """The slope of memory over events."""
    floor = floors([look for look in looks if 2 * look.events >= looks[-1].events])
    fit = theilslopes([look.rss_kb * 1024 for look in floor], [n.events / 1000 for n in floor])
    first, last = floor[0], floor[-1]
    return Row(
        name="memory of a worker, by events",
        value=float(fit.slope),
        unit="bytes / 1000",
        must=1.0,
        moonshot=None,
        better="lower",
        rounds=(float(fit.slope),),
        note=f"{first.rss_kb / 1024:.1f} MiB after {first.events:,} events, "
        f"{last.rss_kb / 1024:.1f} after {last.events:,}; "
        f"with 95 % confidence the slope lies between {fit.low_slope:.1f} and {fit.high_slope:.1f}",
    )


def floors(looks: Sequence[Look], stretches: int = STRETCHES) -> list[Look]:
    """The look at the least memory of each stretch, in order.

    >>> seen = [Look(events=n, rss_kb=kb) for n, kb in ((1, 9.0), (2, 7.0), (3, 8.0), (4, 9.0))]
    >>> [look.events for look in floors(seen, stretches=2)]
    [2, 3]
    """
    first, width = looks[0].events, (looks[-1].events - looks[0].events + 1) / stretches
    least: dict[int, Look] = {}
    for look in looks:
        stretch = int((look.events - first) / width)
        if stretch not in least or look.rss_kb < least[stretch].rss_kb:
            least[stretch] = look
    return [least[stretch] for stretch in sorted(least)]


def starts(full: Sequence[float], empty: Sequence[float], events: int) -> Row:
    """Seconds to be at work, after and before."""
    ratios = tuple(after / before for after, before in zip(full, empty, strict=True))
    return Row(
        name="start of a worker: after the long run / on empty topics",
        value=sorted(ratios)[len(ratios) // 2],
        unit="ratio",
        must=1.3,
        moonshot=None,
        better="lower",
        rounds=ratios,
        note=f"{events:,} events; {min(empty):.1f} s on empty topics, Python's start in it",
    )


def _start_s(flow: Pipeline, name: str) -> float:
    """From a worker's start until it owns all it is given."""
    began = time.monotonic()
    worker = flow.worker(name)
    owned = 3 * PARTITIONS  # of `predictions`, `resources` and `panes`

    def at_work() -> bool:
        return worker.log.read_text().count(OWNED) >= owned

    flow.eventually(at_work, what="partitions", parts=[worker])
    spent = time.monotonic() - began
    assert worker.stop(grace_s=GRACE_S) == 0, worker.tail()
    return spent


def _looks(flow: Pipeline, worker: Part, feeder: Part, events: int) -> list[Look]:
    """Looks at the worker whenever it has committed more, until it has committed all."""
    settings, looks = flow.settings, list[Look]()
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": settings.group})
    deadline = time.monotonic() + DEADLINE_S
    try:
        while not looks or looks[-1].events < events:
            assert worker.running, worker.tail()
            assert feeder.running or feeder.exit_code == 0, feeder.tail()
            assert time.monotonic() < deadline, f"stuck at {looks[-1:]}: {worker.tail()}"
            done = committed(consumer, settings.topic("predictions"), PARTITIONS)
            if done and (not looks or done > looks[-1].events):
                looks.append(Look(events=done, rss_kb=rss_kb(worker)))
            time.sleep(LOOK_S)
    finally:
        consumer.close()
    return looks
