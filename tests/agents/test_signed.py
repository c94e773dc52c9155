"""What a judge writes carries its signature, also where it is written again after a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import Producer

from streams.agents.context import Context
from streams.agents.counts import CountWatch
from streams.agents.judge_records import JudgeRecords
from streams.agents.retention import Losses
from streams.demo.processes import Parts
from streams.settings import Settings
from streams.topics import create_topics
from streams.wire.codec import Codec
from streams.wire.keys import KeyPair, new_pair, read_private, read_public
from streams.wire.own import OwnRecords
from streams.wire.signatures import Signer, TrustedKeys
from streams.wire.sparing import Sparing
from streams.wire.store import LocalSchemaStore
from tests.agents.pipeline import Pipeline
from tests.agents.test_decisions import await_decision, begin
from tests.agents.test_flush import MemorySpecs, nothing_to_read


@pytest.fixture
def pair(tmp_path: Path) -> KeyPair:
    return new_pair(tmp_path / "keys")


@pytest.fixture
def signer(pair: KeyPair) -> Signer:
    return Signer(read_private(pair.private))


@pytest.fixture
def settings(tansu: str, prefix: str) -> Settings:
    made = Settings(bootstrap=tansu, prefix=prefix, source_partitions=1, rollout_partitions=1)
    create_topics(made)
    return made


def records_of(settings: Settings, signer: Signer | None) -> JudgeRecords:
    codec = Codec(LocalSchemaStore(), settings.prefix)
    context = Context(
        settings=settings,
        codec=codec,
        own=OwnRecords(codec, Sparing(print)),
        specs=cast("Any", MemorySpecs()),
        transactional=False,
        counts=CountWatch(settings),
        losses=Losses(),
        begin_offset=nothing_to_read,
        end_offset=nothing_to_read,
        signer=signer,
    )
    return JudgeRecords(context, 0)


STATE = {"r1": {"outbox": [b"\x00\x00\x00\x00\x09decided"]}}


class TestOutbox:
    """The embedded broker has no transactions: what was decided may not be on `decisions` yet."""

    async def test_the_same_record_again(self, settings: Settings, signer: Signer) -> None:
        """Value and signature are those of the first attempt."""
        records = records_of(settings, signer)
        first = records.decision("r1", STATE["r1"]["outbox"][0])
        (again,) = await records.missing(STATE)
        assert (again.topic, again.key, again.value) == (first.topic, first.key, first.value)
        assert again.headers[1:] == first.headers[1:]
        assert first.headers[1:] == signer.headers(first.topic, b"r1", first.value or b"")

    async def test_a_copy_by_somebody_else_is_none(
        self, settings: Settings, signer: Signer
    ) -> None:
        """Who reads the outbox could publish it unsigned: then it would be refused for ever."""
        records = records_of(settings, signer)
        signed = records.decision("r1", STATE["r1"]["outbox"][0])
        producer = Producer(settings.confluent())
        producer.produce(signed.topic, signed.value, b"r1", partition=0)
        assert producer.flush(20) == 0
        assert len(await records.missing(STATE)) == 1
        assert await records_of(settings, None).missing(STATE) == []
        producer.produce(
            signed.topic, signed.value, b"r1", partition=0, headers=list(signed.headers)
        )
        assert producer.flush(20) == 0
        assert await records.missing(STATE) == []


class TestWorker:
    @pytest.fixture
    def pipeline(self, kafka: str, prefix: str, parts: Parts) -> Pipeline:
        return Pipeline(kafka, prefix, parts)

    def test_decisions_and_leases(
        self, pipeline: Pipeline, pair: KeyPair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A worker told of its key signs all that an actuator acts on."""
        monkeypatch.setenv("DAVY_SIGNING__KEY", str(pair.private))
        worker, _, chunks = begin(pipeline)
        pipeline.publish(next(chunks))
        await_decision(pipeline, worker, seq=1)
        pipeline.eventually(lambda: bool(pipeline.raw("leases")), what="a lease", parts=[worker])
        trusted = TrustedKeys([read_public(pair.public)])
        for topic in ("decisions", "leases"):
            found = pipeline.raw(topic)
            doubts = [trusted.doubt(m.topic(), m.key(), m.value(), m.headers()) for m in found]
            assert doubts == [None] * len(found)
            assert found
        assert f"signed with key {pair.id}" in worker.log.read_text()
