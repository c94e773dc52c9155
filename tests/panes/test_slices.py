"""A batch's events go to the slices of every declared dimension, and none is lost or doubled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.facts import ClosedPane
from streams.panes.segments import slicing_of
from streams.sketches.cell import Cell
from streams.spec.dimensions import Dimension, SegmentHarm
from streams.spec.model import RolloutSpec
from tests.agents.pipeline import spec
from tests.panes.test_fold import BASE_MS, event, fold_all, states

COUNTRY = Dimension(name="country", values=("DE", "SG"))
TIER = Dimension(name="tier", values=("free", "pro"))
SLICED = spec().model_copy(update={"segments": (COUNTRY, TIER)})
JOINT = SLICED.model_copy(update={"on_segment_harm": SegmentHarm.SEGMENT})

events = st.lists(
    st.builds(
        event,
        st.integers(0, 4000),
        st.sampled_from(["v1", "v2", "v9"]),
        request_id=st.uuids().map(str),
        status=st.sampled_from(["OK", "ERROR", "TIMEOUT"]),
        latency_ms=st.floats(0, 1e5),
        predicted_class=st.sampled_from([None, *"abcdefgh"]),
        score=st.one_of(st.none(), st.floats(0, 1)),
        confidence=st.one_of(st.none(), st.floats(0, 1)),
        segments=st.dictionaries(
            st.sampled_from(["country", "tier", "device"]),
            st.sampled_from(["DE", "SG", "FR", "free", "pro", "other", "é", ""]),
        ),
        llm=st.none()
        | st.fixed_dictionaries(
            {
                "ttft_ms": st.none() | st.floats(0, 1e5),
                "tokens_out": st.none() | st.integers(0, 10**8),
                "refused": st.none() | st.booleans(),
                "judge_score": st.none() | st.floats(0, 1),
            }
        ),
    ),
    max_size=60,
)


def panes(log: list[dict[str, Any]], sizes: list[int], rollout: RolloutSpec) -> list[ClosedPane]:
    """Every pane: a last event of nobody's version closes them."""
    last = event(20_000, "nobody", append_ms=BASE_MS + 20_000)
    _, closed = fold_all([*log, last], sizes, rollout)
    return closed


def summed(cells: dict[tuple[str, str], Cell], segments: tuple[str, ...], arm: str) -> Any:
    total = Cell()
    for segment in segments:
        total.merge(cells.get((segment, arm), Cell()))
    return total.to_state("all", arm)


class TestSlices:
    @pytest.mark.property
    @given(events)
    def test_of_a_dimension_sum_to_the_whole(self, log: list[dict[str, Any]]) -> None:
        for pane in panes(log, [7], SLICED):
            for arm in SLICED.arms:
                whole = pane.cells.get(("all", arm), Cell()).to_state("all", arm)
                for dimension in SLICED.segments:
                    assert summed(pane.cells, dimension.slices, arm) == whole

    @pytest.mark.property
    @given(events, st.sampled_from([[1], [7], [5000], [3, 11]]))
    def test_batches_leave_no_trace(self, log: list[dict[str, Any]], sizes: list[int]) -> None:
        assert states(panes(log, sizes, JOINT)) == states(panes(log, [9999], JOINT))

    @pytest.mark.property
    @given(events)
    def test_combinations_sum_to_slices(self, log: list[dict[str, Any]]) -> None:
        """What is left without anything gone is what was counted."""
        slicing = slicing_of(JOINT)
        for pane in panes(log, [13], JOINT):
            counted = {key: cell for key, cell in pane.cells.items() if "," not in key[0]}
            left = slicing.without(pane.cells, frozenset())
            assert left.keys() == counted.keys()
            for key, cell in counted.items():
                assert left[key].to_state(*key) == cell.to_state(*key)

    def test_undeclared_values_and_none_are_other(self) -> None:
        log = [
            event(0, segments={"country": "SG", "tier": "pro"}),
            event(1, segments={"country": "FR", "device": "phone"}),
            event(2),
        ]
        (pane,) = panes(log, [3], SLICED)
        assert {segment: cell.exposures for (segment, _), cell in pane.cells.items()} == {
            "all": 3,
            "country=SG": 1,
            "country=other": 2,
            "tier=pro": 1,
            "tier=other": 2,
        }

    def test_a_rollout_without_segments_has_the_whole_alone(self) -> None:
        log = [event(0, segments={"country": "SG"})]
        (pane,) = panes(log, [1], spec())
        assert list(pane.cells) == [("all", "baseline")]

    def test_rollouts_with_other_dimensions_do_not_mix(self) -> None:
        """Two routes of one service, each with slices of its own."""
        countries = SLICED.model_copy(update={"rollout": "a", "segments": (COUNTRY,)})
        tiers = SLICED.model_copy(update={"rollout": "b", "segments": (TIER,), "route": "b"})
        log = [event(0, segments={"country": "SG", "tier": "pro"}), event(9000, "nobody")]
        _, closed = fold_all(log, [2], countries, tiers)
        found = {pane.rollout: {segment for segment, _ in pane.cells} for pane in closed}
        assert found == {"a": {"all", "country=SG"}, "b": {"all", "tier=pro"}}

    def test_a_flood_of_values_makes_no_more_cells(self) -> None:
        """Declared dimensions with a value of their own each, and dimensions that nobody knows."""
        rng = np.random.default_rng(1)
        log = [
            event(int(at), request_id=str(at), segments={"country": f"x{at}", f"dim{at}": "y"})
            for at in rng.permutation(900)
        ]
        (pane,) = panes(log, [5000], JOINT)
        found = {segment for segment, _ in pane.cells}
        assert found == {"all", "country=other", "tier=other", "country=other,tier=other"}
