"""Whatever is sent to the bridge for KServe: it answers, and what it publishes makes sense."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streams.publisher import Status
from streams.publisher.cloudevents import NotAnEvent, event_of
from streams.publisher.drafts import MAX_TEXT, prediction_draft
from streams.publisher.facts import Tally
from streams.publisher.payloads import SKEW_MS, Payloads, Rules
from tests.publisher.logged import NOW_MS, REQUEST, RESPONSE, headers
from tests.publisher.service import Memory, Published

MOST = 4
IDS = st.sampled_from(["r-1", "r-2", "r-3"])
VERSIONS = st.sampled_from(["v1", "v2"])
LATIN = st.text(st.characters(max_codepoint=255), max_size=40)
NAMES = st.sampled_from(
    ["ce-id", "ce-type", "ce-source", "ce-specversion", "ce-time", "ce-component", "ce-metadata"]
)
KINDS = st.sampled_from([REQUEST, RESPONSE])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
RESPONSES = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda rows: json.dumps({"predictions": rows}).encode()),
    JSON.map(lambda data: json.dumps({"outputs": [_tensor(data)]}).encode()),
    st.just(b'{"predictions": [7]}'),
)
RULES = Rules(
    most_waiting=MOST, segments={"country": "X-Country"}, unit_header="X-User", answer_within_s=60
)


def _tensor(data: object) -> dict[str, object]:
    return {"name": "out", "datatype": "INT64", "shape": [1], "data": data}


def assert_sensible(found: Published) -> None:
    """What the SDK takes without a repair, and what a judge may count."""
    answer, tally = found.answer, Tally()
    draft = prediction_draft(
        tally,
        request_id=answer.request_id,
        latency_ms=found.latency_ms,
        status=found.status,
        service="digits",
        model_version=answer.model_version,
        predicted_class=answer.predicted_class,
        score=answer.score,
        confidence=answer.confidence,
        unit=answer.unit,
        segments=answer.segments,
        llm=answer.llm,
        completed_at_ms=found.completed_at_ms,
    )
    assert not tally.repaired()
    assert draft.record["model_version"] in ("v1", "v2")
    assert 0 < len(draft.record["request_id"]) <= MAX_TEXT
    assert found.status in (Status.OK, Status.TIMEOUT)


@pytest.mark.property
class TestOneRequest:
    @given(
        st.lists(st.tuples(NAMES | LATIN, LATIN | IDS | KINDS), max_size=10),
        st.none() | RESPONSES | JSON.map(lambda whole: json.dumps(whole).encode()),
        st.sampled_from(["application/json", "application/cloudevents+json", ""]) | LATIN,
    )
    def test_any_bytes_are_an_event_or_named(
        self, told: list[tuple[str, str]], body: bytes | None, kind: str
    ) -> None:
        """Nothing else is raised; an event has an id, a type, and text for attributes."""
        try:
            event = event_of([("content-type", kind), *told], body)
        except NotAnEvent as refused:
            said = str(refused)
        else:
            said = event.kind
            assert event.event_id.isascii()
            assert all(isinstance(value, str) for value in event.attributes.values())
        assert said

    @given(NAMES, LATIN)
    def test_one_damaged_attribute(self, name: str, value: str) -> None:
        """An event with one odd attribute is taken or refused, and publishes nothing of its own."""
        memory = Memory()
        payloads = Payloads(memory, RULES)
        told = headers(REQUEST, "r-1") | {name: value}
        try:
            payloads.hear("v2", event_of(told.items(), b""), now_ms=NOW_MS, clock_s=0.0)
        except NotAnEvent:
            assert payloads.counts()["remembered"] == 0
        assert memory.published == []


class Listening(RuleBasedStateMachine):
    """Events of every kind in any order, at any time, with any answer."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()
        self.payloads = Payloads(self.memory, RULES)
        self.now_ms = NOW_MS
        self.asked: dict[tuple[str, str], int] = {}
        self.seen = 0

    @rule(identity=IDS, version=VERSIONS, kind=KINDS, body=RESPONSES, off_ms=st.integers(-900, 900))
    def event(self, identity: str, version: str, kind: str, body: bytes, off_ms: int) -> None:
        self._hear(version, headers(kind, identity, self.now_ms + off_ms), body)
        if kind == REQUEST:
            self.asked[version, identity] = self.asked.get((version, identity), 0) + 1

    @rule(identity=IDS, kind=KINDS, off_ms=st.sampled_from([-SKEW_MS - 1, SKEW_MS + 1]))
    def event_of_another_time(self, identity: str, kind: str, off_ms: int) -> None:
        with pytest.raises(NotAnEvent):
            self._hear("v1", headers(kind, identity, self.now_ms + off_ms), b"{}")

    @rule(identity=IDS, metadata=JSON)
    def request_with_headers(self, identity: str, metadata: object) -> None:
        told = headers(REQUEST, identity, self.now_ms, metadata=json.dumps({"X-User": metadata}))
        self._hear("v2", told, b"{}")
        self.asked["v2", identity] = self.asked.get(("v2", identity), 0) + 1

    @rule(kind=LATIN)
    def event_of_another_kind(self, kind: str) -> None:
        with pytest.raises(NotAnEvent):
            self._hear("v2", headers(kind, "r-1", self.now_ms), b"{}")

    @rule(seconds=st.integers(0, 90))
    def time_passes(self, seconds: int) -> None:
        self.now_ms += seconds * 1000
        self.payloads.overdue(now_ms=self.now_ms, clock_s=self.now_ms / 1000)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert self.payloads.counts()["remembered"] <= MOST

    @invariant()
    def what_is_published_makes_sense(self) -> None:
        for found in self.memory.published[self.seen :]:
            assert_sensible(found)
        self.seen = len(self.memory.published)

    @invariant()
    def nobody_is_published_who_did_not_ask(self) -> None:
        told: dict[tuple[Any, Any], int] = {}
        for found in self.memory.published:
            key = (found.answer.model_version, found.answer.request_id)
            told[key] = told.get(key, 0) + 1
        assert all(count <= self.asked.get(key, 0) for key, count in told.items())

    def _hear(self, version: str, told: dict[str, str], body: bytes) -> None:
        event = event_of(told.items(), body)
        self.payloads.hear(version, event, now_ms=self.now_ms, clock_s=self.now_ms / 1000)


Listening.TestCase.settings = settings(max_examples=50, stateful_step_count=30)
TestListening = pytest.mark.property(Listening.TestCase)
