"""Panes that are read at once are those that are read one by one; what is not usual is left."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.agents import pane_batches
from streams.agents.desk import Desk
from streams.agents.pane_batches import PaneBatches
from streams.errors import RegistryAway
from streams.panes.facts import Cells, cells_from_states, cells_to_states
from streams.sketches.unit_cell import UnitCell
from streams.wire.avro import Writer
from streams.wire.codec import Codec
from streams.wire.framing import HEADER_BYTES, frame
from streams.wire.schemas import Schema, load_schema
from streams.wire.store import LocalSchemaStore
from tests.agents.test_desk import SPEC, log_of
from tests.panes.test_cell_bytes import keys
from tests.sketches.test_cell import cells as any_cells
from tests.wire.samples import RECORDS

CODEC = Codec(LocalSchemaStore())
SOURCE = {
    "source": "predictions",
    "source_partition": 3,
    "source_partitions": 4,
    "rollout_partitions": 2,
    "pane_ms": 1000,
}
OTHER = 999
MORE = {"rollout_partitions": 2}
a_pane = st.dictionaries(keys, any_cells(), max_size=4)


@pytest.fixture(autouse=True)
def few_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pane_batches, "LEAST_BYTES", 0)
    monkeypatch.setattr(pane_batches, "TOGETHER", 3)


CODEC.know(["panes"])


def record(rollout: str, pane: int, cells: Cells) -> dict[str, Any]:
    told = {"rollout": rollout, "spec_hash": "ab", "pane": pane, "cells": cells_to_states(cells)}
    return SOURCE | {"body": ("davy.Pane", told)}


def read(values: list[bytes | None]) -> list[Any]:
    records = [SimpleNamespace(value=value, offset=at) for at, value in enumerate(values)]
    found = list(PaneBatches(CODEC).read(records))
    assert [each for each, _ in found] == records
    return [told for _, told in found]


def plain(cells: Cells) -> bool:
    return not any(cell.units or cell.llm or cell.pairs for cell in cells.values())


@pytest.mark.property
@given(st.lists(st.tuples(st.sampled_from(["r", "ü"]), st.integers(0, 1 << 40), a_pane)))
def test_usual_panes_are_those_that_are_read_alone(panes: list[tuple[str, int, Cells]]) -> None:
    found = read([CODEC.encode("panes", record(*each)) for each in panes])
    for (rollout, pane, cells), told in zip(panes, found, strict=True):
        if not plain(cells):
            assert told is None
            continue
        name, body = told["body"]
        assert (name, body.pop("cells")) == ("davy.Pane", cells_from_states(cells_to_states(cells)))
        assert body == {"rollout": rollout, "spec_hash": "ab", "pane": pane}
        assert {key: told[key] for key in told if key != "body"} == SOURCE


@pytest.mark.property
@given(st.lists(st.none() | st.binary(max_size=40)))
def test_what_is_read_at_once_is_bounded(values: list[bytes | None]) -> None:
    """No record is left out, and no part goes on that has bytes enough."""
    records = [SimpleNamespace(value=value) for value in values]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pane_batches, "TOGETHER_BYTES", 50)
        parts = [list(part) for part in pane_batches._parted(records)]
    assert [each for part in parts for each in part] == records
    for part in parts:
        assert len(part) <= pane_batches.TOGETHER
        assert sum(len(each.value or b"") for each in part[:-1]) < 50


@pytest.mark.parametrize("sample", RECORDS["panes"], ids=lambda each: each["body"][0])
def test_all_else_is_left(sample: dict[str, Any]) -> None:
    value = CODEC.encode("panes", sample)
    usual = CODEC.encode("panes", record("r", 7, {}))
    found = read([usual, value, None, b"", value[:HEADER_BYTES], usual])
    assert [told is not None for told in found] == [True, False, False, False, False, True]


def test_of_one_that_is_damaged_nothing_is_believed() -> None:
    """Too many bytes, too few, a bucket that there is not: each is read by itself."""
    cells = cells_from_states([_state()])
    good = CODEC.encode("panes", record("r", 7, cells))
    far = CODEC.encode("panes", record("r", 7, cells) | {"body": _body(index=[9999])})
    none = CODEC.encode("panes", record("r", 7, cells) | {"body": _body(count=[0])})
    assert read([good])[0]["body"][1]["cells"] == cells
    assert read([good, good + b"\0", good])[1] is None
    for bad in (good[:-1], far, none):
        assert read([good, bad]) == [None, None]


def test_cells_with_units_are_left() -> None:
    cells = cells_from_states([_state()])
    cells["all", "baseline"].units = UnitCell()
    assert read([CODEC.encode("panes", record("r", 7, cells))]) == [None]


class Away(LocalSchemaStore):
    """A registry that does not answer once `gone`."""

    gone = False
    asked = 0

    def schema(self, schema_id: int) -> str:
        self.asked += 1
        if self.gone:
            raise RegistryAway("it does not answer", lambda: None)
        return super().schema(schema_id)


def test_the_registry_is_not_asked_on_the_way() -> None:
    """Whoever reads a record by itself waits for it, once, and not for each record of a batch."""
    store = Away()
    panes, value = PaneBatches(Codec(store)), CODEC.encode("panes", record("r", 7, {}))
    store.gone = True
    records = [SimpleNamespace(value=value, offset=at) for at in range(5)]
    assert [told for _, told in panes.read(records)] == [None] * 5
    assert store.asked == 0


class Versions(LocalSchemaStore):
    """Knows a schema of panes more: one that another version of davy wrote by."""

    def __init__(self, written: Schema) -> None:
        super().__init__()
        self._written = written

    def schema(self, schema_id: int) -> str:
        return json.dumps(self._written) if schema_id == OTHER else super().schema(schema_id)


def without(schema: Schema, name: str) -> Schema:
    """A schema whose records lack a field."""
    match schema:
        case {"type": "record", "fields": fields}:
            kept = [field for field in fields if field["name"] != name]
            return schema | {"fields": [f | {"type": without(f["type"], name)} for f in kept]}
        case {"type": "array", "items": items}:
            return schema | {"items": without(items, name)}
        case list():
            return [without(each, name) for each in schema]
        case _:
            return schema


@pytest.mark.parametrize(("name", "quick"), [("rollout_partitions", True), ("pairs", False)])
def test_of_another_version(name: str, quick: bool) -> None:  # noqa: FBT001 - what is expected
    schema = without(load_schema("pane"), name)
    codec, given = Codec(Versions(schema)), record("r", 7, cells_from_states([_state()]))
    given.pop(name, None)
    for cell in given["body"][1]["cells"]:
        cell.pop(name, None)
    value = frame(OTHER, Writer(schema).write(given))
    alone = codec.decode("panes", value)  # from now on the schema is known
    [(_, told)] = PaneBatches(codec).read([SimpleNamespace(value=value, offset=0)])
    assert (told is not None) == quick
    if told is not None:
        assert told["body"][1]["cells"] == cells_from_states(alone["body"][1]["cells"])
        assert told.get("rollout_partitions", 0) == alone["rollout_partitions"]


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_a_desk_stands_where_it_would_stand(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is read at once, decisions and state are those of records that are read alone."""
    values = [whole(each) for each in log_of(40, behind=10)]
    alone = played(values, size)
    monkeypatch.setattr(pane_batches, "LEAST_BYTES", 1 << 30)
    assert played(values, size) == alone
    assert len(alone) > 2


