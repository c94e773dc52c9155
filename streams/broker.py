"""Is a broker there, and what can it do? Asked once, answered by it, never guessed from silence."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ClusterMetadata,
)

from streams.errors import LogError
from streams.settings import Settings

LIBRDKAFKA = logging.getLogger("librdkafka")
"""For clients of programs that run on: they speak where the program does, when they are polled."""
EMBEDDED = "tansu"
ANSWER_S = 10.0
CONNECT_S = 3.0
"""A broker that cannot be reached for so long is not there, for a person who waits."""
REFUSED_S = 1.0
"""Nor is one that has refused or failed every connection for so long."""
TRY_S = 0.25
ALL_DOWN = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - its public name


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited for a broker."""

    connect_s: float
    """Until it can be reached."""
    refused_s: float
    """Where every connection fails at once."""
    answer_s: float
    """Until it answers, once it is reached."""

    @classmethod
    def for_a_command(cls, answer_s: float = ANSWER_S) -> Patience:
        """Of a person, who would rather mend a typing error soon."""
        connect_s = min(CONNECT_S, answer_s)
        return cls(connect_s=connect_s, refused_s=min(REFUSED_S, connect_s), answer_s=answer_s)


def metadata(
    client: AdminClient | Consumer,
    heard: Sequence[KafkaError],
    patience: Patience,
    topic: str | None = None,
) -> ClusterMetadata:
    """What the cluster tells of itself, or of one topic; `heard` is fed by the client's error_cb.

    Raises:
        KafkaException: nobody could be reached, or nobody answered, within the patience.
    """
    asked = {} if topic is None else {"topic": topic}
    began = time.monotonic()
    while True:
        try:
            return client.list_topics(**asked, timeout=min(TRY_S, patience.connect_s))
        except KafkaException as failure:
            client.poll(0)  # what the client knows of the cause is heard now
            waited_s = time.monotonic() - began
            if failure.args[0].code() != KafkaError._TRANSPORT:  # noqa: SLF001 - its public name
                break  # reached, but slow: it gets the rest of the time
            if waited_s >= (patience.refused_s if _all_down(heard) else patience.connect_s):
                raise
    return client.list_topics(**asked, timeout=max(patience.answer_s - waited_s, TRY_S))


def cause(heard: Sequence[KafkaError]) -> str:
    """The newest cause that a client told, in brackets; that all brokers are down is none."""
    causes = [error.str() for error in heard if error.code() != ALL_DOWN]
    return f" ({causes[-1]})" if causes else ""


def _all_down(heard: Sequence[KafkaError]) -> bool:
    return any(error.code() == ALL_DOWN for error in heard)


def is_transactional(settings: Settings) -> bool:
    """Whether owners may rely on transactions here.

    The embedded broker accepts them but shows its readers what was aborted, so it counts as a
    broker without.

    Raises:
        LogError: no broker answers, or `transactions: on` asks for what it cannot do.
    """
    if settings.transactions == "off":
        return False
    embedded = cluster_id(settings).startswith(EMBEDDED)
    if embedded and settings.transactions == "on":
        raise LogError(
            f"{settings.bootstrap}: the embedded broker has no transactions that hold; "
            "use Apache Kafka, or set transactions: auto for a demo"
        )
    return not embedded


def cluster_id(settings: Settings) -> str:
    """The cluster's own name for itself; empty where it has none.

    Raises:
        LogError: no broker answers.
    """
    try:
        metadata = AdminClient(settings.confluent()).list_topics(timeout=ANSWER_S)
    except KafkaException as error:
        raise LogError(
            f"{settings.bootstrap}: no broker answers ({error.args[0].str()}); "
            "check bootstrap and the security settings under kafka"
        ) from error
    return metadata.cluster_id or ""
