"""What lies in the log, decoded with fastavro alone."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastavro import parse_schema, schemaless_reader

from streams.wire.schemas import schema_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A record as it lies in the log."""

    partition: int
    key: str
    schema_id: int
    record: dict[str, Any]


Read = Callable[[str, int], list[Arrived]]


def arrived(topic: str, message: Any) -> Arrived:
    value = message.value()
    assert value[0] == 0
    file = {"predictions": "prediction", "outcomes": "outcome"}[topic]
    text = (schema_folder() / f"{file}.avsc").read_text(encoding="utf-8")
    body = io.BytesIO(value[5:])
    record = schemaless_reader(body, parse_schema(json.loads(text)), None)
    assert body.read() == b""
    assert isinstance(record, dict)
    return Arrived(
        partition=message.partition(),
        key=message.key().decode(),
        schema_id=int.from_bytes(value[1:5], "big"),
        record=record,
    )
