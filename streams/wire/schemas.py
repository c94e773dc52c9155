"""Which schema does each topic carry, under which subject, and how may it evolve?

The schemas are the files `schemas/*.avsc`; an installed wheel has them in `streams/_schemas`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from streams.errors import WireError

Schema: TypeAlias = Any
"""An Avro schema as JSON values: a name, a list (union) or an object."""

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "_schemas", _PACKAGE.parent / "schemas")


class Compatibility(StrEnum):
    """What a new version of a schema owes the earlier ones."""

    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"  # the new one reads all that was written
    FULL_TRANSITIVE = "FULL_TRANSITIVE"  # and every earlier one reads what the new one writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a topic carries. `topic` is the name without the prefix."""

    topic: str
    schema: str
    """Name of the file in `schemas/`, without `.avsc`."""
    key: str
    """What the record's key is."""
    compatibility: Compatibility

    def name(self, prefix: str = "") -> str:
        """The subject under which a registry keeps the schema: `<prefix><topic>-value`."""
        return f"{prefix}{self.topic}-value"


def _subjects() -> Iterator[Subject]:
    backward, full = Compatibility.BACKWARD_TRANSITIVE, Compatibility.FULL_TRANSITIVE
    unit = "unit: hash of the user where routing is sticky, else request id"
    cell = "`<source topic>/<partition>/<what>`"
    progress = "`progress/<source topic>/<partition>`"
    for topic, schema, key, compatibility in (
        ("predictions", "prediction", unit, backward),
        ("outcomes", "outcome", unit, backward),
        ("resources", "resource_sample", "pod", backward),
        ("rollouts", "rollout_spec", "rollout id", backward),
        ("commands", "command", "rollout id", backward),
        ("cells", "cell", cell, backward),
        ("panes", "pane", f"rollout id, or {progress} for what concerns all of them", backward),
        ("judge-state", "judge_state", "rollout id", backward),
        ("decisions", "decision", "rollout id", full),
        ("leases", "lease", "rollout id", backward),
        ("routing", "routing_state", "rollout id", full),
    ):
        yield Subject(topic=topic, schema=schema, key=key, compatibility=compatibility)


SUBJECTS: Mapping[str, Subject] = MappingProxyType({s.topic: s for s in _subjects()})
"""By topic name without prefix; `dead-letters` carries raw bytes and has none."""


def subject_of(topic: str) -> Subject:
    """What the topic (name without prefix) carries.

    Raises:
        WireError: the topic has no schema.
    """
    try:
        return SUBJECTS[topic]
    except KeyError:
        known = ", ".join(SUBJECTS)
        raise WireError(f"topic {topic!r} has no schema; topics with one: {known}") from None


def schema_folder() -> Path:
    """Where the `.avsc` files and `ids.json` lie."""
    for place in _PLACES:
        if (place / "prediction.avsc").is_file():
            return place
    looked = " and ".join(str(place) for place in _PLACES)
    raise WireError(f"no schemas in {looked}; install davy again")


@cache
def schema_text(name: str) -> str:
    """The schema as compact JSON, as it is registered."""
    path = schema_folder() / f"{name}.avsc"
    try:
        return json.dumps(json.loads(path.read_text(encoding="utf-8")), separators=(",", ":"))
    except OSError as failure:
        raise WireError(f"no schema {name!r} at {path}; see schemas/README.md") from failure


def load_schema(name: str) -> dict[str, Any]:
    """The Avro schema of `schemas/<name>.avsc`, as JSON values; the caller owns the copy.

    Raises:
        WireError: there is no such file.
    """
    schema: dict[str, Any] = json.loads(schema_text(name))
    return schema


def without(schema: Schema, *keys: str) -> Schema:
    """The schema without these attributes (`doc`, `logicalType`), at every level.

    >>> without({"type": "long", "logicalType": "timestamp-millis"}, "logicalType")
    {'type': 'long'}
    """
    match schema:
        case dict():
            kept = {k: v for k, v in schema.items() if k not in keys}
            nested = ("type", "items", "values", "fields")
            return {k: without(v, *keys) if k in nested else v for k, v in kept.items()}
        case list():
            return [without(item, *keys) for item in schema]
        case _:
            return schema
