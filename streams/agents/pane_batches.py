"""How are closed panes read for the judge? Those of a batch at once, as far as they are usual ones.

A record that is not usual is read by itself (`OwnRecords`), which tells what is wrong with it; so
are few, and those of a schema that was not met before: the registry is asked there, and only there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streams.panes import cell_columns
from streams.wire.codec import Codec
from streams.wire.framing import schema_id_of
from streams.wire.preamble import TOPIC, Begun, Layouts, Preamble, Preambles

KIND = "Pane"
TOGETHER, TOGETHER_BYTES = 128, 1 << 20
"""Records, and bytes of them, that are read at once: in their time nothing else goes on."""
LEAST_BYTES = 8192
"""Panes shorter than that, all together, are not worth it."""


class PaneBatches:
    """Reads closed panes of one partition of `panes`."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._preambles = Preambles(codec)
        self._layouts = Layouts({KIND: cell_columns.NEEDED})

    def read(self, records: Sequence[Any]) -> Iterator[tuple[Any, Mapping[str, Any] | None]]:
        """Each record, decoded where it is a usual pane; else None."""
        for some in _parted(records):
            found = self._found([record.value for record in some])
            for place, record in enumerate(some):
                yield record, found.get(place)

    def _found(self, values: Sequence[bytes | None]) -> dict[int, Mapping[str, Any]]:
        """Place -> the pane that is there."""
        by_schema: dict[int, list[tuple[int, Preamble]]] = {}
        for place, value in enumerate(values):
            known = self._codec.knows(TOPIC, schema_id_of(value))
            told = self._preambles.of(value) if known else None
            if told is not None and told.kind == KIND:
                by_schema.setdefault(told.schema_id, []).append((place, told))
        found: dict[int, Mapping[str, Any]] = {}
        for begun in by_schema.values():
            found |= self._decoded(values, begun)
        return found

    def _decoded(self, values: Sequence[bytes | None], begun: Begun) -> dict[int, Any]:
        if sum(len(values[place] or b"") for place, _ in begun) < LEAST_BYTES:
            return {}
        decoded = self._layouts.decode(values, begun)
        if decoded is None:
            return {}
        structs, trusted = decoded
        try:
            panes = cell_columns.pane_bodies(structs)
        except ValueError:  # somewhere among them: each by itself tells where
            return {}
        return {
            place: _record(told, pane)
            for (place, told), pane, usual in zip(begun, panes, trusted.tolist(), strict=True)
            if usual and pane is not None
        }


def _parted(records: Sequence[Any]) -> Iterator[Sequence[Any]]:
    begin = size = 0
    for place, record in enumerate(records):
        if place - begin == TOGETHER or size >= TOGETHER_BYTES:
            yield records[begin:place]
            begin, size = place, 0
        size += len(record.value or b"")
    yield records[begin:]


def _record(told: Preamble, pane: dict[str, Any]) -> Mapping[str, Any]:
    return {
        "source": told.source,
        "source_partition": told.source_partition,
        "source_partitions": told.source_partitions,
        "rollout_partitions": told.rollout_partitions,
        "pane_ms": told.pane_ms,
        "body": (f"davy.{KIND}", pane),
    }
