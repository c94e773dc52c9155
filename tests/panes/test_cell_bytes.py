"""Cells written at once are byte for byte what the Avro writer makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.agents.sources import PREDICTIONS
from streams.panes import cell_bytes
from streams.panes.facts import Cells, cells_from_states, cells_to_states
from streams.sketches.cell import Cell
from streams.sketches.pairs import PairCounts
from streams.sketches.unit_cell import UnitCell
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.sketches.test_cell import cells as any_cells

CODEC = Codec(LocalSchemaStore())
LONGEST = (1 << 63) - 1
keys = st.tuples(st.sampled_from(["all", "tier=t1", "land=é"]), st.sampled_from(["baseline", "ñ"]))


def cells_bytes(cells: Cells) -> bytes | None:
    """Of one pane."""
    return cell_bytes.cells_bytes([cells])[0]


def plain(cell: Cell) -> Cell:
    cell.llm = None
    return cell


def written(cells: Cells, tail: bytes | None) -> tuple[bytes, bytes]:
    """The record of an open pane and that of a closed one."""
    held = cells if tail is None else {}
    about = {"source": "predictions", "source_partition": 1, "source_partitions": 2}
    about |= {"rollout_partitions": 3, "pane_ms": 1000}
    opened = PREDICTIONS.open_body("r", "h", 7, held)
    closed = PREDICTIONS.closed_body("r", "h", 7, held)
    return (
        CODEC.encode("cells", {"body": opened}, tail),
        CODEC.encode("panes", about | {"body": closed}, tail),
    )


@pytest.mark.property
@given(st.dictionaries(keys, any_cells().map(plain), max_size=6))
def test_the_bytes_are_those_of_the_writer(cells: Cells) -> None:
    tail = cells_bytes(cells)
    assert tail is not None
    assert cells_bytes(cells_from_states(cells_to_states(cells))) == tail
    assert written(cells, tail) == written(cells, None)


@pytest.mark.property
@given(st.lists(st.tuples(st.integers(0, 1152), st.integers(1, LONGEST)), max_size=9))
def test_counts_of_any_size(counts: list[tuple[int, int]]) -> None:
    cell = Cell(exposures=LONGEST)
    for bucket, count in counts:
        cell.latency.counts[bucket] = count
    cells = {("all", "baseline"): cell}
    assert written(cells, cells_bytes(cells)) == written(cells, None)


def test_none_of_them() -> None:
    assert written({}, cells_bytes({})) == written({}, None)


@pytest.mark.parametrize("rest", [{"units": UnitCell()}, {"pairs": PairCounts()}, {"llm": True}])
def test_what_not_every_request_has_is_left_to_the_writer(rest: dict[str, object]) -> None:
    cell = Cell() if "llm" in rest else Cell(**rest)  # type: ignore[arg-type]
    if "llm" in rest:
        cell.generative()
    assert cells_bytes({("all", "baseline"): cell, ("all", "candidate"): Cell()}) is None


def test_a_tail_takes_the_place_of_an_empty_array_only() -> None:
    """A record that does not end in one would be spoilt without a word."""
    part = ("davy.JoinPart", {"rollout": "r", "name": "n", "data": b"x"})
    with pytest.raises(ValueError, match="ends in no empty array"):
        CODEC.encode("cells", {"body": part}, b"\0")


def test_histograms_are_not_changed() -> None:
    cell = Cell()
    cell.latency.update(np.array([1.0, 2.0]))
    before = cell.copy()
    cells_bytes({("all", "baseline"): cell})
    assert cell == before


@pytest.mark.property
@given(st.lists(st.dictionaries(keys, any_cells(), max_size=4), max_size=9), st.integers(1, 9))
def test_of_many_panes_each_is_as_alone(panes: list[Cells], together: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cell_bytes, "TOGETHER", together)
        found = cell_bytes.cells_bytes(panes)
    assert found == [cells_bytes(cells) for cells in panes]
