"""With which clients do commands reach the broker, and what is said when it does not answer?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from streams.broker import Patience, cause, metadata
from streams.errors import LogError, SettingsError
from streams.settings import Property, Settings

MOVING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
"""What a broker answers while a partition changes its leader."""

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


class Reader(Consumer):
    """A consumer that remembers the troubles it heard of."""

    def __init__(self, config: Mapping[str, Property], heard: list[KafkaError]) -> None:
        super().__init__({**config, "error_cb": heard.append})
        self.heard = heard


@contextmanager
def reading(settings: Settings) -> Iterator[Reader]:
    """A consumer that commits nothing and is told where partitions end; closed afterwards."""
    heard: list[KafkaError] = []
    with told_as_log_error(settings, heard):
        consumer = Reader(settings.confluent(**_CONSUMER | {"group.id": settings.group}), heard)
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
        raise LogError(
            f"the broker at {settings.bootstrap} does not answer or refuses: "
            f"{error.str()}{cause(heard)}; check `bootstrap` (--bootstrap, DAVY_BOOTSTRAP) "
            "and the security settings"
        ) from failure


def partition_count(reader: Reader, name: str, *, answer_s: float) -> int:
    """How many partitions a topic has, 0 where it is missing.

    Raises:
        KafkaException: nobody could be reached soon, or no answer in `answer_s`.
    """
    found = metadata(reader, reader.heard, Patience.for_a_command(answer_s), name)
    topic = found.topics[name]
    return 0 if topic.error is not None else len(topic.partitions)


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
