"""Versions of the prediction schema that other producers may write."""

import io
import json
from typing import Any

import fastavro

from streams.wire.schemas import load_schema


def _fields(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {field["name"]: field for field in schema["fields"]}


def newer() -> dict[str, Any]:
    """Ours with optional fields of every shape, in front and behind, and one more status.

    `llm` has its fields in another order, one more and one less.
    """
    schema = load_schema("prediction")
    extra = [
        {"name": "region", "type": ["null", "string"], "default": None},
        {"name": "retries", "type": "int", "default": 0},
        {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
        {
            "name": "gateway",
            "type": [
                {
                    "type": "record",
                    "name": "Gateway",
                    "fields": [
                        {"name": "host", "type": "string"},
                        {"name": "hops", "type": {"type": "map", "values": ["long", "null"]}},
                    ],
                },
                "null",
            ],
            "default": {"host": "", "hops": {}},
        },
    ]
    schema["fields"] = [extra[0], *schema["fields"], *extra[1:]]
    llm = _fields(schema)["llm"]["type"]
    llm.reverse()
    llm[0]["fields"] = [
        {"name": "cost", "type": ["null", "double"], "default": None},
        *(field for field in reversed(llm[0]["fields"]) if field["name"] != "tpot_ms"),
    ]
    _fields(schema)["llm"].pop("default")
    _fields(schema)["status"]["type"]["symbols"] = ["OK", "CANCELLED", "TIMEOUT", "ERROR"]
    return schema


def older() -> dict[str, Any]:
    """Ours before it had optional fields."""
    schema = load_schema("prediction")
    gone = {"unit", "predicted_class", "score", "confidence", "segments", "llm"}
    schema["fields"] = [field for field in schema["fields"] if field["name"] not in gone]
    return schema


def exotic() -> dict[str, Any]:
    """Legal, and nothing that the fast path takes: a union of three types, float latency."""
    schema = load_schema("prediction")
    fields = _fields(schema)
    fields["unit"]["type"] = ["null", "bytes", "string"]
    fields["latency_ms"]["type"] = "float"
    return schema


def text(schema: dict[str, Any]) -> str:
    return json.dumps(schema)


def body(schema: dict[str, Any], record: dict[str, Any]) -> bytes:
    """The record as a foreign producer writes it."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return out.getvalue()
