"""What is a user really let do? Everything is tried, the broker's answers are written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeAlias

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
)

from streams.settings import Settings

Attempts: TypeAlias = "dict[tuple[str, str, str], bool]"
"""(kind, name, operation) -> whether the broker let it through."""

DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
LET_THROUGH = {KafkaError.TOPIC_ALREADY_EXISTS, KafkaError.GROUP_ID_NOT_FOUND}
"""What is told after rights were looked at."""
SETTLING = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
}
ANSWER_S = 20.0


class Probe:
    """One user's attempts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._config = settings.confluent(log_level="0")
        self._admin = AdminClient(self._config)

    def topics(self, names: Sequence[str]) -> Attempts:
        """Eight operations on each topic."""
        found = dict(self._reads(names)) | dict(self._writes(names))
        configs = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        keep = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
        altered = [ConfigResource(ResourceType.TOPIC, n, incremental_configs=[keep]) for n in names]
        admin = self._admin
        asked: dict[str, Mapping[Any, Future[Any]]] = {
            "Describe": admin.describe_topics(TopicCollection([*names])),
            "DescribeConfigs": admin.describe_configs(configs),
            "Create": admin.create_topics(
                [NewTopic(name, 1, 1) for name in names], validate_only=True
            ),
            "Alter": admin.create_partitions(
                [NewPartitions(name, 9) for name in names], validate_only=True
            ),
            "AlterConfigs": admin.incremental_alter_configs(altered, validate_only=True),
            "Delete": admin.delete_topics([*names]),
        }
        for operation, answers in asked.items():
            for key, answer in answers.items():
                name = getattr(key, "name", key)
                found["topic", str(name), operation] = _allowed(lambda a=answer: _one(a))
        return found

    def groups(self, names: Sequence[str], topic: str) -> Attempts:
        """Joining (Read), looking at (Describe) and deleting groups."""
        found: Attempts = {}
        for name in names:
            place = ConsumerGroupTopicPartitions(name, [TopicPartition(topic, 0, 0)])
            asked: dict[str, Callable[[], Mapping[Any, Future[Any]]]] = {
                "Read": partial(self._admin.alter_consumer_group_offsets, [place]),
                "Describe": partial(self._admin.describe_consumer_groups, [name]),
                "Delete": partial(self._admin.delete_consumer_groups, [name]),
            }
            for operation, ask in asked.items():
                found["group", name, operation] = _allowed(partial(_settled, ask))
        return found

    def transactional_ids(self, names: Sequence[str]) -> Attempts:
        """Whether a producer may begin under each id, which would fence who has it."""
        found: Attempts = {}
        for name in names:
            producer = Producer({**self._config, "transactional.id": name})
            found["transactional-id", name, "Write"] = _allowed(
                lambda p=producer: p.init_transactions(ANSWER_S)
            )
        return found

    def cluster(self, principal: str) -> Attempts:
        """What belongs to the administrator alone."""
        admin = self._admin
        grant = AclBinding(
            ResourceType.TOPIC, "x", ResourcePatternType.LITERAL, principal, "*",
            AclOperation.ALL, AclPermissionType.ALLOW,
        )  # fmt: skip
        every = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None,
            AclOperation.ANY, AclPermissionType.ANY,
        )  # fmt: skip
        broker = ConfigResource(ResourceType.BROKER, "1")
        entry = ConfigEntry("log.retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
        altered = ConfigResource(ResourceType.BROKER, "1", incremental_configs=[entry])
        tried: dict[str, Callable[[], object]] = {
            "grant": lambda: _one(admin.create_acls([grant])),
            "see grants": lambda: _some(admin.describe_acls(every)),
            "create any topic": lambda: _one(
                admin.create_topics([NewTopic("anything", 1, 1)], validate_only=True)
            ),
            "see the broker's settings": lambda: _one(admin.describe_configs([broker])),
            "alter the broker's settings": lambda: _one(
                admin.incremental_alter_configs([altered], validate_only=True)
            ),
            "delete a user": lambda: _one(
                admin.alter_user_scram_credentials(
                    [UserScramCredentialDeletion("nobody", ScramMechanism.SCRAM_SHA_512)]
                )
            ),
        }
        return {("cluster", what, "do"): _allowed(call) for what, call in tried.items()}

    def _reads(self, names: Sequence[str]) -> Iterator[tuple[tuple[str, str, str], bool]]:
        # Of a topic that it may not see the client learns no leader: there is nobody to fetch from.
        described = self._admin.describe_topics(TopicCollection([*names]))
        seen = {name for name, answer in described.items() if _allowed(lambda a=answer: _one(a))}
        heard = dict.fromkeys(set(names) - seen, False)
        config = {
            "group.id": self._settings.group,
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
        consumer = Consumer(self._config | config)
        consumer.assign([TopicPartition(name, 0, 0) for name in seen])
        while heard.keys() < set(names):
            message = consumer.poll(ANSWER_S)
            assert message is not None, f"no answer for {seen - heard.keys()}"
            error, topic = message.error(), message.topic()
            if topic is not None:
                heard[topic] = error is None or error.code() not in DENIED
        consumer.close()
        yield from ((("topic", name, "Read"), let) for name, let in heard.items())

    def _writes(self, names: Sequence[str]) -> Iterator[tuple[tuple[str, str, str], bool]]:
        heard: dict[str, KafkaError | None] = {}
        producer = Producer({**self._config, "message.timeout.ms": int(ANSWER_S * 1000)})
        for name in names:
            producer.produce(
                name,
                b"x",
                "x",
                on_delivery=lambda error, message: heard.update({message.topic(): error}),
            )
        assert producer.flush(ANSWER_S) == 0
        for name in names:
            yield ("topic", name, "Write"), _let(heard[name])


def _one(answers: Future[Any] | Mapping[Any, Future[Any]]) -> None:
    """The only answer; raises what the broker says, of partitions too."""
    (answer,) = answers.values() if isinstance(answers, Mapping) else (answers,)
    result = answer.result(ANSWER_S)
    for place in getattr(result, "topic_partitions", None) or ():
        if place.error is not None:
            raise KafkaException(place.error)


def _settled(ask: Callable[[], Mapping[Any, Future[Any]]]) -> None:
    """The only answer, once the coordinator of a broker that has just started knows its groups."""
    deadline = time.monotonic() + ANSWER_S
    while True:
        try:
            return _one(ask())
        except KafkaException as failure:
            if failure.args[0].code() not in SETTLING or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _some(answer: Future[Any]) -> None:
    """This client tells the broker's refusal as an empty list; there are always some."""
    if not answer.result(ANSWER_S):
        raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED))


def _let(error: KafkaError | None) -> bool:
    if error is None:
        return True
    assert error.code() in DENIED, error
    return False


def _allowed(call: Callable[[], object]) -> bool:
    try:
        call()
    except KafkaException as failure:
        error = failure.args[0]
        return error.code() in LET_THROUGH or _let(error)
    return True
