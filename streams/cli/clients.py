"""With which clients do commands reach the broker, and what is said when it does not answer?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from streams.errors import LogError, SettingsError
from streams.settings import Property, Settings

MOVING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
"""What a broker answers while a partition changes its leader."""

CONNECT_S = 3.0
"""A broker that cannot be reached for so long is not there."""

_CONSUMER: dict[str, Property] = {
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
    "fetch.queue.backoff.ms": 5,
    # A fetch at a partition's end is how its end is learnt: do not let the broker sit on it.
    "fetch.wait.max.ms": 50,
}


def open_producer(settings: Settings, *, delivery_s: float) -> Producer:
    """A producer that gives a record up after `delivery_s`."""
    own: dict[str, Property] = {
        "partitioner": "murmur2_random",
        "acks": "all",
        "message.timeout.ms": int(delivery_s * 1000),
    }
    return Producer(settings.confluent(**own))


@contextmanager
def reading(settings: Settings) -> Iterator[Consumer]:
    """A consumer that commits nothing and is told where partitions end; closed afterwards."""
    heard: list[KafkaError] = []
    with told_as_log_error(settings, heard):
        config = settings.confluent(**_CONSUMER | {"group.id": settings.group})
        consumer = Consumer({**config, "error_cb": heard.append})
        try:
            yield consumer
        except KafkaException:
            consumer.poll(0)  # what the client knows of the cause is heard now
            raise
        finally:
            consumer.close()


@contextmanager
def told_as_log_error(settings: Settings, heard: Sequence[KafkaError] = ()) -> Iterator[None]:
    """What the client raises, in davy's words, with the cause that was heard from it.

    Raises:
        SettingsError: a property that the client does not take.
        LogError: anything else.
    """
    try:
        yield
    except KafkaException as failure:
        error = failure.args[0]
        if error.code() == KafkaError._INVALID_ARG:  # noqa: SLF001 - its public name
            raise SettingsError(f"kafka: {error.str()}; mend it in the settings") from failure
        cause = f" ({_cause(heard)})" if _cause(heard) else ""
        raise LogError(
            f"the broker at {settings.bootstrap} does not answer or refuses: {error.str()}{cause}; "
            "check `bootstrap` (--bootstrap, DAVY_BOOTSTRAP) and the security settings"
        ) from failure


def partition_count(consumer: Consumer, name: str, *, answer_s: float) -> int:
    """How many partitions a topic has, 0 where it is missing.

    Raises:
        KafkaException: nobody could be reached within CONNECT_S, or no answer in `answer_s`.
    """
    timeout_s = min(CONNECT_S, answer_s)
    try:
        found = consumer.list_topics(name, timeout=timeout_s)
    except KafkaException as failure:
        # Reached, but slow: then it gets the rest of the time.
        if failure.args[0].code() == KafkaError._TRANSPORT or timeout_s == answer_s:  # noqa: SLF001
            raise
        found = consumer.list_topics(name, timeout=answer_s - timeout_s)
    topic = found.topics[name]
    return 0 if topic.error is not None else len(topic.partitions)


def _cause(heard: Sequence[KafkaError]) -> str:
    """The newest cause; that all brokers are down is none."""
    down = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - its public name
    causes = [error.str() for error in heard if error.code() != down]
    return causes[-1] if causes else ""


def is_end(message: Message) -> bool:
    """Whether this tells of a partition's end; raises KafkaException on any other trouble."""
    error = message.error()
    if error is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
        return True
    raise KafkaException(error)


def as_bytes(value: str | bytes) -> bytes:
    """Keys and values, of which the client's types allow text."""
    return value.encode() if isinstance(value, str) else value
