"""What stands beside a record's value? The headers of every topic, for whoever looks at them.

They are envelope: what a value says never depends on them, and readers of values need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from streams.tracing.context import TRACEPARENT
from streams.wire.deadletter import DETAIL_CHARS
from streams.wire.own import STAMP
from streams.wire.signatures import ID_DIGITS, KEY_ID, SIGNATURE

ISSUED_AT = "issued_at"
SIGNED_ONLY = "where `signing.key` is set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header of a topic's records; text is UTF-8."""

    name: str
    what: str
    only: str = ""
    """When it is there; empty: always."""


_EPOCH, _FLUSH = STAMP
_SIGNED = (
    Header(
        name=SIGNATURE,
        what="Ed25519 signature, 64 raw bytes, of the topic's full name, the key and the value.",
        only=SIGNED_ONLY,
    ),
    Header(
        name=KEY_ID,
        what=f"Its public key: the first {ID_DIGITS} hex digits of the SHA-256 of the raw key.",
        only=SIGNED_ONLY,
    ),
)

_TRACED = Header(
    name=TRACEPARENT,
    what="The span of OpenTelemetry that led to it (W3C Trace Context).",
    only="where `traces` is on, of sampled traces",
)

HEADERS: Mapping[str, tuple[Header, ...]] = MappingProxyType(
    {
        "predictions": (_TRACED,),
        "outcomes": (_TRACED,),
        "panes": (_TRACED,),
        "cells": (
            Header(
                name=_EPOCH,
                what="Which owner of the source partition wrote it, in decimal: later ones are "
                "higher.",
            ),
            Header(name=_FLUSH, what="Which flush of that owner wrote it, in decimal."),
        ),
        "decisions": (
            Header(
                name=ISSUED_AT,
                what="When the judge wrote it, milliseconds since the epoch in decimal.",
            ),
            *_SIGNED,
            _TRACED,
        ),
        "leases": _SIGNED,
        "dead-letters": (
            Header(name="reason", what="Why the record is no good: one of the codes below."),
            Header(name="advice", what="What a person should do about it, as one sentence."),
            Header(name="topic", what="Full name of the topic that it came from."),
            Header(name="partition", what="Its partition there, in decimal."),
            Header(name="offset", what="Its offset there, in decimal."),
            Header(
                name="schema_id",
                what="The schema id that it claims, in decimal; empty where it has no framing.",
            ),
            Header(name="detail", what=f"What was found, at most {DETAIL_CHARS} characters."),
        ),
    }
)
"""By topic without prefix; topics that are not here have no headers of davy's."""


def headers_of(topic: str) -> tuple[Header, ...]:
    """The headers of a topic (name without prefix) that davy writes."""
    return HEADERS.get(topic, ())
