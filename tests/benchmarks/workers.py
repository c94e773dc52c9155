"""Do two workers make twice as much as one? On the same events, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from streams.wire.codec import Codec
from tests.benchmarks import contest, events
from tests.benchmarks.meter import Rate, Window, uncollected
from tests.benchmarks.results import Row, of_rounds

LONGER = 2
"""Times the events of one worker alone: two are soon done with them. Some gigabytes of memory."""
BOTH = Window(begin=0.4, end=0.85)
"""While both are at work: they come one after the other, and one is done before the other."""


def rows(bootstrap: str, folder: Path, codec: Codec, most: int, rounds: int) -> list[Row]:
    """What two workers do, beside what one does."""
    load, one, two = events.make(codec, LONGER * most), list[Rate](), list[Rate]()
    with uncollected():
        for number in range(rounds):
            for rates, workers in ((one, 1), (two, 2)):
                here = folder / f"{number}-{workers}"
                rates.append(contest.davy(bootstrap, here, load, workers=workers, window=BOTH))
    return told(one, two)


def told(one: list[Rate], two: list[Rate]) -> list[Row]:
    """The rows of these rates.

    A worker uses one core at most, and one alone has it: the broker has the other. Two are told by
    the cores that the broker and all others leave of two. In both, what a worker waits for, and
    leaves its core idle, counts against it. By CPU it does not: seconds of one worker that a second
    of each of two replaces.
    """
    pairs = list(zip(two, one, strict=True))
    shared = tuple(2 * a.per_free_s / b.per_s for a, b in pairs)
    spent = tuple(2 * a.per_cpu_s / b.per_cpu_s for a, b in pairs)
    return [
        _row("one worker of davy, by the clock", "events/s", [rate.per_s for rate in one]),
        _row("two workers of davy, by the clock", "events/s", [rate.per_s for rate in two]),
        _row("two workers / one, the broker's CPU accounted", "ratio", shared, 1.8, 1.95),
        _row("two workers / one, by CPU", "ratio", spent),
    ]


def _row(
    name: str,
    unit: str,
    rounds: Sequence[float],
    must: float = 0,
    moonshot: float | None = None,
) -> Row:
    return of_rounds(
        name=name,
        unit=unit,
        must=must,
        moonshot=moonshot,
        rounds=rounds,
        note=f"{contest.PARTITIONS} partitions, all threads of the processes",
    )
