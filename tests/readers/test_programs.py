"""The two readers as programs: what they print, and what they say of a topic that is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Producer

from infra.rigs import java_reader
from infra.rigs.cache import Absent
from streams.access_settings import RegistrySettings
from streams.errors import PartError
from streams.settings import Settings
from streams.topics import create_topics
from streams.wire.codec import Codec
from streams.wire.registry import RegistrySchemaStore
from tests.conftest import Absence
from tests.wire.samples import RECORDS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def leases(kafka: str, registry: str, prefix: str) -> str:
    """Full name of a topic with one lease, and one value that is none."""
    settings = Settings(bootstrap=kafka, prefix=prefix, source_partitions=1, rollout_partitions=1)
    create_topics(settings)
    codec = Codec(RegistrySchemaStore(RegistrySettings(url=registry)), prefix)
    codec.register()
    (lease,) = RECORDS["leases"]
    producer = Producer(settings.confluent())
    for value in (codec.encode("leases", lease), b"nonsense"):
        producer.produce(settings.topic("leases"), value, "r")
    assert producer.flush(30) == 0
    return settings.topic("leases")


def test_read_py(leases: str, kafka: str, registry: str) -> None:
    """A line a record: dates in words, nonsense in base 64."""
    command = [sys.executable, ROOT / "infra" / "readers" / "read.py"]
    done = subprocess.run(
        [*command, "--bootstrap", kafka, "--registry", registry, leases],
        capture_output=True,
        text=True,
        check=True,
    )
    good, bad = map(json.loads, done.stdout.splitlines())
    assert (good["key"], good["value"]["rollout"], good["value"]["state"]) == ("r", "r", "LIVE")
    assert good["value"]["at"] == "2026-09-21T14:13:20+00:00"
    assert bad["value"] == "bm9uc2Vuc2U="


def test_avro_reader_java(leases: str, kafka: str, registry: str, absent: Absence) -> None:
    """A value that is none is told as it came; a topic that is not there is named."""
    try:
        good, bad = java_reader.read(kafka, registry, [leases])
    except Absent as missing:
        absent("kafka", str(missing))
    assert good["value"]["state"] == "LIVE"
    assert bad["value"] == "nonsense"
    with pytest.raises(PartError, match="no topic nothing-here; names carry their prefix"):
        java_reader.read(kafka, registry, ["nothing-here"])
