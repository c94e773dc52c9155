"""How does a record of a topic become a value, and back?

Topics are named without their prefix. A union of several records is written and read as
`("davy.Pane", {...})`; `null or one type` as the bare value. Times are integers.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from streams.wire.avro import Reader, Writer
from streams.wire.framing import frame, unframe
from streams.wire.reasons import BadRecord
from streams.wire.schemas import SUBJECTS, load_schema, schema_text, subject_of
from streams.wire.store import SchemaStore

_EMPTY = b"\0"
"""An Avro array without items."""


class Codec:
    """Encodes and decodes every topic; asks the store once per schema, then never again."""

    def __init__(self, store: SchemaStore, prefix: str = "") -> None:
        self._store = store
        self._prefix = prefix
        self._topics: dict[str, _Topic] = {}

    def encode(self, topic: str, record: dict[str, Any], tail: bytes | None = None) -> bytes:
        """The framed value; `tail` are the Avro bytes of the empty array in which it ends.

        Raises:
            WireError: the record does not fit the schema.
            RegistryError: our schema is not registered, or the store does not answer.
            ValueError: there is a tail, and the record ends in no empty array.
        """
        known = self._topic(topic)
        body = known.writer.write(record)
        if tail is not None:
            body = _with_tail(body, tail)
        return frame(known.schema_id, body)

    def framed(self, topic: str, body: bytes) -> bytes:
        """The value of a body that was written by our own schema.

        Raises:
            RegistryError: our schema is not registered, or the store does not answer.
        """
        return frame(self._topic(topic).schema_id, body)

    def body(self, topic: str, record: dict[str, Any]) -> bytes:
        """The Avro body alone: same record, same bytes; what hashes are taken of.

        Raises:
            WireError: the record does not fit the schema.
        """
        return self._topic(topic).writer.write(record)

    def decode(self, topic: str, value: bytes | None) -> dict[str, Any]:
        """The record, in our schema, whatever version wrote it.

        Raises:
            BadRecord: with the reason for dead-letters.
            RegistryError: the store does not answer; try again, the record may be good.
        """
        schema_id, body = unframe(value or b"")
        return self.reader(topic, schema_id).read(body)

    def knows(self, topic: str, schema_id: int | None) -> bool:
        """Whether this schema was looked up before: then the store is not asked."""
        return schema_id is not None and self._topic(topic).knows(schema_id)

    def reader(self, topic: str, schema_id: int) -> Reader:
        """What reads bodies of this schema; raises as `decode`."""
        return self._topic(topic).reader(schema_id)

    def know(self, topics: Iterable[str]) -> None:
        """Look up our own schemas of these topics, once for ever: the store may be away then.

        What another version wrote is looked up when it comes.

        Raises:
            RegistryError: one is not registered.
            RegistryAway: the store does not answer.
        """
        for topic in topics:
            known = self._topic(topic)
            known.reader(known.schema_id)

    def register(self) -> dict[str, int]:
        """Register all of davy's schemas; ids by topic. At deploy, never on the hot path.

        Raises:
            RegistryError: see SchemaStore.register.
        """
        return {topic: self._topic(topic).register() for topic in SUBJECTS}

    def _topic(self, topic: str) -> _Topic:
        if topic not in self._topics:
            self._topics[topic] = _Topic(self._store, topic, self._prefix)
        return self._topics[topic]


class _Topic:
    """What the codec knows of one topic."""

    def __init__(self, store: SchemaStore, topic: str, prefix: str) -> None:
        self._store = store
        self._subject = subject_of(topic)
        self._name = self._subject.name(prefix)
        self._text = schema_text(self._subject.schema)
        self._readers: dict[int, Reader | BadRecord] = {}

    @cached_property
    def schema_id(self) -> int:
        return self._store.id_of(self._name, self._text)

    @cached_property
    def writer(self) -> Writer:
        return Writer(load_schema(self._subject.schema))

    def register(self) -> int:
        level = self._subject.compatibility
        return self._store.register(self._name, self._text, level)

    def knows(self, schema_id: int) -> bool:
        return schema_id in self._readers

    def reader(self, schema_id: int) -> Reader:
        if schema_id not in self._readers:
            text = self._store.schema(schema_id)
            self._readers[schema_id] = _reader_or_refusal(text, self._subject.schema)
        found = self._readers[schema_id]
        if isinstance(found, BadRecord):
            raise BadRecord(found.reason, f"id {schema_id}: {found.detail}")
        return found


def _with_tail(body: bytes, tail: bytes) -> bytes:
    if body[-1:] != _EMPTY:
        raise ValueError("a tail for a record that ends in no empty array")
    return body[:-1] + tail


def _reader_or_refusal(writer_json: str, schema: str) -> Reader | BadRecord:
    """Refusals are kept too: the schema behind an id never changes."""
    try:
        return Reader(writer_json, load_schema(schema))
    except BadRecord as refusal:
        return refusal
