"""Scores, classes and whole cells: merge laws and the stored form."""

import io
import json
from pathlib import Path

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sketches.bins import FixedBins
from streams.sketches.categories import CategoryCounts
from streams.sketches.cell import Cell

SCHEMA = Path(__file__).parents[2] / "schemas" / "cell.avsc"

names = st.sampled_from(["cat", "dog", "é", "other", "7"])
categories = st.lists(st.tuples(names, st.integers(0, 9)), max_size=12)
tokens = st.lists(st.integers(0, 10**8), max_size=9)
scores = st.lists(st.floats(0, 1), max_size=20)


def counted(pairs: list[tuple[str, int]]) -> CategoryCounts:
    counts = CategoryCounts()
    for name, count in pairs:
        counts.add(name, count)
    return counts


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    cell = Cell(exposures=draw(st.integers(0, 99)), errors=draw(st.integers(0, 99)))
    cell.timeouts = cell.errors // 2
    cell.latency.update(np.array(draw(st.lists(st.floats(0, 1e5), max_size=20))))
    cell.scores.update(np.array(draw(scores)))
    cell.confidences.update(np.array(draw(scores)))
    cell.classes = counted(draw(categories))
    if draw(st.booleans()):
        llm = cell.generative()
        llm.told, llm.refused = cell.exposures, cell.exposures // 3
        llm.ttft.update(np.array(draw(st.lists(st.floats(0, 1e7), max_size=9))))
        llm.tpot.update(np.array(draw(st.lists(st.floats(0, 1e7), max_size=9))))
        llm.tokens_in.update(np.array(draw(tokens), np.float64))
        llm.tokens_out.update(np.array(draw(tokens), np.float64))
        llm.judged.update(np.array(draw(scores)))
    return cell


def stored(cell: Cell) -> str:
    return json.dumps(cell.to_state("all", "baseline"))


class TestFixedBins:
    @pytest.mark.property
    @given(scores)
    def test_a_score_falls_into_the_bin_that_holds_it(self, values):
        bins = FixedBins()
        bins.update(np.array(values))
        expected = np.histogram(np.array(values) * 40, bins=np.arange(41))[0]
        assert np.array_equal(bins.counts, expected)

    def test_both_ends_count(self):
        bins = FixedBins()
        bins.update(np.array([0.0, 1.0]))
        assert bins.to_state() == {"index": [0, 39], "count": [1, 1]}


class TestCategoryCounts:
    @pytest.mark.property
    @given(categories, categories)
    def test_merging_commutes(self, first, second):
        forth, back = counted(first), counted(second)
        forth.merge(counted(second))
        back.merge(counted(first))
        assert forth.to_state() == back.to_state()


class TestCell:
    @pytest.mark.property
    @given(cells(), cells(), cells())
    def test_merging_commutes_and_associates(self, first, second, third):
        left, right = first.copy(), third.copy()
        left.merge(second)
        left.merge(third)
        right.merge(second)
        right.merge(first)
        assert stored(left) == stored(right)

    @pytest.mark.property
    @given(cells(), cells())
    def test_a_restored_cell_continues_to_the_same_bytes(self, cell, more):
        segment, arm, restored = Cell.from_state(json.loads(stored(cell)))
        restored.merge(more)
        cell.merge(more)
        assert (segment, arm) == ("all", "baseline")
        assert stored(restored) == stored(cell)

    @pytest.mark.property
    @given(cells(), cells())
    def test_a_copy_lives_its_own_life(self, cell, more):
        before = stored(cell)
        cell.copy().merge(more)
        assert stored(cell) == before

    @pytest.mark.property
    @given(cells())
    def test_its_state_is_the_record_of_the_schema(self, cell):
        """Strict Avro writing takes the state as it is and gives it back unchanged."""
        schema = fastavro.parse_schema(find_record(json.loads(SCHEMA.read_text()), "Cell"))
        buffer = io.BytesIO()
        state = cell.to_state("country=SG", "candidate")
        fastavro.schemaless_writer(buffer, schema, state, strict=True)
        buffer.seek(0)
        assert fastavro.schemaless_reader(buffer, schema, None) == state


def find_record(node: object, name: str) -> dict:
    """The definition of a named record, wherever it is nested."""
    if isinstance(node, dict):
        if node.get("name") == name and "fields" in node:
            return {**node, "namespace": "davy"}
        node = list(node.values())
    found = (find_record(child, name) for child in node) if isinstance(node, list) else ()
    return next((record for record in found if record), {})
