"""Cells of outcomes: merge laws and the stored form."""

import io
import json
from pathlib import Path

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sketches.outcome_cell import (
    DELAY_BINS,
    ClassTally,
    OutcomeCell,
    ScaledSums,
    outcome_cells_from_states,
    outcome_cells_to_states,
)

SCHEMA = Path(__file__).parents[2] / "schemas" / "cell.avsc"

counts = st.integers(0, 1 << 40)
sums = st.builds(ScaledSums, counts, counts, counts)
tallies = st.dictionaries(st.sampled_from(["0", "7", "é", "other"]), st.builds(ClassTally, counts))


@st.composite
def cells(draw: st.DrawFn) -> OutcomeCell:
    delays = draw(st.lists(counts, min_size=DELAY_BINS, max_size=DELAY_BINS))
    cell = OutcomeCell(exposures=draw(counts), events=draw(counts), delays=np.array(delays))
    cell.classes, cell.total_milli = draw(tallies), draw(st.integers(-(1 << 50), 1 << 50))
    cell.brier, cell.log_loss, cell.values = draw(sums), draw(sums), draw(sums)
    cell.right.update(np.array(draw(st.lists(st.floats(0, 1), max_size=5))))
    cell.histogram.update(np.array(draw(st.lists(st.floats(0, 1e6), max_size=5))))
    return cell


def stored(cell: OutcomeCell) -> str:
    return json.dumps(cell.to_state("all", "baseline"))


class TestOutcomeCell:
    @pytest.mark.property
    @given(cells(), cells(), cells())
    def test_any_order_of_merging_gives_the_same_bytes(self, a, b, c):
        """Merge is commutative and associative, and leaves its argument alone."""
        before = stored(b)
        left, right = a.copy(), c.copy()
        left.merge(b)
        left.merge(c)
        right.merge(b)
        right.merge(a)
        assert stored(left) == stored(right)
        assert stored(b) == before

    @pytest.mark.property
    @given(cells())
    def test_avro_gives_back_what_was_written(self, cell):
        """Through the schema of `cells`; empty sums are left out and come back empty."""
        cell.values = ScaledSums()
        states = outcome_cells_to_states({("all", "baseline"): cell})
        body = {"rollout": "r", "spec_hash": "h", "outcome": "label", "first_pane": 4, "panes": 2,
                "told": 0, "cells": states}  # fmt: skip
        schema = fastavro.parse_schema(json.loads(SCHEMA.read_text(encoding="utf-8")))
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, {"body": ("davy.OpenCohort", body)})
        read = fastavro.schemaless_reader(io.BytesIO(out.getvalue()), schema, None)
        assert outcome_cells_from_states(read["body"]["cells"]) == {("all", "baseline"): cell}

    def test_an_open_cohort_tells_complete_bins_only(self):
        """What may still change is not told."""
        cell = OutcomeCell(exposures=9, events=3, delays=np.arange(1, 9))
        assert cell.first_bins(2) == OutcomeCell(
            exposures=9, delays=np.array([1, 2, 0, 0, 0, 0, 0, 0])
        )
