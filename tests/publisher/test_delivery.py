"""What a publisher publishes is in the log: decodable, keyed, in Java's partition, once each."""

import time

import pytest

from streams.publisher import Publisher
from streams.publisher.users import UserHash
from streams.settings import Settings
from streams.wire.schemas import schema_text
from streams.wire.store import LocalSchemaStore
from tests.publisher.arrivals import Read
from tests.publisher.murmur2 import murmur2, partition


def test_records_leave_as_seldom_as_is_asked(topics: Settings) -> None:
    """Whoever sends little at a time wants fewer, larger batches.

    A late wake of the flush may shorten one wait, not all of them.
    """
    where = {"bootstrap": topics.bootstrap, "prefix": topics.prefix, "tick_ms": 900.0}
    with Publisher(service="digits", model_version="v2", **where) as publisher:
        publisher.prediction(request_id="first", latency_ms=1)
        assert publisher.flush()
        assert max(_delivered_in_s(publisher, number) for number in (2, 3, 4)) > 0.6


def _delivered_in_s(publisher: Publisher, number: int) -> float:
    """Seconds until one more record is delivered, the so manieth."""
    began = time.monotonic()
    publisher.prediction(request_id=number, latency_ms=1)
    while publisher.counters().delivered < number:
        time.sleep(0.01)
    return time.monotonic() - began


class TestPrediction:
    def test_every_field_arrives(self, publisher: Publisher, read: Read) -> None:
        """All that a caller can say is in the record, and nothing else."""
        before = time.time_ns() // 1_000_000
        publisher.prediction(
            request_id="r1",
            latency_ms=12.5,
            status="timeout",
            predicted_class=7,
            score=0.9,
            confidence=0.25,
            unit="user-1",
            segments={"country": "SG", "tier": 1},
            llm={"ttft_ms": 80, "tokens_out": 12, "refused": False},
            completed_at_ms=before,
        )
        assert publisher.flush()
        (arrived,) = read("predictions", 1)
        hashed = UserHash(None)("user-1")
        assert arrived.key == hashed
        llm = arrived.record.pop("llm")
        assert {k: v for k, v in llm.items() if v is not None} == {
            "ttft_ms": 80.0,
            "tokens_out": 12,
            "refused": False,
        }
        assert arrived.record.pop("completed_at").timestamp() * 1000 == pytest.approx(before)
        assert arrived.record == {
            "request_id": "r1",
            "unit": hashed,
            "service": "digits",
            "model_version": "v2",
            "latency_ms": 12.5,
            "status": "TIMEOUT",
            "predicted_class": "7",
            "score": 0.9,
            "confidence": 0.25,
            "segments": {"country": "SG", "tier": "1"},
        }

    def test_the_shipped_schema_id(self, publisher: Publisher, read: Read) -> None:
        """Without a registry the id is that of `schemas/ids.json`."""
        publisher.prediction(request_id="r1", latency_ms=1)
        expected = LocalSchemaStore().id_of("predictions-value", schema_text("prediction"))
        assert [a.schema_id for a in read("predictions", 1)] == [expected]

    def test_what_utf8_cannot_say(self, publisher: Publisher, read: Read) -> None:
        """A lone surrogate becomes a question mark; the record is not lost."""
        publisher.prediction(request_id="r\ud800", latency_ms=1, segments={"a\udfff": "b"})
        assert publisher.flush()
        (arrived,) = read("predictions", 1)
        assert (arrived.key, arrived.record["segments"]) == ("r?", {"a?": "b"})
        assert publisher.counters().repaired == {"bad_text": 1}

    def test_a_timed_request(self, publisher: Publisher, read: Read) -> None:
        """`request` publishes what the block says, and an exception as a failure."""
        with publisher.request("good") as answer:
            answer.predicted_class = "7"
        with pytest.raises(TimeoutError), publisher.request("late"):
            raise TimeoutError
        with pytest.raises(ZeroDivisionError), publisher.request("bad"):
            raise ZeroDivisionError
        found = {a.key: a.record for a in read("predictions", 3)}
        assert {key: record["status"] for key, record in found.items()} == {
            "good": "OK",
            "late": "TIMEOUT",
            "bad": "ERROR",
        }
        assert found["good"]["predicted_class"] == "7"


class TestOutcome:
    def test_labels_and_values(self, publisher: Publisher, read: Read) -> None:
        """Both kinds arrive, with one id per request and metric."""
        publisher.outcome(request_id="r1", label=3)
        publisher.outcome(request_id="r1", metric="revenue", value=9.5, unit="u")
        found = sorted(read("outcomes", 2), key=lambda a: a.record["metric"])
        assert [
            (a.key, a.record["outcome_id"], a.record["label"], a.record["value"]) for a in found
        ] == [
            ("r1", "r1:label", "3", None),
            (UserHash(None)("u"), "r1:revenue", None, 9.5),
        ]


class TestPartitions:
    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            ("21", -973932308),
            ("foobar", -790332482),
            ("a-little-bit-long-string", -985981536),
            ("a-little-bit-longer-string", -1486304829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
            ("abc", 479470107),
        ],
    )
    def test_the_reference_is_javas(self, key: str, expected: int) -> None:
        """Kafka's own test vectors (`UtilsTest.testMurmur2`)."""
        assert murmur2(key.encode()) == expected & 0xFFFFFFFF

    def test_every_key_lies_where_java_puts_it(self, publisher: Publisher, read: Read) -> None:
        """Ids of requests and hashes of users, whoever wrote them and on which topic."""
        requests = [f"kéy-{index}" * (index % 4 + 1) for index in range(400)]
        users = {f"user-{index}": UserHash(None)(f"user-{index}") for index in range(400)}
        for request, user in zip(requests, users, strict=True):
            publisher.prediction(request_id=request, latency_ms=1)
            publisher.prediction(request_id=f"of {user}", unit=user, latency_ms=1)
            publisher.outcome(request_id=request, unit=user, label="x")
        for topic, keys in {
            "predictions": [*requests, *users.values()],
            "outcomes": [*users.values()],
        }.items():
            arrived = read(topic, len(keys))
            assert sorted(a.key for a in arrived) == sorted(keys)
            assert {a.key: a.partition for a in arrived} == {
                key: partition(key.encode(), 4) for key in keys
            }


class TestVolume:
    def test_nothing_is_lost_or_doubled(self, publisher: Publisher, read: Read) -> None:
        """A burst of 20000 records: all taken, all delivered, each once."""
        for index in range(20_000):
            assert publisher.prediction(request_id=index, latency_ms=1.0)
        assert publisher.flush(20)
        counters = publisher.counters()
        assert (counters.taken, counters.delivered, counters.lost) == (20_000, 20_000, 0)
        keys = [a.key for a in read("predictions", 20_000)]
        assert sorted(keys, key=int) == [str(index) for index in range(20_000)]

    def test_the_end_of_a_block_delivers(self, topics: Settings, read: Read) -> None:
        """A process that publishes once and leaves at once loses nothing."""
        with Publisher(
            bootstrap=topics.bootstrap, service="s", model_version="v", prefix=topics.prefix
        ) as short:
            short.prediction(request_id="only", latency_ms=1)
        assert (short.counters().delivered, short.counters().lost) == (1, 0)
        assert [a.key for a in read("predictions", 1)] == ["only"]
        assert not short.prediction(request_id="late", latency_ms=1)
        assert short.counters().dropped == {"closed": 1}
