"""`davy audit` on topics: what stands there is read with its bytes and headers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from confluent_kafka import Producer
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from streams.cli.main import run
from streams.replay.records import StoredRecord
from streams.settings import Settings
from streams.topics import create_topics
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.audit.records import JUDGE, Records, whole
from tests.replay.trails import SPEC


@pytest.fixture
def settings(tansu: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Topics, and the judge's public key where commands look for it."""
    pem = tmp_path / "judge.pub.pem"
    pem.write_bytes(JUDGE.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    monkeypatch.chdir(tmp_path)
    for name, value in (("BOOTSTRAP", tansu), ("PREFIX", prefix), ("SIGNING__TRUSTED", str(pem))):
        monkeypatch.setenv(f"DAVY_{name}", value)
    made = Settings(bootstrap=tansu, prefix=prefix, source_partitions=1)
    create_topics(made)
    return made


def publish(settings: Settings, records: Records) -> None:
    """What davy would have written, as it would have written it."""
    codec = Codec(LocalSchemaStore(), settings.prefix)
    producer = Producer(settings.confluent(partitioner="murmur2_random"))
    for topic, found in records.items():
        for told in found:
            value = told.sealed.value if told.sealed else codec.encode(topic, told.record)
            producer.produce(
                settings.topic(topic),
                value,
                SPEC.rollout.encode(),
                headers=_headers(told),
                timestamp=told.at_ms,
            )
    assert producer.flush(20) == 0


def _headers(told: StoredRecord) -> list[tuple[str, bytes]]:
    return list(told.sealed.headers) if told.sealed else []


def audit(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        run(["audit", *arguments])
    return int(end.value.code or 0)


class TestTopics:
    def test_whole(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        """No rollout named: all are audited. The time line, and no such rollout."""
        records = whole(settings.topic("decisions"))
        publish(settings, records)
        count = len(records["decisions"])
        code = audit("verify")
        assert (code, capsys.readouterr().out) == (0, f"{SPEC.rollout}: {count} decisions, whole\n")
        assert audit("log", SPEC.rollout) == 0
        lines = capsys.readouterr().out.splitlines()
        assert sum(bool(re.search(r" judge +#\d", line)) for line in lines) == count
        assert audit("verify", "nobody") == 2
        assert "there is nothing of rollout `nobody`" in capsys.readouterr().err

    def test_gaps(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        """One missing, another taken from a deployment with the same key: exit code 1, by name."""
        records = whole(settings.topic("decisions"))
        elsewhere = whole("other-decisions")["decisions"]
        records["decisions"] = [
            *records["decisions"][:1],
            *elsewhere[2:3],
            *records["decisions"][3:],
        ]
        publish(settings, records)
        assert audit("verify", SPEC.rollout, "--json") == 1
        (told,) = json.loads(capsys.readouterr().out).values()
        assert {finding["gap"] for finding in told["findings"]} >= {"dropped", "bad_signature"}
