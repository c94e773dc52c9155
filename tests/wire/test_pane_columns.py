"""Beginnings of records of `panes`, and closed panes as columns."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.wire.body_layout import BodyLayout, Needed, body_layout, from_records
from streams.wire.codec import Codec
from streams.wire.framing import frame
from streams.wire.pane_columns import PANE, PaneColumns, joined, pane_columns
from streams.wire.preamble import MOST_LENGTHS, Preamble, Preambles
from streams.wire.resolution import expanded
from streams.wire.schemas import load_schema
from streams.wire.store import LocalSchemaStore
from tests.wire import samples
from tests.wire.evolved import body as written
from tests.wire.samples import RECORDS

OF_PANES = RECORDS["panes"]
CLOSED = [record for record in OF_PANES if record["body"][0] == "davy.Pane"]
ILL = samples.PANE | {"rollout": "ü" * 40, "cells": []}


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec(LocalSchemaStore())


def begun(codec: Codec, value: bytes) -> Preamble:
    """What a value begins with."""
    found = Preambles(codec).of(value)
    assert found is not None
    return found


def layout(codec: Codec, needed: Needed = PANE) -> BodyLayout:
    """How panes of today's schema are read."""
    found = body_layout(begun(codec, codec.encode("panes", CLOSED[0])).schema, needed)
    assert found is not None
    return found


def bodies(codec: Codec, *changes: dict[str, Any]) -> list[bytes]:
    """Panes as they stand inside of their records."""
    values = [codec.encode("panes", CLOSED[0] | {"body": ("davy.Pane", each)}) for each in changes]
    return [value[begun(codec, value).begin :] for value in values]


def told(columns: PaneColumns) -> dict[str, Any]:
    """Columns as plain values."""
    names = {
        name: [getattr(columns, name).names[code] for code in getattr(columns, name).codes]
        for name in ("rollout", "spec_hash", "segment", "arm", "class_name")
    }
    counts = {
        name: [
            getattr(getattr(columns, name), part).tolist() for part in ("cell", "index", "count")
        ]
        for name in ("latency", "scores", "confidences")
    }
    plain = ("pane", "cell_pane", "exposures", "errors", "class_cell", "class_count")
    return names | counts | {name: getattr(columns, name).tolist() for name in plain}


class TestPreamble:
    @pytest.mark.parametrize("record", OF_PANES, ids=lambda record: record["body"][0])
    def test_of_every_kind(self, codec: Codec, record: dict[str, Any]) -> None:
        """Where the body begins: what stands before it is the same, whatever the body is."""
        value = codec.encode("panes", record)
        found = begun(codec, value)
        assert f"davy.{found.kind}" == record["body"][0]
        assert (found.source, found.source_partition) == (record["source"], 1)
        assert found.pane_ms == 1000
        assert found.schema["name"].endswith(found.kind)

    def test_what_has_the_same_beginning_is_read_once(self, codec: Codec) -> None:
        preambles = Preambles(codec)
        one, other, third = (codec.encode("panes", each) for each in (*CLOSED[:2], OF_PANES[4]))
        assert preambles.of(one) is preambles.of(other)
        assert preambles.of(third) is not preambles.of(one)

    @pytest.mark.parametrize("large", [63, 64, 8191, 8192, 2**31 - 1])
    def test_numbers_of_any_size(self, codec: Codec, large: int) -> None:
        record = CLOSED[0] | {"source_partition": large, "source": "outcomes"}
        found = begun(codec, codec.encode("panes", record))
        assert (found.source, found.source_partition) == ("outcomes", large)

    def test_what_is_no_usual_one(self, codec: Codec) -> None:
        """Too short, of nobody's schema, in long form: whoever reads all of it finds out."""
        preambles, value = Preambles(codec), codec.encode("panes", CLOSED[0])
        long_form = value[:5] + bytes([value[5] | 0x80, 0]) + value[6:]
        endless = value[:5] + b"\x80" * 1_000_000
        unknown = frame(10_000, value[5:])
        other_topic = codec.encode("leases", RECORDS["leases"][0])
        odd = [None, b"", value[:4], value[:9], long_form, endless, unknown, other_topic]
        assert [preambles.of(each) for each in odd] == [None] * len(odd)
        no_text = value.replace(b"predictions", b"prediction\xff")
        assert preambles.of(no_text) is None

    def test_a_flood_of_beginnings_is_not_remembered(self, codec: Codec) -> None:
        """Each is read all the same."""
        preambles = Preambles(codec)
        for length in range(3 * MOST_LENGTHS):
            record = CLOSED[0] | {"source": "s" * length}
            found = preambles.of(codec.encode("panes", record))
            assert found is not None
            assert found.source == "s" * length
        assert len(preambles._lengths) == MOST_LENGTHS


