"""The preset of Kafka UI reads exactly davy's topics, each as it is, and is one it can load."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator
from pydantic import BaseModel, ConfigDict

from infra.docs import kafka_ui
from infra.docs.topics import ROOT
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, topic_plans
from tests.docs.placeholders import filled, names

FOLDER = ROOT / "infra" / "kafka-ui"
NAMES = [plan.name for plan in topic_plans(Settings())]
BUILT_IN = {"String", "SchemaRegistry", "Hex"}
"""Serdes that Kafka UI has of itself, of those that the preset may name."""


GIVEN = {
    "DAVY_BOOTSTRAP": "kafka:9092",
    "DAVY_REGISTRY__URL": "https://registry",
    "DAVY_PREFIX": "prod-",
    "DAVY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
    "DAVY_KAFKA__SASL_MECHANISM": "SCRAM-SHA-256",
    "DAVY_KAFKA__SASL_USERNAME": "ui",
    "DAVY_KAFKA__SASL_PASSWORD": "hush",
    "DAVY_KAFKA__SSL_CA_LOCATION": "/etc/ca.pem",
}


class Known(BaseModel):
    """Properties that Kafka UI 1.5 reads; it ignores others without a word."""

    model_config = ConfigDict(extra="forbid")


class Serde(Known):
    name: str
    topicKeysPattern: str | None = None  # noqa: N815 - its names
    topicValuesPattern: str | None = None  # noqa: N815


class Cluster(Known):
    name: str
    bootstrapServers: str  # noqa: N815
    schemaRegistry: str  # noqa: N815
    readOnly: bool  # noqa: N815
    properties: dict[str, str]
    defaultKeySerde: str  # noqa: N815
    defaultValueSerde: str  # noqa: N815
    serde: list[Serde]


class Kafka(Known):
    clusters: list[Cluster]


class Application(Known):
    kafka: Kafka


def cluster(**env: str) -> Cluster:
    """The preset's cluster, as Kafka UI sees it with this environment."""
    text = filled(kafka_ui.FILE.read_text(encoding="utf-8"), env)
    (found,) = Application.model_validate(yaml.safe_load(text)).kafka.clusters
    return found


def read_by(topic: str, found: Cluster) -> tuple[str, str]:
    """Serde of key and of value, as Kafka UI chooses: the first whose pattern is the whole name."""
    key = next(
        (s.name for s in found.serde if s.topicKeysPattern and whole(s.topicKeysPattern, topic)),
        "none",
    )
    value = next(
        (
            s.name
            for s in found.serde
            if s.topicValuesPattern and whole(s.topicValuesPattern, topic)
        ),
        "none",
    )
    return key, value


def whole(pattern: str, topic: str) -> bool:
    return re.fullmatch(pattern, topic) is not None


class TestTopics:
    @pytest.mark.parametrize("prefix", ["", "prod-", "team.a_"])
    @pytest.mark.parametrize("topic", NAMES)
    def test_each_is_read_as_it_is(self, prefix: str, topic: str) -> None:
        """Keys are strings; values go by the registry, dead letters are bytes."""
        value = "Hex" if topic == DEAD_LETTERS else "SchemaRegistry"
        found = cluster(DAVY_PREFIX=prefix)
        assert read_by(prefix + topic, found) == ("String", value)

    @pytest.mark.parametrize("topic", ["predictions2", "my-panes", "prod-panes", "__offsets"])
    def test_no_other_is_named(self, topic: str) -> None:
        """What is not davy's is left to Kafka UI."""
        assert read_by(topic, cluster()) == ("none", "none")

    def test_patterns_name_the_topics_and_nothing_else(self) -> None:
        """In the order of the design."""
        keys, *values = cluster().serde
        assert keys.topicKeysPattern == f"({'|'.join(NAMES)})"
        named = [n for s in values for n in str(s.topicValuesPattern).strip("()").split("|")]
        assert sorted(named) == sorted(NAMES)


class TestFile:
    def test_it_only_looks(self) -> None:
        """Nothing can be produced, deleted or altered through it."""
        assert cluster().readOnly is True

    def test_serdes_are_kafka_uis_own(self) -> None:
        """Each once: a second of one name stops it at its start."""
        found = cluster()
        assert sorted(serde.name for serde in found.serde) == sorted(BUILT_IN)
        assert {found.defaultKeySerde, found.defaultValueSerde} <= BUILT_IN

    def test_it_asks_for_what_davy_asks_for(self) -> None:
        """No variable is Kafka UI's own."""
        assert names(kafka_ui.FILE.read_text(encoding="utf-8")) == GIVEN.keys()

    def test_one_environment_does_for_both(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The same variables mean the same to davy's settings."""
        authority = tmp_path / "ca.pem"
        authority.touch()
        env = GIVEN | {"DAVY_KAFKA__SSL_CA_LOCATION": str(authority)}
        monkeypatch.chdir(tmp_path)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        ours, found = Settings(), cluster(**env)
        theirs = found.properties
        assert (found.bootstrapServers, found.schemaRegistry) == (ours.bootstrap, ours.registry.url)
        assert found.serde[0].topicKeysPattern == f"{ours.prefix}({'|'.join(NAMES)})"
        assert theirs["security.protocol"] == ours.kafka["security.protocol"]
        assert theirs["sasl.mechanism"] == ours.kafka["sasl.mechanism"]
        assert theirs["ssl.truststore.location"] == ours.kafka["ssl.ca.location"]
        login = f'username="{ours.kafka["sasl.username"]}" password="{ours.kafka["sasl.password"]}"'
        assert login in theirs["sasl.jaas.config"]


class TestCompose:
    def both(self) -> tuple[dict[str, Any], dict[str, Any]]:
        alone = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["kafka-ui"]
        beside = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["kafka-ui"]
        return alone, beside

    def test_follows_the_specification(self) -> None:
        """The part is valid by the compose specification's JSON Schema."""
        schema = json.loads((ROOT / "infra" / "compose" / "compose-spec.json").read_text())
        text = re.sub(r"\$\{\w+:[?-]([^}]*)\}", r"\1", (FOLDER / "compose.yaml").read_text())
        found = Draft201909Validator(schema).iter_errors(yaml.safe_load(text))
        assert [error.message for error in found] == []

    def test_both_ways_run_one_image_on_one_preset(self) -> None:
        """Alone, and in the compose file at the top."""
        for service, path in zip(self.both(), (FOLDER, ROOT), strict=True):
            (volume,) = service["volumes"]
            source, target, mode = volume.split(":")
            assert (path / source).resolve() == kafka_ui.FILE
            assert mode == "ro"
            assert service["environment"]["SPRING_CONFIG_ADDITIONALLOCATION"] == target
        alone, beside = self.both()
        assert alone["image"] == beside["image"]
        assert all(port.startswith("127.0.0.1:") for port in alone["ports"])

    def test_the_part_hands_on_every_variable(self) -> None:
        """And no other."""
        alone, _ = self.both()
        wanted = names(kafka_ui.FILE.read_text(encoding="utf-8"))
        given = {name for name in alone["environment"] if name.startswith("DAVY_")}
        assert given == wanted
