"""What cannot be told holds no actuator up; what is another's to tell, it does not tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from streams.actuator.facts import RoutingRecord
from streams.actuator.journal import KafkaJournal
from streams.actuator.meters import Meters
from streams.actuator.tenure import Tenure
from streams.cli.log import Log
from streams.demo.processes import wait_until
from streams.errors import RegistryError
from streams.judge.facts import RoutingPhase
from streams.settings import Settings
from streams.topics import create_topics
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore, SchemaStore
from tests.actuator.world import HandTenure

WAIT_S = 20.0


class SilentStore(LocalSchemaStore):
    """A store that does not answer a writer."""

    def id_of(self, subject: str, schema_json: str) -> int:
        raise RegistryError(f"{subject}: no answer for {len(schema_json)} bytes")


def record(rollout: str = "r", fence: int = 0, reason: str = "") -> RoutingRecord:
    phase = RoutingPhase.INTENT
    return RoutingRecord(
        rollout=rollout, phase=phase, fence=fence, at=1, since=1, router="memory", reason=reason
    )


@contextmanager
def journal(
    settings: Settings,
    tenure: Tenure,
    *,
    transactional: bool,
    partition: int = 0,
    store: SchemaStore | None = None,
) -> Iterator[KafkaJournal]:
    codec = Codec(store or LocalSchemaStore(), settings.prefix)
    opened = KafkaJournal(settings, codec, partition, tenure, Meters(), transactional=transactional)
    try:
        yield opened
    finally:
        opened.close()


def fences(settings: Settings) -> list[int]:
    """What readers of `routing` see."""
    return [entry.record["fence"] for entry in Log(settings).read("routing")]


class TestWrite:
    def test_a_silent_registry_delays_no_rollback(self, tansu: str, prefix: str) -> None:
        """The record is lost, and that is said; whoever lowers weights goes on."""
        settings = Settings(bootstrap=tansu, prefix=prefix)
        silent = journal(settings, HandTenure(), transactional=False, store=SilentStore())
        with silent as opened:
            assert opened.write(record(), wait_s=1.0) is None

    def test_records_lie_where_the_spec_lies(self, tansu: str, prefix: str) -> None:
        """Partitions may be added while a rollout lives; its judge stays where it is."""
        settings = Settings(bootstrap=tansu, prefix=prefix, rollout_partitions=8)
        create_topics(settings)
        for partition in range(8):
            tenure = HandTenure()
            with journal(settings, tenure, transactional=False, partition=partition) as opened:
                assert opened.write(record(f"r{partition}"), wait_s=WAIT_S) is not None
        found = {entry.key: entry.partition for entry in Log(settings).read("routing")}
        assert found == {f"r{partition}": partition for partition in range(8)}


@pytest.fixture
def settings(broker: Any, prefix: str) -> Settings:
    made = Settings(bootstrap=broker.bootstrap, prefix=prefix, group=f"{prefix}davy")
    create_topics(made)
    return made


@pytest.fixture
def begin(broker: Any, settings: Settings) -> Callable[[Tenure], Any]:
    """Another owner's journal of the same partition."""
    return lambda tenure: journal(settings, tenure, transactional=broker.transactional)


class TestTenure:
    def test_ended_writes_nothing(
        self, settings: Settings, begin: Callable[[HandTenure], Any]
    ) -> None:
        """Not even what was told before, while nothing was confirmed."""
        tenure = HandTenure()
        with begin(tenure) as opened:
            assert opened.write(record(fence=1), wait_s=WAIT_S) is not None
            tenure.held = False
            assert opened.write(record(fence=2), wait_s=0.1) is None
            tenure.ended = True
            assert opened.write(record(fence=3), wait_s=WAIT_S) is None
        assert fences(settings) == [1]

    def test_unconfirmed_waits(
        self, settings: Settings, begin: Callable[[HandTenure], Any]
    ) -> None:
        """In the order in which it was told, as soon as the group confirms."""
        tenure = HandTenure(held=False)
        with begin(tenure) as opened:
            assert opened.write(record(fence=1), wait_s=0.1) is None
            tenure.held = True
            assert opened.write(record(fence=2), wait_s=WAIT_S) is not None
            assert opened.stored_fence("r") == 2
        assert fences(settings) == [1, 2]


class TestFenced:
    """The group's word came late, or the zombie was stopped after its look at it."""

    @pytest.fixture
    def broker(self, kafka: str) -> Any:
        class Real:
            bootstrap, transactional = kafka, True

        return Real

    def test_whoever_begins_ends_the_former_owner(
        self, settings: Settings, begin: Callable[[HandTenure], Any]
    ) -> None:
        """At the broker: what it tells from then on nobody reads."""
        tenure = HandTenure()
        with begin(tenure) as zombie:
            assert zombie.write(record(fence=1), wait_s=WAIT_S) is not None
            with begin(HandTenure()) as successor:
                assert successor.write(record(fence=2), wait_s=WAIT_S) is not None
                tenure.last_s = 0.0  # nothing is confirmed any more, and what was still stands
                assert zombie.write(record(fence=1), wait_s=2.0) is None
                assert successor.write(record(fence=3), wait_s=WAIT_S) is not None
                tenure.ended = True
        assert fences(settings) == [1, 2, 3]

    def test_fenced_by_one_who_was_not_the_owner(
        self, settings: Settings, begin: Callable[[HandTenure], Any]
    ) -> None:
        """Whom the group confirms after that begins anew, and nothing is lost."""
        with begin(HandTenure()) as owner:
            assert owner.write(record(fence=1), wait_s=WAIT_S) is not None
            stranger = HandTenure()
            with begin(stranger) as late:
                wait_until(lambda: late.begun, what="its begin", deadline_s=WAIT_S)
                stranger.ended = True
            assert owner.write(record(fence=2), wait_s=WAIT_S) is not None
        assert fences(settings) == [1, 2]

    def test_too_large_a_record_holds_up_nobody(
        self, settings: Settings, begin: Callable[[HandTenure], Any]
    ) -> None:
        """It is lost, and those beside it are not."""
        with begin(HandTenure()) as opened:
            opened.write(record(fence=1), wait_s=0.0)
            opened.write(record(fence=2, reason="x" * 3_000_000), wait_s=0.0)
            assert opened.write(record(fence=3), wait_s=WAIT_S) is not None
        assert fences(settings) == [1, 3]
