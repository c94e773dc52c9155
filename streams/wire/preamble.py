"""Of which kind is a record of `panes`, and where does its body begin?

All that one source partition tells of one kind begins with the same bytes, so each beginning is
read once. None is the beginning of another one: numbers and texts tell where they end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.errors import RegistryError
from streams.wire.body_layout import BodyLayout, Needed, body_layout
from streams.wire.codec import Codec
from streams.wire.framing import HEADER_BYTES, schema_id_of
from streams.wire.reasons import BadRecord
from streams.wire.resolution import kind_of
from streams.wire.schemas import Schema
from streams.wire.varints import number_at

TOPIC = "panes"
MOST, MOST_LENGTHS = 4096, 32
"""Beginnings that are remembered, and how many lengths they may have."""
_INT = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Preamble:
    """What stands before the body of a record."""

    schema_id: int
    source: str
    """Topic without prefix."""
    source_partition: int
    source_partitions: int
    rollout_partitions: int
    """0 where its writer told none."""
    pane_ms: int
    kind: str
    """Name of the body's record, without namespace: `Pane`, `Progress` ..."""
    schema: Schema
    """How the body was written, expanded."""
    begin: int
    """Bytes of the value before the body, the registry header among them."""


class Preambles:
    """Reads beginnings. For one thread."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._known: dict[bytes, Preamble] = {}
        self._lengths: tuple[int, ...] = ()

    def of(self, value: bytes | None) -> Preamble | None:
        """What the value begins with; None where it is no usual one: then read all of it."""
        if value is None:
            return None
        for length in self._lengths:
            known = self._known.get(value[:length])
            if known is not None:
                return known
        found = self._read(value)
        if found is not None:
            self._keep(value[: found.begin], found)
        return found

    def _read(self, value: bytes) -> Preamble | None:
        schema_id = schema_id_of(value)
        if schema_id is None:
            return None
        try:
            writer = self._codec.reader(TOPIC, schema_id).writer
        except (BadRecord, RegistryError):
            return None  # whoever reads all of it finds the same, and tells
        match writer:
            case {"type": "record", "fields": [*fields, {"name": "body", "type": [*bodies]}]}:
                return _preamble(value, schema_id, fields, bodies)
            case _:
                return None

    def _keep(self, beginning: bytes, found: Preamble) -> None:
        lengths = {*self._lengths, found.begin}
        if len(self._known) < MOST and len(lengths) <= MOST_LENGTHS:
            self._known[beginning] = found
            self._lengths = tuple(sorted(lengths))


Begun = Sequence[tuple[int, Preamble]]
"""Places of values, with what each begins with."""
Decoded = tuple[Any, NDArray[np.bool_]]
"""Arrow structs, and which of them can be trusted."""


class Layouts:
    """How the bodies behind beginnings are decoded at once, found once for each kind."""

    def __init__(self, needed: Mapping[str, Needed]) -> None:
        """What is needed of each kind; the others are not asked about."""
        self._needed = needed
        self._known: dict[tuple[int, str], BodyLayout | None] = {}

    def decode(self, values: Sequence[bytes | None], begun: Begun) -> Decoded | None:
        """The bodies of values of one schema and kind, as `BodyLayout.decode`.

        None where they must be read one by one: that tells which cannot be read.
        """
        layout = self._of(begun[0][1])
        if layout is None:
            return None
        try:
            return layout.decode([(values[place] or b"")[told.begin :] for place, told in begun])
        except ValueError:
            return None

    def _of(self, told: Preamble) -> BodyLayout | None:
        key = told.schema_id, told.kind
        if key not in self._known:
            self._known[key] = body_layout(told.schema, self._needed[told.kind])
        return self._known[key]


def _preamble(
    value: bytes, schema_id: int, fields: Sequence[Schema], bodies: Sequence[Schema]
) -> Preamble | None:
    told: dict[str, Any] = {}
    at = HEADER_BYTES
    try:
        for field in fields:
            told[field["name"]], at = _value(value, at, kind_of(field["type"]))
        branch, at = number_at(value, at)
        match bodies[branch] if branch >= 0 else None:
            case {"type": "record", "name": str(name)} as schema:
                return Preamble(
                    schema_id=schema_id,
                    source=told["source"],
                    source_partition=told["source_partition"],
                    source_partitions=told["source_partitions"],
                    rollout_partitions=told.get("rollout_partitions", 0),
                    pane_ms=told["pane_ms"],
                    kind=name.rpartition(".")[2],
                    schema=schema,
                    begin=at,
                )
            case _:
                return None
    except (LookupError, ValueError):
        return None


def _value(value: bytes, at: int, kind: str) -> tuple[int | str, int]:
    """The value that begins at a place, and where it ends. ValueError where it is no usual one."""
    number, end = number_at(value, at)
    match kind:
        case "long":
            return number, end
        case "int" if -_INT <= number < _INT:
            return number, end
        case "string" if 0 <= number <= len(value) - end:
            return value[end : end + number].decode(), end + number
        case _:
            raise ValueError(f"no usual {kind}")
