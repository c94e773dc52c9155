"""How is a report told to a program? One JSON object, and the schema that it follows."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from streams.report.facts import Report


@cache
def _adapter() -> TypeAdapter[Report]:
    return TypeAdapter(Report)


def as_json(report: Report) -> str:
    """The report as JSON on one line; the same report gives the same text."""
    return _adapter().dump_json(report).decode()


def report_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what `as_json` writes."""
    schema = _adapter().json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "description": (
            "What `davy report --json` prints. Times are milliseconds since the epoch, shares "
            "basis points, log_e natural logarithms of e-values."
        ),
    }


def schema_text() -> str:
    """The schema as it is stored."""
    return json.dumps(report_schema(), indent=2) + "\n"
