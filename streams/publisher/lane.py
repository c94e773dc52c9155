"""How does a record reach the broker? Encoded and handed to librdkafka, off the caller's thread."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer
from fastavro import parse_schema, schemaless_writer

from streams.errors import LogError
from streams.publisher.drafts import Draft
from streams.publisher.facts import Drop, Repair, Tally
from streams.publisher.forks import GATE
from streams.publisher.options import Options
from streams.tracing.context import TRACEPARENT
from streams.wire.framing import frame
from streams.wire.schemas import Schema, load_schema, subject_of

EMBEDDED_CLUSTER = "tansu_cluster"
"""Cluster id of the embedded broker, whose producers are not idempotent."""
ANSWER_S = 1.0
TRIES, LAST_S = 3, 1.0
"""How often, and how long, is waited for what was given up to be told."""

_REASONS = {
    KafkaError._MSG_TIMED_OUT: Drop.TIMED_OUT,  # noqa: SLF001 - librdkafka's public constants
    KafkaError._PURGE_QUEUE: Drop.UNDELIVERED,  # noqa: SLF001
    KafkaError._PURGE_INFLIGHT: Drop.UNDELIVERED,  # noqa: SLF001
    KafkaError.MSG_SIZE_TOO_LARGE: Drop.TOO_BIG,
}
_ADVICE = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: "run `davy topics create`",
    KafkaError._UNKNOWN_TOPIC: "run `davy topics create`",  # noqa: SLF001
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant WRITE on the topic to this user",
}


class Lane:
    """One librdkafka producer with the schema ids of its topics. Used by one thread at a time."""

    def __init__(self, options: Options, ids: Mapping[str, int], tally: Tally) -> None:
        self._options = options
        self._tally = tally
        self._formats = {
            topic: (parse_schema(load_schema(subject_of(topic).schema)), schema_id)
            for topic, schema_id in ids.items()
        }
        self.trouble: str | None = None
        """What librdkafka complained about last."""
        self.broken = False
        """A fatal error: this lane will never send again."""
        self._sent = 0
        self._failed = 0
        self._producer = self._connect()

    @property
    def waiting(self) -> int:
        """Records that librdkafka has not got rid of; what it has to tell counts as one too."""
        return len(self._producer)

    @property
    def delivered(self) -> int:
        """Records that the broker has acknowledged."""
        return max(0, self._sent - self._failed - self.waiting)

    def send(self, draft: Draft) -> bool:
        """Hand a record over; False where librdkafka's queue is full: try again later."""
        topic, record, _, trace = draft
        try:
            value = self._encode(topic, record)
            key = record["unit"] or record["request_id"]
            name = self._options.topic(topic)
            if trace is None:
                self._producer.produce(name, value, key=key)
            else:
                self._producer.produce(name, value, key=key, headers=[(TRACEPARENT, trace)])
        except BufferError:
            return False
        except KafkaException as failure:
            self._note(failure.args[0])
        except Exception as failure:  # noqa: BLE001 - one record must not stop the others
            self._tally.drop(Drop.UNENCODABLE)
            self.trouble = f"a record cannot be written: {failure}"
        else:
            self._sent += 1
        return True

    def serve(self) -> None:
        """Let librdkafka report what failed; never waits."""
        self._producer.poll(0)

    def flush(self, deadline_s: float) -> None:
        """Wait until everything is delivered or the deadline has come."""
        self._producer.flush(max(0.0, deadline_s))

    def give_up(self) -> None:
        """Count what is still waiting as undelivered, and end the producer if it lets go of it."""
        with contextlib.suppress(KafkaException):
            self._producer.purge(blocking=False)
        for _ in range(TRIES):  # a complaint may come between the last record and the count
            if self._producer.flush(LAST_S) == 0:
                _end(self._producer)
                return

    def _connect(self) -> Producer:
        mode = self._options.idempotence
        if mode != "auto":
            return self._open(idempotent=mode == "on")
        plain = self._open(idempotent=False)
        try:
            cluster = plain.cluster_id(ANSWER_S)
        except KafkaException as failure:
            plain.poll(0)  # the callback says more than "timed out"
            why = self.trouble or failure.args[0].str()
            _end(plain)
            raise LogError(f"no broker answers ({why}); check bootstrap and security") from failure
        if cluster == EMBEDDED_CLUSTER:
            return plain
        _end(plain)
        return self._open(idempotent=True)

    def _open(self, *, idempotent: bool) -> Producer:
        conf: dict[str, Any] = dict(self._options.confluent(idempotent=idempotent))
        callbacks = {"error_cb": self._on_error, "on_delivery": self._on_delivery}
        with GATE.shut():
            return Producer(conf | callbacks)

    def _encode(self, topic: str, record: dict[str, Any]) -> bytes:
        schema, schema_id = self._formats[topic]
        try:
            return frame(schema_id, _body(schema, record))
        except UnicodeEncodeError:
            self._tally.repair(Repair.BAD_TEXT)
            record.update(_encodable(record))
            return frame(schema_id, _body(schema, record))

    def _on_delivery(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._failed += 1
            self._note(error)

    def _on_error(self, error: KafkaError) -> None:
        self.trouble = error.str()
        self.broken = self.broken or error.fatal()

    def _note(self, error: KafkaError) -> None:
        self._tally.drop(_REASONS.get(error.code(), Drop.REJECTED))
        advice = _ADVICE.get(error.code())
        self.trouble = f"{error.str()}; {advice}" if advice else error.str()


def _end(producer: Producer) -> None:
    with GATE.shut():
        producer.close()


def _body(schema: Schema, record: dict[str, Any]) -> bytes:
    body = io.BytesIO()
    schemaless_writer(body, schema, record)
    return body.getvalue()


def _encodable(value: Any) -> Any:
    """The same with question marks for what UTF-8 cannot say (lone surrogates)."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_encodable(name): _encodable(item) for name, item in value.items()}
    return value
