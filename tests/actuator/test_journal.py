"""What cannot be told must not keep an actuator from acting."""

from __future__ import annotations

from streams.actuator.facts import RoutingRecord
from streams.actuator.journal import KafkaJournal
from streams.cli.log import Log
from streams.errors import RegistryError
from streams.judge.facts import RoutingPhase
from streams.settings import Settings
from streams.topics import create_topics
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore


class SilentStore(LocalSchemaStore):
    """A store that does not answer a writer."""

    def id_of(self, subject: str, schema_json: str) -> int:
        raise RegistryError(f"{subject}: no answer for {len(schema_json)} bytes")


class TestWrite:
    def test_a_silent_registry_delays_no_rollback(self, tansu: str, prefix: str) -> None:
        """The record is lost, and that is said; whoever lowers weights goes on."""
        settings = Settings(bootstrap=tansu, prefix=prefix)
        journal = KafkaJournal(settings, Codec(SilentStore(), prefix), idempotent=False)
        record = RoutingRecord(
            rollout="r", phase=RoutingPhase.INTENT, at=1, since=1, router="memory"
        )
        try:
            assert journal.write(record, wait_s=1.0) is None
        finally:
            journal.close()

    def test_records_lie_where_the_spec_lies(self, tansu: str, prefix: str) -> None:
        """Partitions may be added while a rollout lives; its judge stays where it is."""
        settings = Settings(bootstrap=tansu, prefix=prefix, rollout_partitions=8)
        create_topics(settings)
        journal = KafkaJournal(settings, Codec(LocalSchemaStore(), prefix), idempotent=False)
        try:
            for partition in range(8):
                rollout = f"r{partition}"
                journal.settle(rollout, partition)
                record = RoutingRecord(
                    rollout=rollout, phase=RoutingPhase.INTENT, at=1, since=1, router="memory"
                )
                assert journal.write(record, wait_s=10.0) is not None
        finally:
            journal.close()
        found = {entry.key: entry.partition for entry in Log(settings).read("routing")}
        assert found == {f"r{partition}": partition for partition in range(8)}
