"""`make bench`: davy beside its peers and its limits, in turn; writes build/bench.json.

All do the same job on the same events: requests, errors, latency histogram and class counts per
pane and arm, and a verdict each second. What costs nothing but CPU is measured without a broker.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from infra.rigs import kafka as kafka_rig
from streams.errors import PartError
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.benchmarks import (
    cohorts,
    contest,
    events,
    join,
    judging,
    publishing,
    routing,
    units,
)
from tests.benchmarks.meter import Rate
from tests.benchmarks.results import Row, write

OURS, TRUSTING, TWO = "davy", "davy that looks for no duplicates", "two workers of davy"
GOALS = {
    "plain Faust agent": (30, 60),
    "Quix Streams": (8, 15),
    "Kafka Streams": (1, 2),
    "poller with pandas": (0, None),
    "consume and drop": (0.35, 0.7),
    "consume, decode and drop": (0, None),
}
"""Ratio that davy must reach to each, and the one to dream of."""


def main() -> None:
    """Run the rounds and write the table."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000, help="that davy reads in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contest", action="store_true", help="only what needs a broker")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="davy-bench-") as name:
        folder = Path(name)
        broker = kafka_rig.start(folder / "kafka")
        try:
            rows = _on_kafka(broker.bootstrap, folder, asked.events, asked.rounds)
        finally:
            broker.part.stop()
    if not asked.contest:
        for part in (judging, join, cohorts, units):
            rows += part.rows(asked.rounds)
    write(rows, whole=not asked.contest)


def _on_kafka(bootstrap: str, folder: Path, most: int, rounds: int) -> list[Row]:
    """What needs a broker."""
    rates = _contest(bootstrap, folder, most, rounds)
    rows = [_speed(rates[OURS]), _duplicates(rates), _scaled(rates)]
    rows += [row for name in GOALS if rates[name] for row in _beside(name, rates)]
    rows += routing.rows(bootstrap, folder / "routing")
    return rows + publishing.rows(Settings(bootstrap=bootstrap, prefix="publishing-"))


def _contest(bootstrap: str, folder: Path, most: int, rounds: int) -> dict[str, list[Rate]]:
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
    return rates


def _speed(rates: list[Rate]) -> Row:
    return _row("davy", "events/CPU-s", tuple(rate.per_cpu_s for rate in rates), 150_000, 330_000)


def _duplicates(rates: dict[str, list[Rate]]) -> Row:
    name = "looking for duplicates / not looking"
    return _row(name, "ratio", _ratios(rates[OURS], rates[TRUSTING]), 0.85, None)


def _scaled(rates: dict[str, list[Rate]]) -> Row:
    """CPU-seconds of one worker that two of them replace: what the broker takes of the two cores,
    and generators of load, is nobody's fault; what two workers do twice is davy's."""
    doubled = tuple(2 * ratio for ratio in _ratios(rates[TWO], rates[OURS]))
    return _row("two workers / one, by CPU", "ratio", doubled, 1.8, 1.95)


def _beside(name: str, rates: dict[str, list[Rate]]) -> tuple[Row, Row]:
    must, moonshot = GOALS[name]
    speed = _row(name, "events/CPU-s", tuple(rate.per_cpu_s for rate in rates[name]), 0, None)
    ratio = _row(f"davy / {name}", "ratio", _ratios(rates[OURS], rates[name]), must, moonshot)
    return speed, ratio


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


if __name__ == "__main__":
    main()
