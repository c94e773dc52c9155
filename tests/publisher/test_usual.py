"""What a call leaves to the publisher's thread becomes the record that it would have made."""

import math
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.publisher import Publisher
from streams.publisher.drafts import MAX_TEXT, Draft, Refused, prediction_draft
from streams.publisher.facts import Status, Tally
from streams.publisher.usual import Usual, usual

TEXTS = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.sampled_from(["", "x" * MAX_TEXT, "x" * (MAX_TEXT + 1)]),
    st.integers(-2, 2**70),
    st.booleans(),
    st.binary(max_size=3),
)
NUMBERS = st.one_of(
    st.none(), st.floats(), st.floats(-0.1, 1.1), st.integers(-1, 2), st.booleans(), st.just("0.5")
)
CALLS = st.fixed_dictionaries(
    {
        "completed_at_ms": st.one_of(st.integers(-1, 2**63), st.floats(), st.just("1")),
        "request_id": TEXTS,
        "latency_ms": st.one_of(NUMBERS, st.floats(0, 1e9)),
        "predicted_class": TEXTS,
        "score": NUMBERS,
        "confidence": NUMBERS,
        "unit": TEXTS,
    }
)
USUAL = {
    "completed_at_ms": 1_790_000_000_000,
    "request_id": "r-1",
    "latency_ms": 12.5,
    "predicted_class": "7",
    "score": 0.5,
    "confidence": None,
    "unit": "u-1",
}


def at_once(call, tally) -> Draft | None:
    """What the caller's thread would have made of it; None where it is refused."""
    rest = {"status": Status.OK, "service": "s", "model_version": "v", "segments": None}
    try:
        return prediction_draft(tally, **call, **rest, llm=None)
    except Refused:
        return None


@given(CALLS)
@example(USUAL)
@example(USUAL | {"request_id": 17, "predicted_class": 7, "unit": None})
def test_it_is_the_record_that_the_call_would_have_made(call):
    """Or the call makes it itself: what is refused, mended or may change is never left."""
    kept, tally = usual(*call.values()), Tally()
    made = at_once(call, tally)
    if kept is None:
        return
    assert made is not None
    assert not tally.repaired()
    later = kept.draft(tally, "s", "v")
    assert (later.topic, later.record) == (made.topic, made.record)
    assert not tally.repaired()
    assert later.size <= kept.size + 100


@pytest.mark.parametrize(
    "change",
    [{}, {"request_id": 17}, {"predicted_class": 7}, {"predicted_class": None}, {"unit": None}],
)
def test_most_calls_are_usual(change):
    assert isinstance(usual(*(USUAL | change).values()), Usual)


def test_without_a_time_it_is_the_call_s():
    before = time.time_ns() // 1_000_000
    kept = usual(*(USUAL | {"completed_at_ms": None}).values())
    assert before <= kept.completed_at_ms <= time.time_ns() // 1_000_000


class TestCalls:
    """Nobody waits for a broker here: what was taken stays in the buffer."""

    @pytest.fixture
    def publisher(self, monkeypatch):
        monkeypatch.setattr(Publisher, "_start", lambda _: None)
        made = Publisher(bootstrap="127.0.0.1:1", service="s", model_version="v")
        yield made
        made.close(0.0)

    def waiting(self, publisher) -> object:
        (found,) = publisher._buffer.take(9)
        return found

    @pytest.mark.parametrize(
        ("change", "kept"),
        [
            ({}, True),
            ({"status": "ok"}, False),
            ({"status": Status.ERROR}, False),
            ({"segments": {"a": "b"}}, False),
            ({"llm": {"ttft_ms": 1.0}}, False),
            ({"model_version": "v2"}, False),
            ({"score": 7.0}, False),
        ],
    )
    def test_what_is_kept(self, publisher, change, kept):
        assert publisher.prediction(**(USUAL | change))
        assert isinstance(self.waiting(publisher), Usual) == kept

    @pytest.mark.parametrize(
        "change", [{"latency_ms": math.nan}, {"request_id": "x" * 300}, {"completed_at_ms": -1}]
    )
    def test_what_is_refused_is_told_at_once(self, publisher, change):
        assert not publisher.prediction(**(USUAL | change))
        assert sum(publisher.counters().dropped.values()) == 1
