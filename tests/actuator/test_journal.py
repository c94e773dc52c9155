"""What cannot be told must not keep an actuator from acting."""

from __future__ import annotations

from streams.actuator.facts import RoutingRecord
from streams.actuator.journal import KafkaJournal
from streams.errors import RegistryError
from streams.judge.facts import RoutingPhase
from streams.settings import Settings
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
