"""A rollout's panes are judged in order, whole, and never before every partition says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.merge import PaneMerge
from streams.sketches.cell import Cell

KEY = ("all", "baseline")


def cell(exposures: int = 1) -> Cell:
    return Cell(exposures=exposures)


@pytest.fixture
def merge() -> PaneMerge:
    """Two source partitions, both active from pane 10."""
    merge = PaneMerge()
    for partition in (0, 1):
        merge.activation(partition, 2, 1000, 10)
    return merge


class TestActivation:
    def test_waits_for_every_partition(self) -> None:
        """One partition that has not activated blocks."""
        merge = PaneMerge()
        merge.activation(0, 2, 1000, 10)
        merge.progress(0, 20, idle=False)
        merge.progress(1, 20, idle=False)
        assert merge.take_due() is None
        merge.activation(1, 2, 1000, 12)
        due = merge.take_due()
        assert due is not None
        assert due.pane == 12

    def test_a_partition_without_events_does_not_choose_the_start(self) -> None:
        """-1 means: had seen no event; the others' first whole pane counts."""
        merge = PaneMerge()
        merge.activation(0, 2, 1000, -1)
        merge.activation(1, 2, 1000, 7)
        merge.progress(0, -1, idle=True)
        merge.progress(1, 7, idle=False)
        due = merge.take_due()
        assert due is not None
        assert (due.pane, due.idle) == (7, (0,))


class TestWatermark:
    def test_the_slowest_partition_decides(self, merge: PaneMerge) -> None:
        """A pane is due when all partitions that are not idle have closed it."""
        merge.progress(0, 12, idle=False)
        merge.progress(1, 10, idle=False)
        assert [due.pane for due in iter(merge.take_due, None)] == [10]

    def test_idle_partitions_do_not_block(self, merge: PaneMerge) -> None:
        """An idle partition is named and not waited for."""
        merge.progress(0, 12, idle=False)
        merge.progress(1, -1, idle=True)
        assert [(d.pane, d.idle) for d in iter(merge.take_due, None)] == [
            (10, (1,)),
            (11, (1,)),
            (12, (1,)),
        ]

    def test_all_idle_is_silence(self, merge: PaneMerge) -> None:
        """With nobody reading events nothing becomes due."""
        merge.progress(0, 12, idle=True)
        merge.progress(1, 12, idle=True)
        assert merge.take_due() is None

    def test_panes_of_all_partitions_are_added(self, merge: PaneMerge) -> None:
        """The judge sees one pane, whatever the partition count."""
        merge.pane(0, 10, {KEY: cell(3)})
        merge.pane(1, 10, {KEY: cell(4)})
        for partition in (0, 1):
            merge.progress(partition, 10, idle=False)
        due = merge.take_due()
        assert due is not None
        assert due.cells[KEY].exposures == 7


class TestOtherSources:
    def test_progress_of_another_source_moves_nothing(self, merge: PaneMerge) -> None:
        """What the owner of a slower topic tells neither closes panes nor holds them up."""
        body = {"closed_through": 12, "idle": False}
        about = {"source_partition": 1, "source_partitions": 2}
        record = about | {"body": ("davy.Progress", body)}
        merge.progress(0, 12, idle=False)
        merge.take(record | {"source": "resources"}, "r", "h")
        assert merge.take_due() is None
        merge.take(record | {"source": "predictions"}, "r", "h")
        assert [due.pane for due in iter(merge.take_due, None)] == [10, 11, 12]


class TestRepetitions:
    def test_a_repeated_pane_counts_once(self, merge: PaneMerge) -> None:
        """An unfenced owner may write a closed pane twice."""
        merge.pane(0, 10, {KEY: cell(3)})
        merge.pane(0, 10, {KEY: cell(3)})
        assert merge.pending[10][KEY].exposures == 3

    def test_what_comes_after_judgement_is_late(self, merge: PaneMerge) -> None:
        """An idle partition that wakes up cannot change a judged pane."""
        merge.progress(0, 11, idle=False)
        merge.progress(1, -1, idle=True)
        assert [due.pane for due in iter(merge.take_due, None)] == [10, 11]
        merge.pane(1, 10, {KEY: cell(5)})
        assert (merge.late, merge.pending) == (1, {})


class TestState:
    @pytest.mark.property
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("pane"), st.integers(0, 1), st.integers(8, 30)),
                st.tuples(st.just("progress"), st.integers(0, 1), st.integers(8, 30)),
                st.tuples(st.just("due"), st.just(0), st.just(0)),
            ),
            max_size=40,
        )
    )
    def test_round_trip_at_every_step(self, events: list[tuple[str, int, int]]) -> None:
        """A stored and restored merge goes on exactly as one that was never stored."""
        plain, stored = PaneMerge(), PaneMerge()
        for merge in (plain, stored):
            for partition in (0, 1):
                merge.activation(partition, 2, 1000, 10)
        for what, partition, number in events:
            seen = []
            stored = PaneMerge.from_state(stored.to_state())
            for merge in (plain, stored):
                if what == "pane":
                    merge.pane(partition, number, {KEY: cell(number)})
                elif what == "progress":
                    merge.progress(partition, number, idle=number % 7 == 0)
                else:
                    seen.append(merge.take_due())
            assert plain.to_state() == stored.to_state()
            assert len({repr(due) for due in seen}) <= 1
