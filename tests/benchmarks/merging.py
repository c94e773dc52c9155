"""What does a further source partition cost a rollout's judge? Its panes, decoded and merged.

Without a broker. Judging the pane that comes of it costs the same, however many bring it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from streams.agents.desk import Desk
from streams.agents.pane_batches import PaneBatches
from streams.agents.sources import PREDICTIONS
from streams.panes.facts import Body, Cells
from streams.sketches.cell import Cell
from streams.spec.model import ALL_SEGMENT
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.agents.pipeline import spec
from tests.benchmarks.plans import STAYS
from tests.benchmarks.results import Row, of_rounds

PARTITIONS, PANES = 16, 60
REQUESTS = 300
"""Of a partition's pane, by arm: its buckets are as full as they get."""
PANE_MS, START = 1000, 1_790_000_000
SPEC = spec(stages=STAYS)
CODEC = Codec(LocalSchemaStore())


class Told(NamedTuple):
    """A record of `panes`."""

    value: bytes
    offset: int


def rows(rounds: int) -> list[Row]:
    """Microseconds for a pane of one source partition, once it is fetched."""
    values = list(told())
    spent = tuple(merged(values) for _ in range(rounds))
    return [
        of_rounds(
            name="a source partition's pane at the judge",
            unit="us of CPU",
            rounds=spent,
            note=f"{PARTITIONS} partitions, two arms",
        )
    ]


def merged(values: list[bytes]) -> float:
    """Decode and merge what all partitions told; microseconds a pane of one."""
    desk, due, panes = Desk(SPEC, 0), 0, PaneBatches(CODEC)
    records = [Told(value, offset) for offset, value in enumerate(values)]
    began = time.process_time()
    for begin in range(0, len(records), 2 * PARTITIONS):  # as they come where all is in time
        for record, read in panes.read(records[begin : begin + 2 * PARTITIONS]):
            desk.take(record.offset, read or CODEC.decode("panes", record.value))
            due += desk.merge.take_due() is not None
    spent = time.process_time() - began
    assert due == PANES, due
    return 1e6 * spent / (PANES * PARTITIONS)


def told() -> Iterator[bytes]:
    """Records of `panes`: of each partition its activation, then its panes one after the other."""
    dice = np.random.default_rng(1)
    name, spec_hash = SPEC.rollout, SPEC.spec_hash
    for partition in range(PARTITIONS):
        begun = {"rollout": name, "spec_hash": spec_hash, "first_offset": 0, "outcomes_offset": 0}
        begun |= {"from_pane": START, "until_offset": None}
        yield _value(partition, ("davy.Activation", begun))
    for pane in range(START, START + PANES):
        for partition in range(PARTITIONS):
            body = PREDICTIONS.closed_body(name, spec_hash, pane, _cells(dice))
            yield _value(partition, body)
            yield _value(partition, _progress(pane))


def _cells(dice: np.random.Generator) -> Cells:
    return {(ALL_SEGMENT, arm): _cell(dice) for arm in SPEC.arms}


def _cell(dice: np.random.Generator) -> Cell:
    cell = Cell(exposures=REQUESTS, errors=int(dice.binomial(REQUESTS, 0.01)))
    cell.latency.update(dice.lognormal(3.0, 0.4, REQUESTS))
    cell.scores.update(dice.random(REQUESTS))
    for label, count in enumerate(dice.multinomial(REQUESTS, [0.1] * 10).tolist()):
        cell.classes.add(str(label), count)
    return cell


def _progress(pane: int) -> Body:
    counts = dict.fromkeys(("accepted", "late", "dead", "invalid_scores", "duplicates"), 0)
    return "davy.Progress", {"closed_through": pane, "idle": False} | counts


def _value(partition: int, body: Body) -> bytes:
    record = {
        "source": "predictions",
        "source_partition": partition,
        "source_partitions": PARTITIONS,
        "rollout_partitions": PARTITIONS,
        "pane_ms": PANE_MS,
        "body": body,
    }
    return CODEC.encode("panes", record)
