"""What does an outcome cost from its bytes to its cohort? Decoded, joined, counted.

CPU of one thread without Kafka around it. An hour's window; outcomes come after a tenth of it on
average, as those of people do, so a batch meets cohorts of many ages.
"""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np

from streams.agents.sources import PREDICTIONS
from streams.panes.facts import PaneClock
from streams.panes.fold import PartitionFold
from streams.spec.outcome_facts import Outcome, OutcomeKind
from streams.wire.codec import Codec
from streams.wire.outcome_columns import decode_outcomes
from streams.wire.store import LocalSchemaStore
from tests.agents.pipeline import spec
from tests.benchmarks.results import Row, of_rounds

WINDOW_S = 3600
PER_S = 100
CLOCK = PaneClock(pane_ms=1000, lateness_ms=0, future_ms=1 << 50)
BATCH = 10_000
DRAWN = 300_000
CODEC = Codec(LocalSchemaStore())


def rows(rounds: int) -> list[Row]:
    """The figure of `make bench` that cohorts add."""
    fold = _pending()
    batches = _batches()
    return [
        of_rounds(
            name="outcomes decoded, joined and counted in cohorts",
            unit="outcomes/CPU-s",
            rounds=tuple(_round(fold, batches) for _ in range(rounds)),
            note=f"{PER_S * WINDOW_S:,} pending, an hour, batches of {BATCH}, ten classes",
        )
    ]


def _pending() -> PartitionFold:
    """An hour of predictions, all of them waiting for a label."""
    label = Outcome(name="label", kind=OutcomeKind.LABEL, window_s=WINDOW_S)
    fold = PartitionFold(CLOCK)
    fold.activate(spec(outcomes=(label,)))
    for second in range(WINDOW_S + 1):
        numbers = range(second * PER_S, (second + 1) * PER_S)
        values = [CODEC.encode("predictions", _prediction(number)) for number in numbers]
        columns = PREDICTIONS.decode(values, CODEC, 1_000_000)
        offsets = np.arange(numbers.start, numbers.stop)
        fold.fold(columns, offsets * 1000 // PER_S, offsets, end_offset=numbers.stop)
    fold.outcomes.order.outcomes_known_ms = 1 << 50
    fold.outcomes.merge()
    return fold


def _prediction(number: int) -> dict[str, Any]:
    return {
        "request_id": f"6f1e0c9a-4b7d-4a5e-9c3b-{number:012d}",
        "service": "digits",
        "model_version": f"v{number % 2 + 1}",
        "completed_at": 1 + number * 1000 // PER_S,
        "latency_ms": 12.5,
        "status": "OK",
        "predicted_class": str(number % 10),
        "confidence": number % 100 / 100,
    }


def _batches() -> list[list[bytes]]:
    dice = np.random.default_rng(5)
    ages = np.minimum(dice.exponential(WINDOW_S / 10, DRAWN), WINDOW_S - 2)
    numbers = dice.permutation(np.unique(((WINDOW_S - ages) * PER_S).astype(int))).tolist()
    values = [CODEC.encode("outcomes", _outcome(one, str(dice.integers(10)))) for one in numbers]
    return [values[at : at + BATCH] for at in range(0, len(values), BATCH)]


def _outcome(number: int, label: str) -> dict[str, Any]:
    request = _prediction(number)["request_id"]
    return {
        "outcome_id": f"{request}/label",
        "request_id": request,
        "service": "digits",
        "occurred_at": WINDOW_S * 1000,
        "metric": "label",
        "label": label,
    }


def _round(fold: PartitionFold, batches: list[list[bytes]]) -> float:
    """Outcomes a second of CPU; each is joined."""
    join = next(iter(copy.deepcopy(fold).outcomes.joins.values()))
    start = time.process_time()
    for values in batches:
        columns = decode_outcomes(values, CODEC)
        join.take(columns, np.arange(columns.row.size))
    spent = time.process_time() - start
    assert join.fates["joined"] == sum(map(len, batches))
    return join.fates["joined"] / spent
