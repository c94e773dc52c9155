"""What readers that are not ours must see of a record of ours."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from fastavro import json_writer, parse_schema

from streams.wire.schemas import load_schema, subject_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def avro_json(topic: str, record: dict[str, Any]) -> Any:
    """The record in Avro's own JSON encoding, by fastavro; what is no number is its name."""
    text = io.StringIO()
    json_writer(text, _parsed(topic), [record])
    return json.loads(text.getvalue(), parse_constant=str)


@cache
def _parsed(topic: str) -> Any:
    return parse_schema(load_schema(subject_of(topic).schema))


def plain(value: Any) -> Any:
    """A record of ours without the names of its branches."""
    match value:
        case tuple():
            return plain(value[1])
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
        case _:
            return value


def with_milliseconds(value: Any) -> Any:
    """A foreign reader's value with its dates as milliseconds since the epoch."""
    match value:
        case datetime():
            return (value - EPOCH) // timedelta(milliseconds=1)
        case dict():
            return {key: with_milliseconds(inner) for key, inner in value.items()}
        case list():
            return [with_milliseconds(inner) for inner in value]
        case _:
            return value


def latin(raw: bytes | None) -> str | None:
    """Bytes as the Java reader tells them."""
    return None if raw is None else raw.decode("iso-8859-1")
