"""Who is how much faster? Rates of one run in which all take turns, as rows."""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from streams.errors import PartError
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.benchmarks import contest, events
from tests.benchmarks.meter import Rate
from tests.benchmarks.results import Row

OURS, TRUSTING, TWO = "davy", "davy that looks for no duplicates", "two workers of davy"
BY_CLOCK = "by the clock"
GOALS = {
    "plain Faust agent": (30, 60),
    "Quix Streams": (8, 15),
    "Kafka Streams": (1, 2),
    "poller with pandas": (0, None),
    "consume and drop": (0.35, 0.7),
    "consume, decode and drop": (0, None),
}
"""Ratio that davy must reach to each, and the one to dream of."""


def rows(bootstrap: str, folder: Path, most: int, rounds: int) -> list[Row]:
    """Everybody's rates, and davy's beside each."""
    return told(taken(bootstrap, folder, most, rounds))


def told(rates: dict[str, list[Rate]]) -> list[Row]:
    """The rows of these rates: by CPU and by the clock, then ratios."""
    found = [_speed(rates[OURS]), _clock(OURS, rates), _duplicates(rates), _scaled(rates)]
    return found + [row for name in GOALS if rates.get(name) for row in _beside(name, rates)]


def taken(bootstrap: str, folder: Path, most: int, rounds: int) -> dict[str, list[Rate]]:
    """Rates by name, round by round; of who could not be measured each time there are none."""
    peers = list(contest.present())
    codec = Codec(LocalSchemaStore())
    counts = {peer.name: min(peer.events, most) for peer in peers}
    loads = {count: events.make(codec, count) for count in {most, *counts.values()}}
    rates: defaultdict[str, list[Rate]] = defaultdict(list)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        here, ours = folder / str(number), loads[most]
        rates[OURS].append(contest.davy(bootstrap, here / "ours", ours))
        trusting = contest.davy(bootstrap, here / "trusting", ours, DAVY_DEDUPE="false")
        rates[TRUSTING].append(trusting)
        rates[TWO].append(contest.davy(bootstrap, here / "two", ours, workers=2))
        for place, peer in enumerate(list(peers)):
            try:
                load = loads[counts[peer.name]]
                rates[peer.name].append(contest.peer(bootstrap, here / f"peer-{place}", load, peer))
            except (AssertionError, PartError) as failure:
                print(f"{peer.name} is left out: {failure}", file=sys.stderr)
                peers.remove(peer)
                rates.pop(peer.name, None)
    return dict(rates)


def _speed(rates: list[Rate]) -> Row:
    return _row(OURS, "events/CPU-s", _of(rates, _by_cpu), 150_000, 330_000)


def _clock(name: str, rates: dict[str, list[Rate]]) -> Row:
    """What the wall clock says; the broker and what else runs share the machine."""
    return _row(f"{name}, {BY_CLOCK}", "events/s", _of(rates[name], _by_clock), 0, None)


def _duplicates(rates: dict[str, list[Rate]]) -> Row:
    name = "looking for duplicates / not looking"
    return _row(name, "ratio", _ratios(rates[OURS], rates[TRUSTING]), 0.85, None)


def _scaled(rates: dict[str, list[Rate]]) -> Row:
    """CPU-seconds of one worker that two of them replace: what the broker takes of the two cores,
    and generators of load, is nobody's fault; what two workers do twice is davy's."""
    doubled = tuple(2 * ratio for ratio in _ratios(rates[TWO], rates[OURS]))
    return _row("two workers / one, by CPU", "ratio", doubled, 1.8, 1.95)


def _beside(name: str, rates: dict[str, list[Rate]]) -> tuple[Row, Row, Row]:
    must, moonshot = GOALS[name]
    speed = _row(name, "events/CPU-s", _of(rates[name], _by_cpu), 0, None)
    ratio = _row(f"davy / {name}", "ratio", _ratios(rates[OURS], rates[name]), must, moonshot)
    return speed, _clock(name, rates), ratio


def _by_cpu(rate: Rate) -> float:
    return rate.per_cpu_s


def _by_clock(rate: Rate) -> float:
    return rate.per_s


def _of(rates: list[Rate], what: Callable[[Rate], float]) -> tuple[float, ...]:
    return tuple(map(what, rates))


def _ratios(ours: list[Rate], others: list[Rate]) -> tuple[float, ...]:
    return tuple(a.per_cpu_s / b.per_cpu_s for a, b in zip(ours, others, strict=True))


def _row(
    name: str, unit: str, rounds: tuple[float, ...], must: float, moonshot: float | None
) -> Row:
    return Row(
        name=name,
        value=statistics.median(rounds),
        unit=unit,
        must=must,
        moonshot=moonshot,
        better="higher",
        rounds=rounds,
        note=f"{contest.PARTITIONS} partitions, all threads of the process",
    )
