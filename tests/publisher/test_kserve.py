"""The bridge for KServe's payload logger: what is published of what it is told."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from streams.errors import SettingsError
from streams.publisher import Publisher, Status
from streams.publisher.kserve import MAX_BODY, Bridge
from streams.publisher.payloads import JITTER_MS, SKEW_MS, Rules
from tests.publisher.arrivals import Read
from tests.publisher.logged import (
    IMAGE,
    NOW_MS,
    REQUEST,
    RESPONSE,
    SEVEN,
    Clock,
    ask,
    headers,
    tell,
)
from tests.publisher.service import Memory


class Told:
    """A bridge with a memory for what it publishes, and clocks that stand still."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.memory, self.clock = Memory(), Clock()
        self.bridge = Bridge(
            self.memory, rules, wall_ms=self.clock.wall_ms, clock_s=self.clock.clock_s
        )

    async def exchange(self, identity: str = "r-1", took_ms: float = 12.5, **more: str) -> None:
        """A request and its answer."""
        assert await tell(self.bridge, headers(REQUEST, identity, **more), IMAGE) == 200
        answered = headers(RESPONSE, identity, NOW_MS + took_ms, **more)
        assert await tell(self.bridge, answered, SEVEN) == 200

    async def counts(self) -> dict[str, int]:
        """What the bridge says became of events, without what did not happen."""
        code, text = await ask(self.bridge, "GET", "/")
        assert code == 200
        return {name: count for name, count in json.loads(text).items() if count}


@pytest.fixture
def told() -> Told:
    return Told()


class TestExchange:
    async def test_two_events_are_a_prediction(self, told: Told) -> None:
        """Version of the URL, times of the events, class of the body."""
        await told.exchange()
        (found,) = told.memory.published
        assert (found.answer.request_id, found.answer.model_version) == ("r-1", "v2")
        assert (found.answer.predicted_class, found.status) == ("7", Status.OK)
        assert (found.latency_ms, found.completed_at_ms) == (12.5, NOW_MS + 12)
        assert await told.counts() == {"published": 1, "remembered": 1}

    async def test_the_response_may_come_first(self, told: Told) -> None:
        """The logger's threads send side by side; a stamp may be a little too early."""
        await tell(told.bridge, headers(RESPONSE, "r-1", NOW_MS - JITTER_MS), SEVEN)
        await tell(told.bridge, headers(REQUEST, "r-1"), IMAGE)
        assert [found.latency_ms for found in told.memory.published] == [0.0]

    async def test_a_response_long_before_its_request_is_nonsense(self, told: Told) -> None:
        """Then its time is not known, and nothing is published."""
        await tell(told.bridge, headers(RESPONSE, "r-1", NOW_MS - JITTER_MS - 1), SEVEN)
        await tell(told.bridge, headers(REQUEST, "r-1"), IMAGE)
        assert told.memory.published == []
        assert await told.counts() == {"refused": 1, "remembered": 1}

    async def test_events_that_are_sent_again(self, told: Told) -> None:
        """Count once, and are no request that nobody answers."""
        await told.exchange()
        await told.exchange()
        told.clock.pass_s(61)
        assert await told.counts() == {"published": 1, "repeated": 2}

    async def test_an_answer_that_cannot_be_read_is_an_answer(self, told: Told) -> None:
        """Bytes of tensors, or too many of them: no class, and no failure."""
        for number, body in enumerate((b"\x00\x01", b"[" * (MAX_BODY + 1))):
            identity = str(number)
            await tell(told.bridge, headers(REQUEST, identity), IMAGE)
            code, _ = await ask(told.bridge, "POST", "/v2", headers(RESPONSE, identity), body)
            assert code == 200
        assert [found.status for found in told.memory.published] == [Status.OK, Status.OK]
        assert await told.counts() == {"published": 2, "unread": 2, "remembered": 2}

    async def test_two_versions_side_by_side(self, told: Told) -> None:
        """The same id at both arms: a copy of the request."""
        for version in ("/v1", "/v2"):
            await tell(told.bridge, headers(REQUEST, "r-1"), IMAGE, version)
        for version in ("/v2", "/v1"):
            await tell(told.bridge, headers(RESPONSE, "r-1"), SEVEN, version)
        versions = [found.answer.model_version for found in told.memory.published]
        assert versions == ["v2", "v1"]


class TestNoAnswer:
    async def test_it_timed_out(self, told: Told) -> None:
        """KServe tells no answer but 200; the request is over when it is given up."""
        await tell(told.bridge, headers(REQUEST, "r-1"), IMAGE)
        told.clock.pass_s(59)
        assert await told.counts() == {"remembered": 1}
        told.clock.pass_s(1)
        assert await told.counts() == {"unanswered": 1}
        (found,) = told.memory.published
        assert (found.status, found.latency_ms) == (Status.TIMEOUT, 60_000)
        assert found.completed_at_ms == NOW_MS + 60_000

    async def test_an_answer_without_its_request(self, told: Told) -> None:
        """Nobody knows how long it took, so nothing is published."""
        await tell(told.bridge, headers(RESPONSE, "r-1"), SEVEN)
        told.clock.pass_s(60)
        assert await told.counts() == {"unasked": 1}
        assert told.memory.published == []

    async def test_no_more_requests_than_may(self) -> None:
        """A flood costs bounded memory, and is told."""
        told = Told(Rules(most_waiting=2))
        for number in range(5):
            assert await tell(told.bridge, headers(REQUEST, str(number)), IMAGE) == 200
        assert await told.counts() == {"full": 3, "remembered": 2}


