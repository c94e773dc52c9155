"""Predictions and outcomes join by the brokers' order, whatever is read first."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.agents.outcome_records import cohort_body
from streams.agents.sources import PREDICTIONS
from streams.panes.cohorts import Cohort
from streams.panes.facts import PaneClock
from streams.panes.fold import PartitionFold
from streams.panes.source_fold import SourceFold
from streams.replay.cohorts import replay_cohorts
from streams.replay.partition import LogRecord, RecordedActivation, read
from streams.spec.model import RolloutSpec
from streams.spec.outcome_facts import Outcome, OutcomeKind
from streams.wire.codec import Codec
from streams.wire.outcome_columns import decode_outcomes
from streams.wire.store import LocalSchemaStore
from tests.agents.pipeline import spec
from tests.panes.outcomes.model import Model, merged

CLOCK = PaneClock(pane_ms=1000, lateness_ms=1500, future_ms=1 << 40)
BASE_MS = 1_000_000
CODEC = Codec(LocalSchemaStore())
OUTCOMES = (
    Outcome(name="label", kind=OutcomeKind.LABEL, window_s=4, delivery_s=1, positive="cat"),
    Outcome(name="buy", kind=OutcomeKind.RATE, window_s=8),
    Outcome(name="pay", kind=OutcomeKind.MEAN, window_s=8, low=0.0, high=50.0),
)
SPEC = spec(outcomes=OUTCOMES)


def prediction(at_ms: int, request: int, after_ms: int, **changes: Any) -> dict[str, Any]:
    return {
        "request_id": f"r{request}",
        "service": "digits",
        "model_version": "v1",
        "completed_at": BASE_MS + at_ms,
        "latency_ms": 10.0,
        "status": "OK",
        "predicted_class": "cat",
        "confidence": 0.75,
        "append_ms": BASE_MS + at_ms + after_ms,
    } | changes


def outcome(at_ms: int, request: int, after_ms: int, **changes: Any) -> dict[str, Any]:
    return {
        "outcome_id": f"o{at_ms}-{request}",
        "request_id": f"r{request}",
        "service": "digits",
        "occurred_at": BASE_MS + at_ms,
        "metric": "label",
        "label": "cat",
        "value": 1.0,
        "append_ms": BASE_MS + at_ms + after_ms,
    } | changes


def log_of(topic: str, events: list[dict[str, Any]]) -> list[LogRecord]:
    """Records in the order of receipt."""
    ordered = sorted(events, key=lambda event: event["append_ms"])
    return [
        LogRecord(
            offset=offset,
            append_ms=event["append_ms"],
            value=CODEC.encode(topic, {k: v for k, v in event.items() if k != "append_ms"}),
        )
        for offset, event in enumerate(ordered)
    ]


def told(cohorts: list[Cohort]) -> list[Any]:
    return [cohort_body(cohort) for cohort in cohorts]


def replayed(
    predictions: list[dict[str, Any]],
    outcomes: list[dict[str, Any]],
    size: int,
    spec: RolloutSpec = SPEC,
) -> list[Cohort]:
    activation = RecordedActivation(spec=spec, first_offset=0)
    logs = (log_of("predictions", predictions), log_of("outcomes", outcomes))
    return list(replay_cohorts(*logs, [activation], CLOCK, CODEC, batch_size=size))


predictions = st.lists(
    st.builds(
        prediction,
        st.integers(0, 9000),
        st.integers(0, 12),
        st.integers(0, 300),
        model_version=st.sampled_from(["v1", "v2", "v9"]),
        predicted_class=st.sampled_from([None, "cat", "dog"]),
    ),
    max_size=30,
    unique_by=lambda event: event["request_id"],
)
outcomes = st.lists(
    st.builds(
        outcome,
        st.integers(0, 25_000),
        st.integers(0, 14),
        st.integers(0, 9000),
        metric=st.sampled_from(["label", "buy", "pay", "else"]),
        label=st.sampled_from(["cat", "dog", "cow"]),
        value=st.sampled_from([0.0, 0.5, 7.25, 50.0]),
    ),
    max_size=40,
    unique_by=lambda event: event["outcome_id"],
)
END = [prediction(40_000, 99, 0, request_id="end")]
"""Closes everything."""


class Store:
    """What flushes leave in `cells`."""

    def __init__(self) -> None:
        self.parts: dict[str, Any] = {}

    def flush(self, fold: SourceFold[Any, Any, Any]) -> None:
        changes = fold.changed_parts()
        for key in changes.gone:
            del self.parts[key]
        self.parts |= changes.written

    def restored(self, fold: PartitionFold) -> PartitionFold:
        fresh = PartitionFold(CLOCK, fold.marker)
        for live in fold.live.values():
            fresh.restore(live)
        fresh.restore_parts(dict(self.parts), again=False)
        return fresh


def with_restarts(
    predictions: list[dict[str, Any]],
    outcomes: list[dict[str, Any]],
    size: int,
    ahead: int,
    every: int,
) -> list[Cohort]:
    """Flushed before each batch, restored before some; predictions are read `ahead` first."""
    logs = [log_of("predictions", predictions), log_of("outcomes", outcomes)]
    fold, store = PartitionFold(CLOCK), Store()
    fold.activate(SPEC)
    found: list[Cohort] = []
    position = turn = 0
    while True:
        store.flush(fold)
        turn += 1
        if turn % every == 0:
            fold = store.restored(fold)
        order = fold.outcomes.order
        part = logs[0][position : position + size]
        if part:
            columns, append_ms, offsets = read(part, CODEC, PREDICTIONS, 1_000_000)
            fold.fold(columns, append_ms, offsets, end_offset=part[-1].offset + 1)
            position += len(part)
        ahead -= 1
        batch = logs[1][order.end : order.end + size] if ahead < 0 else []
        if batch:
            values = [record.value for record in batch]
            _, append_ms, offsets = read(batch, CODEC, PREDICTIONS, 1_000_000)
            order.outcomes_taken(
                decode_outcomes(values, CODEC),
                append_ms,
                offsets,
                start=batch[0].offset,
                end=batch[-1].offset + 1,
            )
        if not part and not batch and ahead < 0:
            order.predictions_known_ms = order.outcomes_known_ms = 1 << 60
            found += fold.outcomes.merge()
            return found
        found += fold.outcomes.merge()


class TestOutcomeFold:
    @pytest.mark.property
    @given(predictions, outcomes, st.integers(1, 9))
    def test_batches_leave_no_trace(self, made, said, size):
        """Batches of 1, of 5000 and of anything give the same cohorts, byte for byte."""
        whole = told(replayed(made + END, said, 5000))
        assert told(replayed(made + END, said, 1)) == whole
        assert told(replayed(made + END, said, size)) == whole

    @pytest.mark.property
    @given(predictions, outcomes, st.integers(1, 9), st.integers(0, 12), st.integers(1, 3))
    def test_restarts_leave_no_trace(self, made, said, size, ahead, every):
        """Everything is written and read back between batches, one log read far ahead."""
        assert told(with_restarts(made + END, said, size, ahead, every)) == told(
            replayed(made + END, said, 5000)
        )

    def test_what_has_matured_is_no_longer_stored(self):
        """Else a restart would tell it again, without what came since it was stored."""
        fold, store = PartitionFold(CLOCK), Store()
        fold.activate(SPEC)
        for number, event in enumerate([prediction(0, 1, 0), *END]):
            (record,) = log_of("predictions", [event])
            columns, append_ms, offsets = read([record], CODEC, PREDICTIONS, 1_000_000)
            fold.fold(columns, append_ms, offsets + number, end_offset=number + 1)
            fold.outcomes.order.outcomes_known_ms = 1 << 60
            fold.outcomes.merge()
            store.flush(fold)
        last = (BASE_MS + 40_000) // 1000
        assert {key for key in store.parts if key.startswith("cohort/")} == {
            f"cohort/{SPEC.rollout}/{each.name}/{last}" for each in OUTCOMES
        }

    @pytest.mark.property
    @given(predictions, outcomes)
    def test_counts_are_those_of_one_event_at_a_time(self, made, said):
        """Exposures, answers, mistakes and money of matured cohorts, to the last one."""
        model = Model(SPEC, CLOCK)
        model.run(merged(made + END, said))
        expected = {k: t for k, t in model.tallies.items() if k[1] < (BASE_MS + 20_000) // 1000}
        assert matured(replayed(made + END, said, 7)) == expected

    def test_an_outcome_counts_once_and_the_first_wins(self):
        """The second label of a request is a conflict, whatever it says."""
        said = [
            outcome(100, 1, 10, label="dog"),
            outcome(200, 1, 10, label="cat"),
            outcome(300, 1, 10, metric="buy"),
        ]
        found = matured(replayed([prediction(0, 1, 0), *END], said, 5000))
        pane = BASE_MS // 1000
        assert found["label", pane, "baseline"] == Counter(exposures=1, answered=1, events=1)
        assert found["buy", pane, "baseline"] == Counter(exposures=1, answered=1, events=1)

    def test_an_undeclared_class_takes_no_declared_ones_place(self):
        """However early a model says what it never should: others are right as before."""
        label = Outcome(name="label", kind=OutcomeKind.LABEL, window_s=4, classes=("cat", "dog"))
        said = ("none of these", "nor this", "cat", "dog")
        made = [prediction(n, n, 0, predicted_class=each) for n, each in enumerate(said)]
        labels = [outcome(100 + n, n, 10, label=("cat", "dog")[n % 2]) for n in range(4)]
        found = matured(replayed([*made, *END], labels, 5000, spec(outcomes=(label,))))
        expected = Counter(exposures=4, answered=4, events=2)
        assert found["label", BASE_MS // 1000, "baseline"] == expected

    def test_open_cohorts_tell_each_complete_delay_bin(self):
        """Eight records for a cohort of which every bin is complete at another closing."""
        steps = [prediction(ms, 100 + ms, 0, model_version="v9") for ms in range(0, 20_000, 500)]
        cohorts = replayed([prediction(0, 1, 0), *steps, *END], [outcome(900, 1, 10)], 5000)
        label = [c for c in cohorts if c.outcome == "label" and c.first_pane == BASE_MS // 1000]
        assert label[-1].matured
        assert [c.complete for c in label] == sorted({c.complete for c in label})
        early = label[0].cells["all", "baseline"]
        assert (early.exposures, early.events) == (1, 0)


def matured(cohorts: list[Cohort]) -> dict[tuple[str, int, str], Counter[str]]:
    """What matured cohorts say of the whole, in the model's words."""
    found = {}
    for cohort in cohorts:
        for (segment, arm), cell in cohort.cells.items() if cohort.matured else ():
            if segment == "all":
                counts = {"exposures": cell.exposures, "answered": cell.answered,
                          "events": cell.events, "milli": cell.total_milli}  # fmt: skip
                found[cohort.outcome, cohort.first_pane, arm] = Counter(
                    {name: count for name, count in counts.items() if count}
                )
    return found
