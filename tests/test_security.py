"""Does one spelling of security let both Kafka clients in? On a real broker with TLS and SCRAM."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from infra.rigs import kafka as kafka_rig
from infra.rigs.cache import Absent
from streams import topics
from streams.demo.processes import HOST, Part, free_ports
from streams.errors import LogError
from streams.settings import Settings
from streams.topics import check_topics, create_topics

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]

LISTENERS = r"""
listeners=PLAINTEXT://{host}:{plain},SASL_SSL://{host}:{scram},SSL://{host}:{tls},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{plain},SASL_SSL://{host}:{scram},SSL://{host}:{tls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
    org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={broker}
ssl.truststore.type=PEM
ssl.truststore.location={certificate}
listener.name.ssl.ssl.client.auth=required
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    scram: str
    tls: str
    certificate: Path
    key: Path

    def scram_settings(self, password: str) -> Settings:
        return Settings(
            bootstrap=self.scram,
            prefix="scram-",
            kafka={
                "log_level": "0",
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "davy",
                "sasl.password": password,
                "ssl.ca.location": str(self.certificate),
            },
        )

    def tls_settings(self) -> Settings:
        return Settings(
            bootstrap=self.tls,
            prefix="tls-",
            kafka={
                "security.protocol": "SSL",
                "ssl.ca.location": str(self.certificate),
                "ssl.certificate.location": str(self.certificate),
                "ssl.key.location": str(self.key),
            },
        )


@pytest.fixture(scope="module")
def secured(tmp_path_factory, absent):
    folder = tmp_path_factory.mktemp("secured")
    key, certificate = _certificate(folder)
    broker = folder / "broker.pem"
    broker.write_text(key.read_text() + certificate.read_text())
    plain, scram, tls, controller = free_ports(4)
    try:
        command = kafka_rig.prepare(folder, port=plain, controller_port=controller)
    except Absent as reason:
        absent("kafka", str(reason))
    ports = {"plain": plain, "scram": scram, "tls": tls, "controller": controller}
    with (folder / "server.properties").open("a") as properties:
        properties.write(
            LISTENERS.format(host=HOST, broker=broker, certificate=certificate, **ports)
        )
    with Part("kafka", command, log=folder / "kafka.log") as part:
        for port in (plain, scram, tls):
            part.wait_for_port(port, deadline_s=60)
        _add_user(f"{HOST}:{plain}")
        yield Secured(
            scram=f"{HOST}:{scram}", tls=f"{HOST}:{tls}", certificate=certificate, key=key
        )


def _certificate(folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=davy", "-addext", f"subjectAltName=IP:{HOST}"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    return key, certificate


def _add_user(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    secret = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    user = UserScramCredentialUpsertion("davy", secret, b"right")
    for answer in admin.alter_user_scram_credentials([user]).values():
        answer.result(20)


async def _there_and_back(settings: Settings) -> bytes:
    """One record through aiokafka, written and read."""
    topic, security = settings.topic("predictions"), settings.aiokafka()
    producer = AIOKafkaProducer(**security)
    try:
        await producer.start()
        await producer.send_and_wait(topic, b"hello")
    finally:
        await producer.stop()
    async with AIOKafkaConsumer(topic, auto_offset_reset="earliest", **security) as consumer:
        return (await consumer.getone()).value


class TestBothClientsGetIn:
    async def test_with_scram_over_tls(self, secured):
        settings = secured.scram_settings("right")
        create_topics(settings)
        assert await _there_and_back(settings) == b"hello"

    async def test_with_a_client_certificate(self, secured):
        settings = secured.tls_settings()
        create_topics(settings)
        assert await _there_and_back(settings) == b"hello"


class TestNobodyElseGetsIn:
    async def test_with_a_wrong_password(self, secured, monkeypatch):
        monkeypatch.setattr(topics, "ANSWER_S", 3.0)
        settings = secured.scram_settings("wrong")
        with pytest.raises(LogError, match="security settings"):
            check_topics(settings)
        with pytest.raises(KafkaConnectionError):
            await _there_and_back(settings)

    def test_without_a_client_certificate(self, secured, monkeypatch):
        monkeypatch.setattr(topics, "ANSWER_S", 3.0)
        kafka = {"log_level": "0", "security.protocol": "SSL"}
        bare = Settings(
            bootstrap=secured.tls, kafka={**kafka, "ssl.ca.location": str(secured.certificate)}
        )
        with pytest.raises(LogError, match="security settings"):
            check_topics(bare)
