"""Who is how much faster? Rates of one run in which all take turns, as rows."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from confluent_kafka import KafkaException

from streams.errors import PartError
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.benchmarks import contest, events
from tests.benchmarks.contest import SOON
from tests.benchmarks.meter import Rate, uncollected
from tests.benchmarks.results import PartlyError, Row, of_rounds

OURS, TRUSTING = "davy", "davy that looks for no duplicates"
IDLE, SMALL = "davy without a rollout", "davy, batches of 10"
FEW = 1_000_000
"""Events in small batches."""
BY_CLOCK = "by the clock"
GOALS = {
    "plain Faust agent": (30, 60),
    "Quix Streams": (8, 15),
    "Kafka Streams": (1, 2),
    "Kafka Streams, batches of 10": (0, None),
    "poller with pandas": (0, None),
    "consume and drop": (0.35, 0.7),
    "consume, decode and drop": (0, None),
}
"""Ratio that davy must reach to each, and the one to dream of."""
OURS_FOR = {"Kafka Streams, batches of 10": SMALL}
"""Which of ours a peer is compared with, where that is not `OURS`."""
Rates = dict[str, list[Rate]]
Turn = Callable[[Path], Rate]
"""A run of one of them in a folder."""


def rows(bootstrap: str, folder: Path, most: int, rounds: int) -> list[Row]:
    """Everybody's rates, and davy's beside each.

    Raises:
        PartlyError: who could not be measured, or did not count what was published.
    """
    rates, failures = taken(bootstrap, folder, most, rounds)
    if failures:
        raise PartlyError(told(rates), "; ".join(failures))
    return told(rates)


def told(rates: Rates) -> list[Row]:
    """The rows of these rates: by CPU and by the clock, then ratios."""
    found = [_speed(OURS, rates, 150_000, 330_000), _clock(OURS, rates), _duplicates(rates)]
    found += [_speed(IDLE, rates), _speed(SMALL, rates)]
    return found + [row for name in GOALS if rates.get(name) for row in _beside(name, rates)]


def taken(bootstrap: str, folder: Path, most: int, rounds: int) -> tuple[Rates, list[str]]:
    """Rates by name, round by round, and what failed; of who failed once there are no rates.

    Each round begins with another one, for a broker that holds much is slower.
    """
    turns, rates = _turns(bootstrap, most), defaultdict[str, list[Rate]](list)
    failures: list[str] = []
    with uncollected():
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            names = list(turns)
            first = number * len(names) // rounds
            for place, name in enumerate(names[first:] + names[:first]):
                try:
                    rates[name].append(turns[name](folder / f"{number}-{place}"))
                except (AssertionError, PartError, KafkaException) as failure:
                    if name not in GOALS:
                        raise PartError(f"{name}: {failure}") from failure
                    failures.append(f"{name} is left out: {failure}")
                    del turns[name]
                    rates.pop(name, None)
    return dict(rates), failures


def _turns(bootstrap: str, most: int) -> dict[str, Turn]:
    """Who takes part, and how."""
    peers, codec = list(contest.present()), Codec(LocalSchemaStore())
    counts = {peer.name: min(peer.events, most) for peer in peers}
    few = min(FEW, most)
    loads = {count: events.make(codec, count) for count in {most, few, *counts.values()}}
    ours = loads[most]
    turns: dict[str, Turn] = {
        OURS: lambda here: contest.davy(bootstrap, here, ours),
        TRUSTING: lambda here: contest.davy(bootstrap, here, ours, DAVY_DEDUPE="false"),
        IDLE: lambda here: contest.idle(bootstrap, here, ours),
        SMALL: lambda here: contest.davy(bootstrap, here, loads[few], batch=10, window=SOON),
    }
    for peer in peers:
        load = loads[counts[peer.name]]
        turns[peer.name] = partial(contest.peer, bootstrap, load=load, who=peer)
    return turns


def _speed(name: str, rates: Rates, must: float = 0, moonshot: float | None = None) -> Row:
    return _row(name, "events/CPU-s", _of(rates[name], _by_cpu), must, moonshot)


def _clock(name: str, rates: Rates) -> Row:
    """What the wall clock says; the broker and what else runs share the machine."""
    return _row(f"{name}, {BY_CLOCK}", "events/s", _of(rates[name], _by_clock), 0, None)


def _duplicates(rates: Rates) -> Row:
    name = "looking for duplicates / not looking"
    return _row(name, "ratio", _ratios(rates[OURS], rates[TRUSTING]), 0.85, None)


def _beside(name: str, rates: Rates) -> tuple[Row, Row, Row]:
    must, moonshot = GOALS[name]
    speed, ours = _speed(name, rates), rates[OURS_FOR.get(name, OURS)]
    ratio = _row(f"davy / {name}", "ratio", _ratios(ours, rates[name]), must, moonshot)
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
    return of_rounds(
        name=name,
        unit=unit,
        must=must,
        moonshot=moonshot,
        rounds=rounds,
        note=f"{contest.PARTITIONS} partitions, all threads of the process",
    )
