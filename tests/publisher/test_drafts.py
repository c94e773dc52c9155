"""What a caller says becomes a record that Avro can write, or a counted refusal."""

import io
import math
from collections.abc import Iterator
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from streams.publisher import Publisher, Status
from streams.publisher.drafts import MAX_TEXT, Draft, Refused, outcome_draft, prediction_draft
from streams.publisher.facts import Tally
from streams.wire.schemas import load_schema

GOOD: dict[str, Any] = {
    "request_id": "r",
    "latency_ms": 1.0,
    "status": "OK",
    "service": "s",
    "model_version": "v",
    "predicted_class": None,
    "score": None,
    "confidence": None,
    "unit": None,
    "segments": None,
    "llm": None,
    "completed_at_ms": 1_790_000_000_000,
}
OUTCOME: dict[str, Any] = {
    "request_id": "r",
    "metric": "label",
    "label": "7",
    "value": None,
    "service": "s",
    "unit": None,
    "outcome_id": None,
    "occurred_at_ms": 1_790_000_000_000,
}
PREDICTION_SCHEMA = parse_schema(load_schema("prediction"))
OUTCOME_SCHEMA = parse_schema(load_schema("outcome"))


class Hostile:
    """A value whose every question raises."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __float__(self) -> float:
        raise RuntimeError("no number")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None  # type: ignore[assignment]


class TestPredictionDraft:
    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ({"latency_ms": math.nan}, "bad_latency"),
            ({"latency_ms": math.inf}, "bad_latency"),
            ({"latency_ms": -0.1}, "bad_latency"),
            ({"latency_ms": 1e308}, "bad_latency"),
            ({"latency_ms": "soon"}, "bad_latency"),
            ({"latency_ms": None}, "bad_latency"),
            ({"status": "FINE"}, "bad_status"),
            ({"status": 200}, "bad_status"),
            ({"completed_at_ms": 0}, "bad_time"),
            ({"completed_at_ms": 1e18}, "bad_time"),
            ({"completed_at_ms": math.nan}, "bad_time"),
            ({"request_id": "x" * (MAX_TEXT + 1)}, "too_big"),
            ({"unit": "x" * (MAX_TEXT + 1)}, "too_big"),
            ({"model_version": ""}, "no_name"),
        ],
    )
    def test_useless_records_are_refused(self, said: dict[str, Any], reason: str) -> None:
        """What the analyzer would dead-letter is refused where it arose."""
        with pytest.raises(Refused) as refused:
            prediction_draft(Tally(), **GOOD | said)
        assert refused.value.reason == reason

    @pytest.mark.parametrize(
        ("said", "field", "expected", "repairs"),
        [
            ({"score": 1.5}, "score", None, {"bad_score": 1}),
            ({"score": math.nan}, "score", None, {"bad_score": 1}),
            ({"score": 1}, "score", 1.0, {}),
            ({"confidence": "x"}, "confidence", None, {"bad_confidence": 1}),
            ({"predicted_class": b"cat"}, "predicted_class", "cat", {}),
            ({"predicted_class": "x" * 300}, "predicted_class", "x" * 256, {"too_long": 1}),
            ({"status": Status.TIMEOUT}, "status", "TIMEOUT", {}),
            ({"status": "error"}, "status", "ERROR", {}),
            ({"unit": ""}, "unit", None, {}),
            ({"request_id": 17}, "request_id", "17", {}),
            ({"segments": {"tier": None}}, "segments", {"tier": "None"}, {}),
            ({"segments": ["SG"]}, "segments", {}, {"bad_segments": 1}),
            ({"llm": "fast"}, "llm", None, {"bad_llm": 1}),
        ],
    )
    def test_lesser_faults_are_mended(
        self, said: dict[str, Any], field: str, expected: object, repairs: dict[str, int]
    ) -> None:
        """One bad field does not cost the latency and the status of the request."""
        tally = Tally()
        assert prediction_draft(tally, **GOOD | said).record[field] == expected
        assert tally.repaired() == repairs

    @pytest.mark.parametrize("missing", [None, ""])
    def test_a_missing_id_is_made_up(self, missing: object) -> None:
        """Such a request counts, though no outcome can find it."""
        tally = Tally()
        ids = {prediction_draft(tally, **GOOD | {"request_id": missing}).record["request_id"]}
        ids.add(prediction_draft(tally, **GOOD | {"request_id": missing}).record["request_id"])
        assert {len(name) for name in ids} == {32}
        assert len(ids) == 2
        assert tally.repaired() == {"no_request_id": 2}

    def test_unknown_and_odd_llm_values_are_null(self) -> None:
        """What cannot be read is left out, the rest stays."""
        tally = Tally()
        said = {"ttft_ms": 8, "tokens_in": -1, "tokens_out": 3.0, "speed": 9}
        found = prediction_draft(tally, **GOOD | {"llm": said}).record["llm"]
        assert {name: value for name, value in found.items() if value is not None} == {
            "ttft_ms": 8.0,
            "tokens_out": 3,
        }
        assert tally.repaired() == {"bad_llm": 1}

    def test_segments_are_copied(self) -> None:
        """The caller may change its dictionary after the call."""
        mine = {"country": "SG"}
        draft = prediction_draft(Tally(), **GOOD | {"segments": mine})
        mine["country"] = "DE"
        assert draft.record["segments"] == {"country": "SG"}


class TestOutcomeDraft:
    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ({"request_id": None}, "no_name"),
            ({"metric": ""}, "no_name"),
            ({"label": None}, "bad_value"),
            ({"label": None, "value": math.inf}, "bad_value"),
            ({"value": "much"}, "bad_value"),
            ({"occurred_at_ms": -1}, "bad_time"),
        ],
    )
    def test_useless_outcomes_are_refused(self, said: dict[str, Any], reason: str) -> None:
        """An outcome needs a prediction to belong to and something to say."""
        with pytest.raises(Refused) as refused:
            outcome_draft(Tally(), **OUTCOME | said)
        assert refused.value.reason == reason


ANYTHING: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=())),
    st.binary(),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5) | st.integers(), st.floats() | st.text(), max_size=40),
    st.just(Hostile()),
    st.builds(object),
    st.just(10**400),
)


@pytest.fixture(scope="module")
def silent() -> Iterator[Publisher]:
    """Nobody listens there, so what is taken waits."""
    publisher = Publisher(bootstrap="127.0.0.1:1", service="s", model_version="v")
    yield publisher
    publisher.close(0)


@pytest.mark.property
class TestAnything:
    @given(st.fixed_dictionaries({name: ANYTHING for name in GOOD if name != "service"}))
    def test_a_prediction_is_written_or_refused(self, said: dict[str, Any]) -> None:
        """What is taken can be encoded (after the repair of text) and read back the same."""
        try:
            draft = prediction_draft(Tally(), service="s", **said)
        except (Refused, RuntimeError):
            return
        assert_written(draft, PREDICTION_SCHEMA)
        assert 0 <= draft.record["latency_ms"] <= 1e7

    @given(st.fixed_dictionaries({name: ANYTHING for name in OUTCOME if name != "service"}))
    def test_an_outcome_is_written_or_refused(self, said: dict[str, Any]) -> None:
        """The same for outcomes."""
        try:
            draft = outcome_draft(Tally(), service="s", **said)
        except (Refused, RuntimeError):
            return
        assert_written(draft, OUTCOME_SCHEMA)

    @given(
        said=st.fixed_dictionaries({}, optional={n: ANYTHING for n in GOOD if n != "service"}),
        outcome=st.fixed_dictionaries(
            {}, optional={n: ANYTHING for n in OUTCOME if n != "service"}
        ),
    )
    def test_nothing_raises(
        self, silent: Publisher, said: dict[str, Any], outcome: dict[str, Any]
    ) -> None:
        """Whatever a caller passes, a publisher answers with a bool and counts."""
        found = silent.counters()
        known = found.taken + found.lost
        assert silent.prediction(**{"request_id": "r", "latency_ms": 1.0} | said) in (True, False)
        assert silent.outcome(**{"request_id": "r"} | outcome) in (True, False)
        found = silent.counters()
        assert found.taken + found.lost == known + 2


def assert_written(draft: Draft, schema: Any) -> None:
    try:
        body = io.BytesIO()
        schemaless_writer(body, schema, draft.record)
    except UnicodeEncodeError:
        return
    body.seek(0)
    found = schemaless_reader(body, schema, None)
    assert isinstance(found, dict)
    times = {"completed_at", "occurred_at"}
    assert {k: v for k, v in found.items() if k not in times} == {
        k: v for k, v in draft.record.items() if k not in times
    }
