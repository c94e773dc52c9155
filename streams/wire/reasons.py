"""Why is a record no good, and what should a person do about it?"""

from __future__ import annotations

from enum import StrEnum

from streams.errors import FramingError

MAX_LATENCY_MS = 1e7
MAX_TOKENS = 1e8
MAX_EVENT_MS = 7_258_118_400_000
"""The year 2200: later times were no milliseconds."""


class Reason(StrEnum):
    """Why a record went to dead-letters. Which one is a pure function of the record alone."""

    EMPTY = "empty"
    TOO_BIG = "too_big"
    BAD_MAGIC = "bad_magic"
    TRUNCATED = "truncated"
    UNKNOWN_SCHEMA = "unknown_schema"
    WRONG_SCHEMA = "wrong_schema"
    UNDECODABLE = "undecodable"
    TRAILING_BYTES = "trailing_bytes"
    INVALID_UTF8 = "invalid_utf8"
    NO_SERVICE = "no_service"
    NO_VERSION = "no_version"
    NO_METRIC = "no_metric"
    NO_REQUEST_ID = "no_request_id"
    NO_OUTCOME_ID = "no_outcome_id"
    NO_CONTENT = "no_content"
    BAD_LATENCY = "bad_latency"
    BAD_VALUE = "bad_value"
    BAD_TIME = "bad_time"
    NO_POD = "no_pod"
    BAD_INTERVAL = "bad_interval"
    BAD_SHARE = "bad_share"
    NO_USE = "no_use"
    TOO_MANY_PODS = "too_many_pods"
    FUTURE = "future"
    UNPROCESSABLE = "unprocessable"

    @property
    def advice(self) -> str:
        """What a person should do, as one sentence."""
        return _ADVICE[self]


_ADVICE = {
    Reason.EMPTY: "The record has no value: publish an Avro value, deletions mean nothing here.",
    Reason.TOO_BIG: "The record is larger than max_event_bytes: publish less or raise the limit.",
    Reason.BAD_MAGIC: "The first byte is not 0: publish with a schema-registry Avro serializer.",
    Reason.TRUNCATED: "The bytes end before the value does: look for a producer that cuts values.",
    Reason.UNKNOWN_SCHEMA: "Nobody knows the schema id: check that producer and davy use one"
    " registry and that the schema was registered.",
    Reason.WRONG_SCHEMA: "The schema cannot be read as this topic's: check that the producer"
    " publishes the right records to the right topic.",
    Reason.UNDECODABLE: "The bytes do not fit their schema: look for a producer that names a"
    " schema id other than the one it wrote with.",
    Reason.TRAILING_BYTES: "Bytes are left over after the value: look for a producer that names"
    " an old schema id or appends to values.",
    Reason.INVALID_UTF8: "A string is not UTF-8: encode text as UTF-8 in the producer.",
    Reason.NO_SERVICE: "The service is empty: give the publisher the service's name.",
    Reason.NO_VERSION: "The model version is empty: give the publisher the model's version.",
    Reason.NO_METRIC: "The outcome's metric is empty: name what it measures, as the rollout spec"
    " does.",
    Reason.NO_REQUEST_ID: "The request id is empty: give each request an id of its own, and its"
    " outcomes the same.",
    Reason.NO_OUTCOME_ID: "The outcome id is empty: give each outcome an id of its own, so that"
    " one that is sent twice counts once.",
    Reason.NO_CONTENT: "The outcome has neither label nor value: publish what became of the"
    " request.",
    Reason.BAD_VALUE: "The value is NaN or infinite: publish a number, or no outcome.",
    Reason.BAD_LATENCY: "The latency is NaN, infinite, negative or above 1e7 ms: publish"
    " milliseconds.",
    Reason.BAD_TIME: "The time is not between 1970 and 2200: publish milliseconds since the epoch.",
    Reason.NO_POD: "The pod is empty: give the exporter the pod's name, and key samples by it.",
    Reason.BAD_INTERVAL: "The sampled interval is not within 1 ms to 2 minutes, or begins before"
    " 1970: sample every 10 to 30 s and publish its length in milliseconds.",
    Reason.BAD_SHARE: "A share is NaN, negative or above 2: publish shares of the pod's limit (0.8"
    " is 80 %), no percent, cores or bytes.",
    Reason.NO_USE: "The sample tells none of cpu, memory and gpu: publish what is known, or"
    " nothing.",
    Reason.TOO_MANY_PODS: "More pods of one version than davy tells apart in a minute: name the pod"
    " in a sample, not the request or the process.",
    Reason.UNPROCESSABLE: "davy failed on this record three times over: report it with its bytes,"
    " it is a defect of davy.",
    Reason.FUTURE: "The event is later than the broker's clock allows: set the producer's clock.",
}


class BadRecord(FramingError):  # noqa: N818 - it names the record, the tree's root carries Error
    """A record that cannot be used, with its reason; dead-letter it and go on."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}; {reason.advice}")
        self.reason = reason
        self.detail = detail
