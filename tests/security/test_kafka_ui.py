"""With the Kafka properties of the preset a Java client reads what role `page` may, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from confluent_kafka import Producer

from infra.docs import kafka_ui
from infra.rigs import java_reader
from infra.rigs.cache import Absent
from infra.rigs.secured import Secured
from streams import acls
from streams.access_settings import RegistrySettings
from streams.errors import PartError
from streams.settings import Settings
from streams.topics import create_topics
from streams.wire.codec import Codec
from streams.wire.registry import RegistrySchemaStore
from tests.conftest import Absence
from tests.docs.placeholders import filled
from tests.readers.seen import avro_json
from tests.wire.samples import RECORDS

pytestmark = pytest.mark.timeout(180)

SHOWN = ("rollouts", "commands", "panes", "decisions", "leases", "routing")
"""What role `page` reads, said once more."""
USER = "page"


@pytest.fixture
def settings(secured: Secured, registry: str, prefix: str) -> Settings:
    """Topics with records, and the rights of the role."""
    admin = Settings(
        bootstrap=secured.admin, prefix=prefix, source_partitions=1, rollout_partitions=1
    )
    create_topics(admin)
    acls.apply(acls.role(USER, admin), [f"User:{USER}"], admin)
    codec = Codec(RegistrySchemaStore(RegistrySettings(url=registry)), prefix)
    codec.register()
    producer = Producer(admin.confluent())
    for name in (*SHOWN, "predictions"):
        for record in RECORDS[name]:
            producer.produce(admin.topic(name), codec.encode(name, record), "r")
    assert producer.flush(30) == 0
    return admin


@pytest.fixture
def properties(secured: Secured, tmp_path: Path) -> Path:
    """The preset's client properties, with the environment that one gives it."""
    env = {
        "DAVY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "DAVY_KAFKA__SASL_USERNAME": USER,
        "DAVY_KAFKA__SASL_PASSWORD": secured.password(USER),
        "DAVY_KAFKA__SSL_CA_LOCATION": str(secured.authority),
    }
    text = filled(kafka_ui.FILE.read_text(encoding="utf-8"), env)
    (cluster,) = yaml.safe_load(text)["kafka"]["clusters"]
    file = tmp_path / "client.properties"
    file.write_text("".join(f"{k}={v}\n" for k, v in cluster["properties"].items()))
    return file


def test_the_page_sees_decisions_and_no_event(
    settings: Settings, secured: Secured, registry: str, properties: Path, absent: Absence
) -> None:
    """Every topic of the role through the registry; predictions are refused."""
    bootstrap = secured.bootstrap("scram")
    shown = [settings.topic(name) for name in SHOWN]
    try:
        found = java_reader.read(bootstrap, registry, shown, properties)
    except Absent as missing:
        absent("kafka", str(missing))
    for name in SHOWN:
        values = [one["value"] for one in found if one["topic"] == settings.topic(name)]
        assert values == [avro_json(name, record) for record in RECORDS[name]]
    with pytest.raises(PartError, match="TopicAuthorizationException: Not authorized"):
        java_reader.read(bootstrap, registry, [settings.topic("predictions")], properties)
