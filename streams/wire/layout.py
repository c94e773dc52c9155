"""How does pyruhvro read one writer's records of a topic, and which rows of it can be trusted?

pyruhvro sees the same bytes under a schema of its own: the registry header as a boolean and a
float, enums and ints as longs, names and documentation left out. It checks neither UTF-8 nor
left-over bytes; `trusted` does, for a whole batch at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pyarrow as pa
import pyruhvro
from numpy.typing import NDArray

from streams.wire.arrow_types import arrow_type, fits, kind, shaped
from streams.wire.framing import HEADER_BYTES
from streams.wire.lengths import lengths, numbers
from streams.wire.schemas import Schema

_HEADER = ({"name": "davy__magic", "type": "boolean"}, {"name": "davy__id", "type": "float"})
HEADER_FIELDS = len(_HEADER)
_ASCII = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One writer's schema as pyruhvro is to read it, and where our fields are in it."""

    writer: dict[str, Any]
    pyruhvro_json: str
    columns: dict[str, int | None]
    """Positions by field of ours, None if absent."""
    types: dict[str, Any]
    """Arrow types by field of ours."""
    symbols: dict[str, NDArray[np.int8]]
    """By enum of ours, our numbers by the writer's; -1 for symbols that we do not know."""

    def decode(self, values: Sequence[bytes]) -> tuple[dict[str, Any], NDArray[np.bool_]]:
        """Arrow arrays by field of ours and, per row, whether it holds what was written.

        Framed values of this writer's schema id; none of them empty.

        Raises:
            ValueError: some row cannot be decoded or is not UTF-8; which one is not known.
        """
        given = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
        return self.shape(self._arrays(values), given)

    def shape(
        self, arrays: Sequence[Any], given: NDArray[np.int64]
    ) -> tuple[dict[str, Any], NDArray[np.bool_]]:
        """The same of what pyruhvro read of the body, for values of so many bytes each."""
        usual = HEADER_BYTES + sum(
            lengths(array, field["type"])
            for array, field in zip(arrays, self.writer["fields"], strict=True)
        )
        trusted: NDArray[np.bool_] = given == usual
        held = {}
        for name, at in self.columns.items():
            if at is None:
                held[name] = pa.nulls(len(given), self.types[name])
            elif name in self.symbols:
                ours = self._ours(name, numbers(arrays[at]))
                trusted &= ours >= 0
                held[name] = pa.array(ours)
            else:
                held[name] = shaped(arrays[at], self.types[name])
        return held, trusted

    def _ours(self, name: str, written: NDArray[np.int64]) -> NDArray[np.int8]:
        """Our numbers of the writer's symbols; -1 where we know none."""
        table = self.symbols[name]
        known = (written >= 0) & (written < len(table))
        return np.where(known, table[np.where(known, written, 0)], np.int8(-1))

    def reads(self, values: Sequence[bytes]) -> bool:
        """Whether `decode` takes all of these values."""
        try:
            self._arrays(values)
        except ValueError:
            return False
        return True

    def _arrays(self, values: Sequence[bytes]) -> Any:
        arrays = read_arrow(values, self.pyruhvro_json).columns[HEADER_FIELDS:]
        for array in arrays:
            check_text(array)
        return arrays


def read_arrow(values: Sequence[bytes], schema_json: str) -> Any:
    """A record batch of what pyruhvro reads; neither texts nor lengths are checked.

    Raises:
        ValueError: some value cannot be decoded; which one is not known.
    """
    try:
        return pyruhvro.deserialize_array(values, schema_json)
    except BaseException as failure:
        # A Rust panic is no Exception; it leaves nothing behind and must not end the worker.
        if type(failure).__name__ != "PanicException":
            raise
        raise ValueError(f"pyruhvro panicked: {failure}") from failure


def layout_of(writer: dict[str, Any], reader: dict[str, Any]) -> Layout | None:
    """The layout for expanded schemas; None where pyruhvro or davy cannot take the writer's."""
    form = rewritten(writer, count()) if fits(writer, reader) else None
    if form is None:
        return None
    form["fields"] = [*_HEADER, *form["fields"]]
    at = {field["name"]: i for i, field in enumerate(writer["fields"])}
    ours = {field["name"]: field["type"] for field in reader["fields"]}
    return Layout(
        writer=writer,
        pyruhvro_json=json.dumps(form),
        columns={name: at.get(name) for name in ours},
        types={name: arrow_type(schema) for name, schema in ours.items()},
        symbols={
            name: _numbers(writer["fields"][at[name]]["type"]["symbols"], schema["symbols"])
            for name, schema in ours.items()
            if kind(schema) == "enum" and name in at
        },
    )


def _numbers(written: list[str], ours: list[str]) -> NDArray[np.int8]:
    return np.array([ours.index(s) if s in ours else -1 for s in written], dtype=np.int8)


def rewritten(schema: Schema, serial: Iterator[int]) -> Any:  # noqa: PLR0911 - a form each
    """The schema as pyruhvro is to see it, wire-compatible; None where there is no such thing."""
    match schema:
        case {"type": "record", "fields": [_, *_] as fields}:
            types = [rewritten(field["type"], serial) for field in fields]
            held = [{"name": f["name"], "type": t} for f, t in zip(fields, types, strict=True)]
            whole = {"type": "record", "name": f"r{next(serial)}", "fields": held}
            return None if None in types else whole
        case {"type": "map", "values": inner}:
            values = rewritten(inner, serial)
            return values and {"type": "map", "values": values}
        case {"type": "array", "items": inner}:
            items = rewritten(inner, serial)
            return items and {"type": "array", "items": items}
        case ["null", list()] | [list(), "null"] | ["null", "null"]:
            return None
        case ["null", inner]:
            value = rewritten(inner, serial)
            return value and ["null", value]
        case [inner, "null"]:
            value = rewritten(inner, serial)
            return value and [value, "null"]
        case list():
            return None
        case _:
            return _SCALARS.get(kind(schema))


_SCALARS = {
    "boolean": "boolean",
    "int": "long",  # pyruhvro cuts ints down to 32 bits unseen
    "long": "long",
    "float": "float",
    "double": "double",
    "string": "string",
    "enum": "long",
}


def check_text(array: Any) -> None:
    """Raises ValueError where a string, at any depth, is not UTF-8."""
    kind = array.type
    if pa.types.is_string(kind):
        data = array.buffers()[2]
        if data is not None and np.frombuffer(data, dtype=np.uint8).max(initial=0) >= _ASCII:
            array.validate(full=True)
    elif pa.types.is_map(kind):
        check_text(array.keys)
        check_text(array.items)
    elif pa.types.is_list(kind):
        check_text(array.values)
    elif pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            check_text(array.field(index))