class TestColumns:
    def test_as_records_that_are_read_one_by_one(self, codec: Codec) -> None:
        """All that a cell may hold beside what is read here, or no cell at all."""
        panes = [record["body"][1] for record in CLOSED] + [ILL]
        structs, trusted = layout(codec).decode(bodies(codec, *panes))
        assert trusted.all()
        columns = told(pane_columns(structs))
        assert columns == told(pane_columns(from_records(panes, PANE)))
        assert columns["rollout"] == ["r", "r", "r", "ü" * 40]
        assert columns["cell_pane"] == [0, 0, 1, 2]
        assert columns["latency"][1] == [3, 700] * 4
        assert columns["class_name"] == ["7"] * 4

    def test_what_is_left_over_is_not_trusted(self, codec: Codec) -> None:
        good, bad = bodies(codec, samples.PANE, samples.PANE)
        _, trusted = layout(codec).decode([good, bad + b"\x00", good])
        assert trusted.tolist() == [True, False, True]

    def test_what_cannot_be_decoded(self, codec: Codec) -> None:
        good, ill = bodies(codec, samples.PANE, ILL)
        for bad in (good[:-7], ill.replace("ü".encode(), b"\xff\xff")):
            with pytest.raises(ValueError, match=r"."):
                layout(codec).decode([good, bad])

    def test_as_many_counts_as_buckets(self) -> None:
        spoilt = copy.deepcopy(samples.PANE)
        spoilt["cells"][0]["latency"] = {"index": [1], "count": [1, 2]}
        with pytest.raises(ValueError, match="as many counts"):
            pane_columns(from_records([spoilt], PANE))

    def test_parts_are_put_in_order(self) -> None:
        """As batches of two writers' schemas come, one after the other."""
        panes = [samples.PANE | {"pane": number} for number in range(4)]
        parts = [
            (np.array([1, 3]), from_records([panes[1], panes[3]], PANE)),
            (np.array([0, 2]), from_records([panes[0], panes[2]], PANE)),
        ]
        rows, structs = joined(parts)
        assert rows.tolist() == pane_columns(structs).pane.tolist() == [0, 1, 2, 3]


class TestWriters:
    @pytest.fixture
    def newer(self) -> dict[str, Any]:
        """A schema of tomorrow: cells hold more."""
        schema = load_schema("pane")
        cell = _cell_of(schema)
        cell["fields"].insert(1, {"name": "zone", "type": ["null", "string"], "default": None})
        return schema

    def registered(self, tmp_path: Path, schema: dict[str, Any]) -> tuple[Codec, int]:
        store = LocalSchemaStore(tmp_path / "ids.json")
        Codec(store).register()
        return Codec(store), store.register("tomorrow", json.dumps(schema), "BACKWARD_TRANSITIVE")

    def test_of_another_version_that_holds_what_is_needed(
        self, tmp_path: Path, newer: dict[str, Any]
    ) -> None:
        """Its panes are decoded at once, too."""
        codec, schema_id = self.registered(tmp_path, newer)
        cells = [each | {"zone": "a"} for each in samples.PANE["cells"]]
        record = CLOSED[0] | {"body": ("davy.Pane", samples.PANE | {"cells": cells})}
        value = frame(schema_id, written(newer, record))
        found = begun(codec, value)
        made = body_layout(found.schema, PANE)
        assert made is not None
        structs, trusted = made.decode([value[found.begin :]])
        assert trusted.tolist() == [True]
        assert told(pane_columns(structs)) == told(pane_columns(from_records([samples.PANE], PANE)))

    def test_of_one_that_lacks_something(self) -> None:
        """What is missing has a default, which reading one by one fills in."""
        schema = load_schema("pane")
        assert body_layout(_pane_of(expanded(schema)), PANE) is not None
        cell = _cell_of(schema)
        cell["fields"] = [each for each in cell["fields"] if each["name"] != "errors"]
        assert body_layout(_pane_of(expanded(schema)), PANE) is None


def _pane_of(schema: dict[str, Any]) -> Any:
    body = next(each for each in schema["fields"] if each["name"] == "body")
    return next(each for each in body["type"] if each["name"] == "Pane")


def _cell_of(schema: dict[str, Any]) -> Any:
    cells = next(each for each in _pane_of(schema)["fields"] if each["name"] == "cells")
    return cells["type"]["items"]