def whole(each: dict[str, Any]) -> bytes:
    """A record with all that its schema asks for."""
    name, body = each["body"]
    progress = dict.fromkeys(("accepted", "late", "dead", "invalid_scores", "duplicates"), 0)
    more = {
        "davy.Activation": {"first_offset": 0, "outcomes_offset": 0},
        "davy.Progress": progress,
    }
    return CODEC.encode("panes", each | MORE | {"body": (name, more.get(name, {}) | body)})


def played(values: list[bytes], size: int) -> list[Any]:
    """Bodies of all decisions, and what the desk keeps in the end."""
    desk, panes, found = Desk(SPEC, 0), PaneBatches(CODEC), list[Any]()
    CODEC.decode("panes", values[0])  # its schema is known
    records = [SimpleNamespace(value=value, offset=at) for at, value in enumerate(values)]
    for begin in range(0, len(records), size):
        for each, told in panes.read(records[begin : begin + size]):
            desk.take(each.offset, told or CODEC.decode("panes", each.value))
            while desk.step(rollouts=0, commands=0, routing=0) is not None:
                found.append(desk.body)
    return [*found, desk.to_record([])]


def test_a_part_that_is_kept_keeps_nothing_else() -> None:
    cells = cells_from_states([_state()])
    (read_,) = read([CODEC.encode("panes", record("r", 7, cells))])
    kept = read_["body"][1]["cells"]["all", "baseline"].copy()
    assert kept.latency._held is not None
    assert [array.base for array in kept.latency._held] == [None, None]


def _state(**bins: list[int]) -> dict[str, Any]:
    latency = {"index": [4], "count": [2]} | bins
    empty: dict[str, Any] = {"index": [], "count": []}
    return {
        "segment": "all",
        "arm": "baseline",
        "exposures": 2,
        "errors": 1,
        "timeouts": 1,
        "latency": latency,
        "classes": [{"name": "a", "count": 2}],
        "scores": empty,
        "confidences": empty,
        "units": None,
        "llm": None,
        "pairs": None,
    }


def _body(**bins: list[int]) -> tuple[str, dict[str, Any]]:
    told = {"rollout": "r", "spec_hash": "ab", "pane": 7, "cells": [_state(**bins)]}
    return "davy.Pane", told