class TestWho:
    async def test_headers_become_segments_and_unit(self) -> None:
        """Those that the logger passes on; one that stands there twice says nothing."""
        segments = {"country": "X-Country", "tier": "X-Tier"}
        told = Told(Rules(segments=segments, unit_header="X-User"))
        passed = {
            "X-Country": ["SG"],
            "X-Tier": ["free", "paid"],
            "X-User": ["ada"],
            "X-Davy-Targeted": ["yes"],
            "X-Other": ["1"],
        }
        await told.exchange(metadata=json.dumps(passed))
        (found,) = told.memory.published
        assert found.answer.segments == {"country": "SG", "targeted": "yes"}
        assert found.answer.unit == "ada"

    @pytest.mark.parametrize("metadata", ["", "{", "[]", '{"X-Country": "SG"}', '{"": ["SG"]}'])
    async def test_metadata_that_is_none(self, metadata: str) -> None:
        """Costs the segments and no more."""
        told = Told(Rules(segments={"country": "X-Country"}))
        await told.exchange(metadata=metadata)
        (found,) = told.memory.published
        assert (found.answer.segments, found.answer.unit) == ({}, None)

    async def test_one_component_counts(self, told: Told) -> None:
        """Of a transformer and its predictor, which share a request's id."""
        await told.exchange(component="transformer")
        assert await told.counts() == {"other_component": 2}
        await told.exchange()
        assert (await told.counts())["published"] == 1


class TestNonsense:
    @pytest.mark.parametrize(
        ("changed", "path", "says"),
        [
            ({"ce-type": "org.example.other"}, "/v2", "type must be one of"),
            ({"ce-id": ""}, "/v2", "id must be"),
            ({}, "/", "the url must end with the model's version"),
            ({}, "/a/b", "the url must end with the model's version"),
            ({"ce-time": "2020-01-01T00:00:00Z"}, "/v2", "set both clocks"),
        ],
    )
    async def test_it_is_refused_in_words(
        self, told: Told, changed: dict[str, str], path: str, says: str
    ) -> None:
        """The logger's log shows the answer; nothing is published, now or later."""
        code, text = await ask(told.bridge, "POST", path, headers(REQUEST, "r-1") | changed, b"{}")
        assert code == 400
        assert says in text
        told.clock.pass_s(61)
        assert await told.counts() == {"refused": 1}
        assert told.memory.published == []

    async def test_a_clock_that_is_a_little_off(self, told: Told) -> None:
        """Is no reason to refuse."""
        event = headers(REQUEST, "r-1", NOW_MS - SKEW_MS)
        assert await tell(told.bridge, event, IMAGE) == 200

    async def test_only_events_are_sent(self, told: Told) -> None:
        """Other methods have no meaning here."""
        assert (await ask(told.bridge, "DELETE", "/v2"))[0] == 405

    async def test_a_sender_that_goes_away(self, told: Told) -> None:
        """Half an event is none."""
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v2", "headers": []}
        await told.bridge(scope, receive, send)
        assert await told.counts() == {"refused": 1}

    async def test_a_sender_that_hangs(self, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
        """Is not waited for."""
        monkeypatch.setattr("streams.publisher.kserve.READ_S", 0.01)

        async def receive() -> dict[str, Any]:
            return await asyncio.get_running_loop().create_future()

        async def send(message: Any) -> None:
            pass

        scope = {"type": "http", "method": "POST", "path": "/v2", "headers": []}
        await told.bridge(scope, receive, send)
        assert await told.counts() == {"refused": 1}

    @pytest.mark.parametrize("rule", ["answer_within_s", "most_waiting"])
    def test_rules_that_cannot_work(self, rule: str) -> None:
        """Are refused where they are written."""
        with pytest.raises(SettingsError, match=f"{rule}: must be above 0"):
            Rules(**{rule: 0})


class TestLife:
    async def test_it_connects_ticks_and_delivers(
        self, told: Told, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Overdue requests are published though no event comes any more."""
        monkeypatch.setattr("streams.publisher.kserve.TICK_S", 0.01)
        await tell(told.bridge, headers(REQUEST, "r-1"), IMAGE)
        told.clock.pass_s(60)
        steps: Iterator[str] = iter(["lifespan.startup", "lifespan.shutdown"])
        said: list[str] = []

        async def receive() -> dict[str, Any]:
            step = next(steps)
            if step == "lifespan.shutdown":
                await asyncio.wait_for(told.memory.heard.wait(), 10)
            return {"type": step}

        async def send(message: Any) -> None:
            said.append(message["type"])

        await told.bridge({"type": "lifespan"}, receive, send)
        assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert (told.memory.started, told.memory.flushed) == (1, [5.0])
        assert [found.status for found in told.memory.published] == [Status.TIMEOUT]


class TestAllTheWay:
    async def test_from_events_to_log(self, publisher: Publisher, read: Read) -> None:
        """The prediction lies in the log under the URL's version."""
        bridge = Bridge(publisher)
        await tell(bridge, headers(REQUEST, "r-1", None), IMAGE, "/v7")
        await tell(bridge, headers(RESPONSE, "r-1", None), SEVEN, "/v7")
        (arrived,) = read("predictions", 1)
        assert arrived.key == "r-1"
        assert arrived.record["model_version"] == "v7"
        assert arrived.record["predicted_class"] == "7"
        assert arrived.record["status"] == "OK"
