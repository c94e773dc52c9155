"""Topics are made as planned, once, and differences are told."""

import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from streams.broker import CONNECT_S, REFUSED_S, Patience
from streams.errors import LogError, SettingsError
from streams.settings import Settings
from streams.topics import check_topics, create_topics, topic_plans

SCHEMAS = Path(__file__).parents[1] / "schemas"


@pytest.fixture
def settings(broker, prefix):
    return Settings(
        bootstrap=broker.bootstrap, prefix=prefix, source_partitions=3, rollout_partitions=2
    )


def create(settings, name, config):
    admin = AdminClient(settings.confluent())
    topic = NewTopic(settings.topic(name), num_partitions=3, replication_factor=1, config=config)
    admin.create_topics([topic])[settings.topic(name)].result(10)


class TestPlans:
    def test_topics_read_together_have_one_count(self):
        plans = topic_plans(Settings(source_partitions=6, rollout_partitions=5, prefix="x-"))
        counts = {plan.name.removeprefix("x-"): plan.partitions for plan in plans}
        assert len(counts) == 12
        assert counts["predictions"] == counts["outcomes"] == counts["cells"] == 6
        by_rollout = ("rollouts", "commands", "panes", "judge-state", "decisions", "leases")
        assert {counts[name] for name in (*by_rollout, "routing")} == {5}

    def test_state_is_compacted_and_history_is_kept(self):
        cleanup = {plan.name: plan.config["cleanup.policy"] for plan in topic_plans(Settings())}
        compacted = {name for name, policy in cleanup.items() if policy == "compact"}
        assert compacted == {"rollouts", "cells", "judge-state", "leases"}

    def test_what_every_start_reads_is_short(self):
        """Yet nobody who reads `cells` may miss that a key was deleted, however long he takes."""
        config = {plan.name: plan.config for plan in topic_plans(Settings())}
        for name in ("rollouts", "cells", "judge-state", "leases"):
            assert int(config[name]["segment.ms"]) <= 600_000
        kept = {name: each["delete.retention.ms"] for name, each in config.items()
                if "delete.retention.ms" in each}  # fmt: skip
        assert set(kept) == {"cells"}
        assert int(kept["cells"]) > 50 * Settings().load_s * 1000

    def test_sources_are_stamped_by_the_broker(self):
        key = "message.timestamp.type"
        stamped = {p.name for p in topic_plans(Settings()) if p.config[key] == "LogAppendTime"}
        assert stamped == {"predictions", "outcomes", "resources"}

    def test_every_schema_exists(self):
        for plan in topic_plans(Settings()):
            if plan.schema is not None:
                assert json.loads((SCHEMAS / f"{plan.schema}.avsc").read_text())["fields"]

    def test_three_replicas_survive_one(self):
        for plan in topic_plans(Settings(replication=3)):
            assert plan.config["min.insync.replicas"] == "2"


class TestOnABroker:
    def test_creates_all_and_a_second_time_nothing(self, settings):
        assert set(create_topics(settings)) == {plan.name for plan in topic_plans(settings)}
        assert create_topics(settings) == ()
        check_topics(settings)

    def test_what_is_missing_is_named(self, settings):
        with pytest.raises(LogError, match=r"predictions: is missing; run `davy topics create`"):
            check_topics(settings)

    def test_another_count_is_named_with_both_numbers(self, settings):
        create_topics(settings)
        other = settings.model_copy(update={"source_partitions": 6})
        why = r"predictions: has 3 partitions, source_partitions asks for 6"
        with pytest.raises(LogError, match=why) as failure:
            create_topics(other)
        assert "outcomes, predictions, resources are read together" in str(failure.value)

    def test_another_cleanup_is_named_with_the_command(self, settings):
        create(settings, "cells", {"cleanup.policy": "delete"})
        with pytest.raises(LogError, match=r"cells: cleanup.policy is delete, must be compact"):
            create_topics(settings)

    def test_retention_is_the_operators_choice(self, settings):
        create(settings, "predictions", _sources() | {"retention.ms": "3600000"})
        create_topics(settings)
        resource = ConfigResource(ResourceType.TOPIC, settings.topic("predictions"))
        admin = AdminClient(settings.confluent())  # its answers end with it
        described = admin.describe_configs([resource])[resource]
        assert described.result(10)["retention.ms"].value == "3600000"


def _sources() -> dict[str, str]:
    return {"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime"}


class TestNoBroker:
    def test_an_unknown_property_is_a_mistake_in_the_settings(self):
        with pytest.raises(SettingsError, match=r"kafka: No such configuration property"):
            check_topics(Settings(kafka={"sockets": "1"}))

    def test_says_where_it_looked(self, monkeypatch):
        monkeypatch.setattr("streams.topics.ANSWER_S", 0.2)
        settings = Settings(bootstrap="127.0.0.1:1", kafka={"log_level": "0"})
        with pytest.raises(LogError, match=r"no broker answers at 127.0.0.1:1"):
            check_topics(settings)

    def test_a_person_need_not_wait_for_one_that_refuses(self):
        settings = Settings(bootstrap="127.0.0.1:1", kafka={"log_level": "0"})
        began = time.monotonic()
        with pytest.raises(LogError, match="Connection refused"):
            check_topics(settings, Patience.for_a_command())
        assert time.monotonic() - began < CONNECT_S


def slowly(source, target, delay_s):
    """Pass bytes on, each time after a while."""
    with suppress(OSError):
        while chunk := source.recv(65536):
            time.sleep(delay_s)
            target.sendall(chunk)
    target.close()


@pytest.fixture
def slow(broker):
    """Address of a broker that answers each question after a second."""
    host, _, port = broker.bootstrap.partition(":")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    real = socket.create_connection((host, int(port)))
                    for ends in ((client, real, 0.0), (real, client, 1.0)):
                        threading.Thread(target=slowly, args=ends, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


class TestSlowBroker:
    def test_is_waited_for(self, settings, slow):
        """Slower than a refusal is believed, and than one try: yet it is there."""
        create_topics(settings)
        began = time.monotonic()
        check_topics(settings.model_copy(update={"bootstrap": slow}), Patience.for_a_command())
        assert time.monotonic() - began > REFUSED_S
