"""CloudEvents in HTTP requests: what is taken, and why the rest is none."""

import base64
import json
from typing import Any

import pytest

from streams.publisher.cloudevents import NotAnEvent, event_of
from tests.publisher.logged import NOW_MS, REQUEST, headers

WHOLE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "r-1",
    "type": REQUEST,
    "source": "/",
    "time": "2026-09-21T14:13:20Z",
    "component": "predictor",
}
MODE = [("content-type", "application/cloudevents+json; charset=utf-8")]


def structured(**more: object) -> bytes:
    told = {name: value for name, value in (WHOLE | more).items() if value is not None}
    return json.dumps(told).encode()


class TestBinary:
    def test_headers_are_attributes_and_the_body_is_data(self) -> None:
        """As KServe sends it, with Go's nanoseconds; percent-encoding is undone."""
        passed = "%7B%22X%22%3A%5B%22S%C3%A3o%22%5D%7D"
        told = headers(REQUEST, "r-1", NOW_MS + 0.25, metadata=passed)
        event = event_of(told.items(), b"{}")
        assert (event.event_id, event.kind, event.data) == ("r-1", REQUEST, b"{}")
        assert event.time_ms == NOW_MS + 0.25
        assert event.attributes["component"] == "predictor"
        assert event.attributes["metadata"] == '{"X":["S\u00e3o"]}'

    def test_a_time_is_not_needed(self) -> None:
        """Whoever hears it knows when."""
        assert event_of(headers(REQUEST, "r-1", None).items(), b"").time_ms is None

    @pytest.mark.parametrize(
        ("name", "value", "told"),
        [
            ("ce-specversion", "0.3", "specversion"),
            ("ce-id", "", "id must be"),
            ("ce-id", "two words", "id must be"),
            ("ce-id", "x" * 257, "id must be"),
            ("ce-type", "", "type must be"),
            ("ce-source", "", "source"),
            ("ce-time", "yesterday", "time"),
            ("ce-time", "2026-09-21T14:13:20", "time"),
            ("ce-time", "2026-09-21", "time"),
            ("ce-metadata", "%FF", "ce-metadata"),
            ("content-type", "application/cloudevents-batch+json", "one by one"),
        ],
    )
    def test_nonsense_is_named(self, name: str, value: str, told: str) -> None:
        """The sender reads what is wrong."""
        with pytest.raises(NotAnEvent, match=told):
            event_of((headers(REQUEST, "r-1") | {name: value}).items(), b"{}")

    def test_an_id_stands_there_once(self) -> None:
        """Two ids are no id."""
        told = [*headers(REQUEST, "r-1").items(), ("ce-id", "r-2")]
        with pytest.raises(NotAnEvent, match="twice"):
            event_of(told, b"{}")

    def test_other_requests_are_none(self) -> None:
        """Nobody who merely finds the port is published."""
        with pytest.raises(NotAnEvent):
            event_of([("content-type", "application/json"), ("user-agent", "curl")], b"{}")


class TestStructured:
    @pytest.mark.parametrize(
        "data",
        [
            {"data": {"predictions": [7]}},
            {"data_base64": base64.b64encode(b'{"predictions": [7]}').decode()},
        ],
        ids=["json", "base64"],
    )
    def test_the_body_is_all_of_it(self, data: dict[str, object]) -> None:
        """As brokers pass events on."""
        event = event_of(MODE, structured(**data))
        assert (event.event_id, event.kind) == ("r-1", REQUEST)
        assert event.time_ms == NOW_MS
        assert event.attributes["component"] == "predictor"
        assert event.data is not None
        assert json.loads(event.data) == {"predictions": [7]}

    @pytest.mark.parametrize(
        "body",
        [
            None,
            b"",
            b"[]",
            b"[" * 100_000,
            structured(id=None),
            structured(id=7),
            structured(type=[]),
            structured(time=1),
            structured(data_base64="***"),
            structured(data_base64=["x"]),
        ],
        ids=range(10),
    )
    def test_nonsense_is_refused(self, body: bytes | None) -> None:
        """And nothing else is raised."""
        with pytest.raises(NotAnEvent):
            event_of(MODE, body)
