"""The oracle's slow count and the worker's fold tell the same of made-up logs, byte for byte.

Neither knows the other: where both agree, a difference in a soak is the fleet's.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from streams.panes.facts import PaneClock, cells_to_states
from streams.replay.cohorts import replay_cohorts
from streams.replay.partition import LogRecord, RecordedActivation, replay_partition
from streams.spec.model import Mode, Target
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.soak import rollouts
from tests.soak.oracle.fold import PartitionModel
from tests.soak.oracle.joins import JoinModel, merged, outcomes_of
from tests.soak.oracle.log import Avro, Record
from tests.soak.oracle.rules import Activation, Rules
from tests.soak.requests import Requests

if TYPE_CHECKING:
    from streams.spec.model import RolloutSpec

START_MS = 1_790_000_000_000
RULES = Rules(pane_ms=1000, lateness_ms=500, future_ms=60_000, largest=1_000_000)
CLOCK = PaneClock(pane_ms=1000, lateness_ms=500, future_ms=60_000)
CODEC = Codec(LocalSchemaStore())
TARGET = Target(router="memory")
FIRST = 150
"""Offset at which the rollout begins."""

Logs = dict[str, list[Record]]


def made_up(spec: RolloutSpec, *, seed: int, count: int = 1000) -> Logs:
    """Both logs of one partition, as the broker would have taken them."""
    requests = Requests(
        dice=random.Random(seed),
        producers=2,
        oddities=4.0,
        copies=spec.mode is Mode.SHADOW,
        labels=bool(spec.outcomes),
    )
    due = [each for n in range(count) for each in requests.request(START_MS + n * 8, share=0.3)]
    logs: Logs = {"predictions": [], "outcomes": []}
    for at_ms, made in sorted(due, key=lambda each: each[0]):
        value = CODEC.encode(made.topic, made.record)
        log = logs[made.topic]
        log.append(
            Record(
                topic=made.topic,
                partition=0,
                offset=len(log),
                at_ms=at_ms,
                key=made.key,
                value=value[:-3] if made.broken else value,
                headers={},
            )
        )
    return logs


def folded_by_oracle(spec: RolloutSpec, logs: Logs) -> Any:
    begun = Activation(
        rollout=spec.rollout,
        spec_hash=spec.spec_hash,
        first_offset=FIRST,
        outcomes_offset=0,
        from_pane=0,
    )
    model = PartitionModel(RULES, {spec.rollout: spec}, [begun], Avro())
    return model.run(logs["predictions"])


def log_records(records: list[Record]) -> list[LogRecord]:
    return [LogRecord(offset=r.offset, append_ms=r.at_ms, value=r.value) for r in records]


@pytest.mark.parametrize("make", [rollouts.usual, rollouts.shadow, rollouts.labelled])
@pytest.mark.parametrize("batch_size", [7, 5000])
def test_panes(make: Any, batch_size: int) -> None:
    """Live, in pairs and with outcomes: every closed pane."""
    spec = make(TARGET)
    logs = made_up(spec, seed=batch_size)
    active = RecordedActivation(spec=spec, first_offset=FIRST)
    log = log_records(logs["predictions"])
    replayed = replay_partition(log, [active], CLOCK, CODEC, batch_size=batch_size)
    told = {(p.rollout, p.pane): cells_to_states(p.cells) for p in replayed}
    folded = folded_by_oracle(spec, logs)
    assert len(told) >= 5
    assert told == {key: cells_to_states(cells) for key, cells in folded.closed.items()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cohorts(seed: int) -> None:
    """Every cohort, whenever more of its delay bins were complete."""
    spec = rollouts.labelled(TARGET)
    logs = made_up(spec, seed=seed)
    active = RecordedActivation(spec=spec, first_offset=FIRST)
    both = (log_records(logs[name]) for name in ("predictions", "outcomes"))
    told = {
        (c.outcome, c.first_pane, c.complete): c.to_state()
        for c in replay_cohorts(*both, [active], CLOCK, CODEC, batch_size=11)
    }
    folded = folded_by_oracle(spec, logs)
    outcomes, _ = outcomes_of(logs["outcomes"], Avro(), RULES.largest)
    closed = folded.closed_at[spec.rollout]
    join = JoinModel(spec, RULES.pane_ms, folded.exposures[spec.rollout], closed)
    clock = folded.clock[folded.begun_at[spec.rollout] :]
    join.run(merged(clock, [(at, body) for _, at, body in outcomes], closed))
    assert len(told) > 40
    assert told == {key: cohort.to_state() for key, cohort in join.told.items()}
    assert join.fates["joined"] > 500
