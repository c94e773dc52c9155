"""What is foreign is skipped and told once; what may be state is never passed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from streams.wire.codec import Codec
from streams.wire.own import NULLABLE, STATE, OwnRecords, Unreadable, foreign
from streams.wire.schemas import SUBJECTS
from streams.wire.sparing import Sparing
from streams.wire.store import LocalSchemaStore

CODEC = Codec(LocalSchemaStore())
STAMPS = (("epoch", b"3"), ("flush", b"12"))
UNKNOWN_SCHEMA = b"\x00\x00\x0f\x42\x3fbody"
LEASE = CODEC.encode(
    "leases",
    {"rollout": "r", "spec_hash": "", "pane": 1, "valid_ms": 1000, "state": "LIVE"},
)
TOPICS = ("cells", "judge-state", "panes", "rollouts", "commands", "routing", "leases", "decisions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    topic: str = "davy-t"
    partition: int = 2
    offset: int = 7
    key: bytes | None = b"r"
    value: bytes | None = UNKNOWN_SCHEMA
    headers: tuple[tuple[str, Any], ...] = STAMPS


def reader(said: list[str] | None = None) -> OwnRecords:
    return OwnRecords(CODEC, Sparing((said if said is not None else []).append))


class TestForeign:
    @pytest.mark.parametrize(
        ("value", "code"),
        [
            (b"", "empty"),
            (b"\x00", "truncated"),
            (b"\x00\x00\x00\x00", "truncated"),
            (b'{"a": 1}', "bad_magic"),
            (b"\xff" * 100_000, "bad_magic"),
        ],
    )
    @pytest.mark.parametrize("topic", TOPICS)
    def test_without_framing(self, topic: str, value: bytes, code: str) -> None:
        fault = foreign(topic, Record(value=value))
        assert fault is not None
        assert fault.code == code

    @pytest.mark.parametrize("topic", TOPICS)
    def test_deletions(self, topic: str) -> None:
        """Foreign where davy deletes nothing."""
        fault = foreign(topic, Record(value=None))
        assert (fault is None) == (topic in NULLABLE)

    @pytest.mark.parametrize("topic", TOPICS)
    def test_framed(self, topic: str) -> None:
        """Whatever is in it, another davy may have written it."""
        assert foreign(topic, Record()) is None

    @pytest.mark.parametrize(
        "headers", [(), STAMPS[:1], (("epoch", b"x"), STAMPS[1]), (("epoch", None), STAMPS[1])]
    )
    def test_stamps(self, headers: tuple[tuple[str, Any], ...]) -> None:
        """Davy stamps each record of `cells`, and no other's."""
        fault = foreign("cells", Record(headers=headers))
        assert fault is not None
        assert fault.code == "no_stamp"
        assert foreign("panes", Record(headers=headers)) is None

    def test_every_topic_is_known(self) -> None:
        assert set(TOPICS) <= set(SUBJECTS)


class TestRead:
    @pytest.mark.parametrize("topic", TOPICS)
    def test_what_may_be_davys_own(self, topic: str) -> None:
        """State stops, with all that a person needs; the rest is skipped and told."""
        said: list[str] = []
        if topic in STATE:
            with pytest.raises(Unreadable) as stop:
                reader(said).read(topic, Record())
            text = str(stop.value)
            assert "schema id 999999" in text
            assert stop.value.still()
        else:
            assert reader(said).read(topic, Record()) is None
            (text,) = said
        assert text.startswith("davy-t-2@7: ")
        assert "unknown_schema" in text
        assert "\n" not in text

    def test_told_once_however_often_it_is_read(self) -> None:
        """A state topic is read again with every new owner."""
        said: list[str] = []
        own = reader(said)
        for _ in range(3):
            for offset in (7, 8, 9):
                assert own.read("panes", Record(offset=offset, value=b"x")) is None
        assert own.skipped == {("davy-t", "bad_magic"): 3}
        assert len(said) == 1

    def test_what_cannot_be_used(self) -> None:
        """One line, whatever went wrong; RegistryErrors alone go through."""
        said: list[str] = []

        def make(_: dict[str, Any]) -> None:
            raise ValueError("two\nlines")

        assert reader(said).made("leases", Record(value=LEASE), make) is None
        assert said[0].startswith("davy-t-2@7: skipped, unusable: ValueError: two lines; ")
        assert reader().made("leases", Record(value=LEASE), lambda r: r["pane"]) == 1


class TestState:
    def test_deleted_by_hand(self) -> None:
        """A record without a value after it: what compaction would leave."""
        records = [Record(), Record(offset=8, value=None)]
        assert list(reader().state("judge-state", records)) == []
        assert list(reader().state("cells", records)) == [(records[1], None)]

    def test_of_nobody(self) -> None:
        """What concerns no rollout is skipped; else it stops after the others were given."""
        own = reader()
        assert list(own.state("judge-state", [Record()], lambda _: False)) == []
        assert own.skipped == {("davy-t", "nobodys"): 1}
        with pytest.raises(Unreadable):
            list(own.state("judge-state", [Record()], lambda record: record.key == b"r"))
