"""How fast does a dashboard catch up on panes? `python -m tests.dashboard.catch_up`.

Makes what owners of source partitions write, and takes it in as a dashboard does, at once and
record by record, each as often as `--rounds` says, in turn. Told is how many records one second of
a processor takes in, the median, and how long a day of one rollout's panes would take. No broker:
what the client fetches and unpacks comes beside it, in a thread of librdkafka's own.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Sequence
from itertools import islice

from streams.dashboard.news import News
from streams.dashboard.pane_books import PaneBooks
from streams.dashboard.pane_intake import PaneIntake
from streams.dashboard.pane_reader import BATCH
from streams.panes.facts import Cells
from tests.dashboard.panes import fetched_of, odd_of, one_by_one, pane, some_cell, value
from tests.dashboard.world import CODEC

DAY_S = 86_400
FULL = 60
"""Requests of a cell: tens of buckets of latency, as a busy service fills them in a second."""


def main() -> None:
    """Measure, and print a line of JSON."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=_AS_IT_IS)
    asked.add_argument("--records", type=int, default=20_000, help="panes to take in")
    asked.add_argument("--alone", type=int, default=2_000, help="of them, record by record")
    asked.add_argument("--rollouts", type=int, default=1)
    asked.add_argument("--slices", type=int, default=0, help="segments beside the whole")
    asked.add_argument("--partitions", type=int, default=4, help="of `predictions`")
    asked.add_argument("--rounds", type=int, default=5)
    given = asked.parse_args()
    values = made(given.records, given.rollouts, given.slices, given.partitions)
    once, alone = list[float](), list[float]()
    for _ in range(given.rounds):
        once.append(rate(values, alone=False))
        alone.append(rate(values[: given.alone], alone=True))
    told = {
        "bytes_a_record": round(sum(map(len, values)) / len(values)),
        "records_a_cpu_second": round(statistics.median(once)),
        "one_by_one": round(statistics.median(alone)),
        "times": round(statistics.median(once) / statistics.median(alone), 1),
        "cpu_seconds_a_rollout_and_day": round(
            DAY_S * given.partitions / statistics.median(once), 1
        ),
    }
    print(json.dumps(told))


_AS_IT_IS = argparse.RawDescriptionHelpFormatter


def made(records: int, rollouts: int, slices: int, partitions: int) -> list[bytes]:
    """Panes of one second in the order of the log."""
    dice = random.Random(7)
    some = [_cells(dice, slices) for _ in range(20)]
    places = (
        (second, partition, rollout)
        for second in range(records)
        for partition in range(partitions)
        for rollout in range(rollouts)
    )
    return [
        value(pane(f"r{rollout}", second, dice.choice(some)), source_partition=partition)
        for second, partition, rollout in islice(places, records)
    ]


def _cells(dice: random.Random, slices: int) -> Cells:
    segments = ("all", *(f"country={number}" for number in range(slices)))
    cells = {}
    for segment in segments:
        for arm in ("baseline", "candidate"):
            cells[segment, arm] = some_cell(dice)
            for _ in range(FULL // 20):
                cells[segment, arm].merge(some_cell(dice))
    return cells


def rate(values: Sequence[bytes], *, alone: bool) -> float:
    """Records that a second of a processor takes in."""
    books = PaneBooks(News())
    intake = one_by_one(books) if alone else PaneIntake(CODEC, books)
    begun = time.process_time()
    for begin in range(0, len(values), BATCH):
        batch = values[begin : begin + BATCH]
        intake.take(fetched_of(batch), odd_of(batch, []))
    return len(values) / (time.process_time() - begun)


if __name__ == "__main__":
    main()
