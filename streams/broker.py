"""What can this broker do? Asked once, answered by the broker, never guessed from silence."""

from __future__ import annotations

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.errors import LogError
from streams.settings import Settings

EMBEDDED = "tansu"
ANSWER_S = 10.0


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
