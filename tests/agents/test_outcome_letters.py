"""Outcomes that cannot be used are told even where nothing else is to be written."""

from __future__ import annotations

from typing import Any

from streams.agents.batch import Batch, Partition
from streams.agents.prediction_owner import PredictionOwner
from streams.agents.records import Records
from streams.settings import Settings
from streams.spec.outcome_facts import Outcome, OutcomeKind
from streams.wire.outcome_columns import decode_outcomes
from tests.agents.pipeline import START_MS, spec
from tests.agents.test_flush import (
    CODEC,
    SOURCE,
    MemorySpecs,
    MemoryWriter,
    Record,
    context_of,
)

LABEL = Outcome(name="label", kind=OutcomeKind.LABEL, window_s=5)
TOPIC = "outcomes"


def outcome(**changes: Any) -> bytes:
    told = {"outcome_id": "o", "request_id": "r", "service": "digits", "metric": "label",
            "occurred_at": START_MS, "label": "7", "value": None}  # fmt: skip
    return CODEC.encode(TOPIC, told | changes)


async def test_a_batch_of_nothing_but_bad_outcomes_goes_out_with_the_next_flush() -> None:
    """They change no cohort; the quiet partition must tell them all the same."""
    out = MemoryWriter()
    context = context_of(out, MemorySpecs(), Settings())
    owner = PredictionOwner(SOURCE, context)
    owner._fold.activate(spec(outcomes=(LABEL,)))
    values = [outcome(label=None), outcome(value=float("nan"))]
    records = [
        Record(offset=offset, value=value, timestamp=START_MS, topic=TOPIC)
        for offset, value in enumerate(values)
    ]
    batch = Batch(
        partition=Partition(TOPIC, 0), start=0, end=len(records), records=Records(records)
    )
    await owner.take_outcomes(batch, decode_outcomes(values, CODEC))
    await owner.flush()
    (flushed,) = out.flushes
    letters = [dict(record.headers) for record in flushed if record.topic == "dead-letters"]
    assert [letter["reason"] for letter in letters] == [b"no_content", b"bad_value"]
    assert owner.outcomes.counts["dead"] == len(letters)
