"""What does a refused record become, so that a person can find and repair it?

The original key and bytes, untouched, and headers: reason, advice, detail, where it came from,
and the schema id that it claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streams.wire.framing import schema_id_of
from streams.wire.reasons import Reason

DETAIL_CHARS = 500


class SourceRecord(Protocol):
    """A consumed record, as whoever parsed it hands it out."""

    @property
    def offset(self) -> int:
        """Where it stands."""

    @property
    def key(self) -> bytes | None:
        """Raw key."""

    @property
    def value(self) -> bytes | None:
        """Raw value; None: a deletion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record for the `dead-letters` topic; all header values are UTF-8 text."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def dead_letter(
    topic: str, source: tuple[str, int], record: SourceRecord, reason: Reason, detail: str
) -> DeadLetter:
    """The dead letter of a record; `topic` is the full name of `dead-letters`.

    `source`: full name of the record's topic, and its partition.

    Headers: reason, advice, topic, partition, offset, schema_id (empty: none), detail.
    """
    schema_id = schema_id_of(record.value)
    told = {
        "reason": reason.value,
        "advice": reason.advice,
        "topic": source[0],
        "partition": str(source[1]),
        "offset": str(record.offset),
        "schema_id": "" if schema_id is None else str(schema_id),
        "detail": detail[:DETAIL_CHARS],
    }
    headers = tuple((name, text.encode("utf-8", "replace")) for name, text in told.items())
    return DeadLetter(topic=topic, key=record.key, value=record.value, headers=headers)
