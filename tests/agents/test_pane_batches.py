"""Panes that are read at once are those that are read one by one; what is not usual is left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.agents import pane_batches
from streams.agents.pane_batches import PaneBatches
from streams.panes.facts import Cells, cells_from_states, cells_to_states
from streams.sketches.unit_cell import UnitCell
from streams.wire.codec import Codec
from streams.wire.framing import HEADER_BYTES
from streams.wire.store import LocalSchemaStore
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
a_pane = st.dictionaries(keys, any_cells(), max_size=4)


@pytest.fixture(autouse=True)
def few_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pane_batches, "LEAST_BYTES", 0)
    monkeypatch.setattr(pane_batches, "TOGETHER", 3)


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
