"""How does a rollout's trail travel? A folder with one file per topic, JSON lines or Avro.

JSON lines are for people, an Avro container file carries its schema with it; both hold key,
partition, offset, time and the decoded record, so no registry is needed where they are read.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import fastavro

from streams.errors import LogError, WireError
from streams.replay.records import Sealed, StoredRecord, Trail, trail_of
from streams.wire.avro import Writer
from streams.wire.schemas import load_schema, subject_of, without

NOT_WRITTEN = (AttributeError, KeyError, TypeError, ValueError)
"""What goes wrong beside WireError where a value is of a wholly other form."""

_HEADER = {
    "type": "record",
    "name": "Header",
    "fields": [{"name": "name", "type": "string"}, {"name": "value", "type": "string"}],
}
_SEALED = {
    "name": "sealed",
    "type": [
        "null",
        {
            "type": "record",
            "name": "Sealed",
            "fields": [
                {"name": "topic", "type": "string"},
                {"name": "value", "type": "string"},
                {"name": "headers", "type": {"type": "array", "items": _HEADER}},
            ],
        },
    ],
    "default": None,
}
"""What is told of decisions beside their record: bytes and headers, in base64."""

FIELDS = {"key": str, "partition": int, "offset": int, "at_ms": int, "record": dict}


class Format(StrEnum):
    """The ending of an exported file tells its format."""

    JSONL = "jsonl"
    AVRO = "avro"


def write_trail(trail: Trail, folder: Path, form: Format) -> list[Path]:
    """Write a rollout's records; the files, one per topic. LogError where they cannot be written.

    A file of the other format that an earlier export left is removed: it would be read too.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_write(folder, topic, found, form) for topic, found in trail.records.items()]
    except OSError as problem:
        raise LogError(f"{folder}: cannot be written: {problem}; name another folder") from problem


def read_trail(rollout: str, folder: Path) -> Trail:
    """A rollout's trail from a folder that `write_trail` wrote.

    Raises:
        LogError: a file is missing or cannot be read; with its name and line.
    """
    return trail_of(rollout, lambda topic: read_topic(folder, topic))


def read_topic(folder: Path, topic: str) -> Iterator[StoredRecord]:
    """Records of one topic, ascending by offset; raises as `read_trail`."""
    for form in Format:
        path = folder / f"{topic}.{form}"
        if path.exists():
            fitting = (_fitting(one, topic, path) for one in read_records(path))
            yield from sorted(fitting, key=lambda stored: stored.offset)
            return
    names = " or ".join(f"{topic}.{form}" for form in Format)
    raise LogError(f"{folder}: {names} is missing; write it with davy replay ROLLOUT --export DIR")


def _fitting(stored: StoredRecord, topic: str, path: Path) -> StoredRecord:
    """The record, if it is one of the topic's."""
    try:
        _writer(topic).write(stored.record)
    except (WireError, *NOT_WRITTEN) as problem:
        raise LogError(
            f"{path}: offset {stored.offset} is no record of `{topic}`: {problem}; export again"
        ) from problem
    return stored


@cache
def _writer(topic: str) -> Writer:
    return Writer(load_schema(subject_of(topic).schema))


def read_records(path: Path) -> Iterator[StoredRecord]:
    """Records of one file, in its order; a bare record (no key, no offset) counts by its line.

    Raises:
        LogError: it cannot be read; with name and line.
    """
    rows = _avro_rows(path) if path.suffix == f".{Format.AVRO}" else _json_rows(path)
    for number, row in enumerate(rows, start=1):
        yield _stored(row, path, number)


def _stored(row: Any, path: Path, number: int) -> StoredRecord:
    if isinstance(row, dict) and "record" not in row and isinstance(row.get("rollout"), str):
        key = row["rollout"]
        return StoredRecord(key=key, partition=0, offset=number, at_ms=-1, record=row)
    wrong = [name for name, kind in FIELDS.items() if not _is(row, name, kind)]
    if wrong:
        raise LogError(
            f"{path}:{number}: no record of an export: {', '.join(wrong)} missing or of another "
            "type; export again"
        )
    body = row["record"].get("body")
    if isinstance(body, list):  # JSON knows no pairs; a union of records is one
        row["record"]["body"] = tuple(body)
    sealed = _unsealed(row.get("sealed"), path, number)
    return StoredRecord(sealed=sealed, **{name: row[name] for name in FIELDS})


def _unsealed(told: Any, path: Path, number: int) -> Sealed | None:
    """The signed bytes; JSON knows none, so they stand in base64."""
    if told is None:
        return None
    try:
        headers = tuple((str(h["name"]), b64decode(h["value"])) for h in told["headers"])
        return Sealed(topic=str(told["topic"]), value=b64decode(told["value"]), headers=headers)
    except (TypeError, KeyError, ValueError) as problem:
        raise LogError(f"{path}:{number}: sealed: {problem!r}; export again") from problem


def _sealed(sealed: Sealed | None) -> dict[str, Any] | None:
    if sealed is None:
        return None
    headers = [{"name": n, "value": b64encode(raw).decode()} for n, raw in sealed.headers]
    return {
        "topic": sealed.topic,
        "value": b64encode(sealed.value).decode(),
        "headers": headers,
    }


def _is(row: Any, name: str, kind: type) -> bool:
    return isinstance(row, dict) and isinstance(row.get(name), kind)


def _json_rows(path: Path) -> Iterator[Any]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield json.loads(line)
                except ValueError as problem:
                    raise LogError(f"{path}:{number}: no JSON: {problem}") from problem
    except (OSError, UnicodeDecodeError) as problem:
        raise LogError(f"{path}: cannot be read: {problem}") from problem


def _avro_rows(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as file:
            yield from fastavro.reader(
                file, return_record_name=True, return_record_name_override=True
            )
    except (OSError, ValueError, EOFError, TypeError, KeyError, IndexError) as problem:
        raise LogError(f"{path}: no Avro container file: {problem!r}; export again") from problem


def _write(folder: Path, topic: str, records: Iterable[StoredRecord], form: Format) -> Path:
    for other in set(Format) - {form}:
        (folder / f"{topic}.{other}").unlink(missing_ok=True)
    path = folder / f"{topic}.{form}"
    rows = (_row(stored) for stored in records)
    if form is Format.AVRO:
        with path.open("wb") as file:
            fastavro.writer(file, _envelope(topic), rows, codec="deflate")
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def _row(stored: StoredRecord) -> dict[str, Any]:
    row = {name: getattr(stored, name) for name in FIELDS}
    sealed = _sealed(stored.sealed)
    return row if sealed is None else row | {"sealed": sealed}


def _envelope(topic: str) -> Any:
    plain = {"key": "string", "partition": "int", "offset": "long", "at_ms": "long"}
    fields = [{"name": name, "type": kind} for name, kind in plain.items()]
    ours = without(load_schema(subject_of(topic).schema), "logicalType")
    record = {"name": "record", "type": ours}
    schema = {"type": "record", "name": "Stored", "namespace": "davy.export"}
    return fastavro.parse_schema(schema | {"fields": [*fields, record, _SEALED]})
