"""How are records that stand inside of others decoded at once, of each no more than is needed?

Like `layout.py`, for bodies that were cut out of their records: no header stands before them, and
lists may be in them. What is needed is told as a tree of names: `{"pane": "long", "ids": ["int"]}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.wire.layout import check_text, read_arrow, rewritten
from streams.wire.lengths import lengths
from streams.wire.resolution import kind_of
from streams.wire.schemas import Schema

Needed = Mapping[str, Any]
"""Field -> its kind (`string`, `int`, `long`), `[kind of its items]`, or a record's own tree.

Of one that may be null, `given`: whether it is there, and nothing else (not in `from_records`).
"""
_ARROW = {"string": pa.string(), "int": pa.int64(), "long": pa.int64()}


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLayout:
    """How bodies of one writer's schema are read, and what is kept of them."""

    schema: Schema
    pyruhvro_json: str
    needed: Needed

    def decode(self, bodies: Sequence[bytes]) -> tuple[Any, NDArray[np.bool_]]:
        """What is needed as Arrow structs, and which of them surely hold what was written.

        Raises:
            ValueError: a body cannot be decoded or is not UTF-8; which one is not known.
        """
        read = read_arrow(bodies, self.pyruhvro_json)
        for array in read.columns:
            check_text(array)
        given = np.fromiter(map(len, bodies), dtype=np.int64, count=len(bodies))
        fields = self.schema["fields"]
        usual = sum(lengths(a, f["type"]) for a, f in zip(read.columns, fields, strict=True))
        whole = dict(zip([field["name"] for field in fields], read.columns, strict=True))
        trusted: NDArray[np.bool_] = given == usual
        return _structs({name: _part(whole[name], of) for name, of in self.needed.items()}), trusted


def body_layout(schema: Schema, needed: Needed) -> BodyLayout | None:
    """The layout of an expanded schema; None where it gives not all, or pyruhvro cannot read it."""
    form = rewritten(schema, count()) if _gives(schema, needed) else None
    if form is None:
        return None
    return BodyLayout(schema=schema, pyruhvro_json=json.dumps(form), needed=needed)


def from_records(records: Sequence[Mapping[str, Any]], needed: Needed) -> Any:
    """The same structs of records that were decoded one by one."""
    return pa.array(list(records), _arrow_type(needed))


def chosen(structs: Any, places: NDArray[np.int64]) -> Any:
    """The structs at these places."""
    return structs.take(pa.array(places))


def _gives(schema: Schema, needed: Any) -> bool:
    match schema, needed:
        case {"type": "record", "fields": fields}, dict():
            held = {field["name"]: field["type"] for field in fields}
            return all(name in held and _gives(held[name], of) for name, of in needed.items())
        case {"type": "array", "items": items}, [of]:
            return _gives(items, of)
        case ["null", _], "given":
            return True
        case _:
            return bool(kind_of(schema) == needed)


def _part(array: Any, needed: Any) -> Any:
    """An array that came whole from one decode, without what nobody asks for."""
    match needed:
        case dict():
            return _structs({name: _part(array.field(name), of) for name, of in needed.items()})
        case [of]:
            return pa.ListArray.from_arrays(array.offsets, _part(array.values, of))
        case "given":
            return array.is_valid()
        case _:
            return array


def _structs(held: Mapping[str, Any]) -> Any:
    return pa.StructArray.from_arrays([*held.values()], names=[*held])


def _arrow_type(needed: Any) -> Any:
    match needed:
        case dict():
            return pa.struct([(name, _arrow_type(of)) for name, of in needed.items()])
        case [of]:
            return pa.list_(_arrow_type(of))
        case _:
            return _ARROW[needed]
