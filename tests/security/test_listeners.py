"""Does one spelling of security let both Kafka clients in? On a real broker with TLS and SCRAM."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from infra.rigs.secured import WAYS, Secured
from streams import acls, topics
from streams.errors import LogError
from streams.settings import Settings
from streams.topics import check_topics, create_topics
from tests.security.conftest import OWNER

ROOT = Path(__file__).parents[2]
TALK = """
import asyncio
from aiokafka import AIOKafkaProducer
from streams.cli.common import log_to_stderr
from streams.settings import load_settings

async def talk():
    producer = AIOKafkaProducer(**load_settings().aiokafka())
    await producer.start()
    await producer.stop()

log_to_stderr("DEBUG")
asyncio.run(talk())
"""


def settings_of(secured: Secured, way: str, **kafka: str) -> Settings:
    return Settings(
        bootstrap=secured.bootstrap(way),
        prefix=f"{way}-",
        kafka=secured.properties(way, OWNER) | {"log_level": "0"} | kafka,
    )


@pytest.fixture
def owned(secured: Secured) -> None:
    """The user of these tests may do all that a worker and an operator may."""
    for way in WAYS:
        admin = Settings(bootstrap=secured.admin, prefix=f"{way}-")
        for role in ("worker", "operator", "publisher"):
            acls.apply(acls.role(role, admin), [f"User:{OWNER}"], admin)


async def _there_and_back(settings: Settings) -> bytes:
    """One record through aiokafka, written and read."""
    topic, security = settings.topic("decisions"), settings.aiokafka()
    producer = AIOKafkaProducer(**security)
    try:
        await producer.start()
        await producer.send_and_wait(topic, b"hello")
    finally:
        await producer.stop()
    async with AIOKafkaConsumer(topic, auto_offset_reset="earliest", **security) as consumer:
        return (await consumer.getone()).value


class TestBothClientsGetIn:
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.usefixtures("owned")
    async def test_in_both_ways(self, secured: Secured, way: str) -> None:
        """librdkafka creates the topics, aiokafka writes and reads."""
        settings = settings_of(secured, way)
        create_topics(settings)
        assert await _there_and_back(settings) == b"hello"


class TestNobodyElseGetsIn:
    async def test_with_a_wrong_password(
        self, secured: Secured, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(topics, "ANSWER_S", 3.0)
        settings = settings_of(secured, "scram", **{"sasl.password": "hush-wrong"})
        with pytest.raises(LogError, match="security settings") as refused:
            check_topics(settings)
        assert "hush" not in str(refused.value)
        with pytest.raises(KafkaConnectionError):
            await _there_and_back(settings)

    def test_without_a_client_certificate(
        self, secured: Secured, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(topics, "ANSWER_S", 3.0)
        bare = {"log_level": "0", "security.protocol": "SSL"}
        settings = Settings(
            bootstrap=secured.bootstrap("mtls"),
            kafka=bare | {"ssl.ca.location": str(secured.authority)},
        )
        with pytest.raises(LogError, match="security settings"):
            check_topics(settings)


class TestTalkativeClient:
    @pytest.mark.parametrize("password", ["right", "wrong"])
    def test_plain_passwords_are_in_no_log(self, secured: Secured, password: str) -> None:
        """aiokafka logs whole requests at DEBUG; the password of SASL PLAIN is one."""
        right = secured.password(OWNER)
        env = {
            "DAVY_BOOTSTRAP": secured.bootstrap("scram"),
            "DAVY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "DAVY_KAFKA__SSL_CA_LOCATION": str(secured.authority),
            "DAVY_KAFKA__SASL_MECHANISM": "PLAIN",
            "DAVY_KAFKA__SASL_USERNAME": OWNER,
            "DAVY_KAFKA__SASL_PASSWORD": right if password == "right" else "hush-wrong",
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(
            [sys.executable, "-c", TALK],
            env=os.environ | env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is (password == "right"), done.stderr
        assert "DEBUG aiokafka" in done.stderr
        assert "hush" not in done.stdout + done.stderr
