"""What a flush left behind is rebuilt; what it did not finish is not."""

from streams.agents import cells
from streams.panes.facts import LiveRollout, Marker, PaneClock
from streams.sketches.cell import Cell
from tests.agents.pipeline import spec

CLOCK = PaneClock(pane_ms=1000, lateness_ms=500, future_ms=60_000)
KEY = ("all", "baseline")


def marker(stamp: cells.Stamp, next_offset: int) -> cells.StoredRecord:
    body = cells.marker_body(Marker(next_offset=next_offset), CLOCK, idle=False, horizon_offset=0)
    return cells.StoredRecord(key="predictions/0/marker", stamp=stamp, body=body)


def pane(stamp: cells.Stamp, number: int, exposures: int) -> cells.StoredRecord:
    body = cells.open_body("r", "h", number, {KEY: Cell(exposures=exposures)})
    key = cells.key_of("predictions", 0, cells.open_key("r", number))
    return cells.StoredRecord(key=key, stamp=stamp, body=body)


class TestRestore:
    def test_nothing_stored(self) -> None:
        """An empty partition of `cells` is a fresh start."""
        state = cells.restore([])
        assert (state.marker, state.open, state.live) == (Marker(), {}, [])

    def test_newest_finished_record_of_each_key(self) -> None:
        """A key's newest record counts, as long as its flush has a marker."""
        state = cells.restore([pane((1, 1), 5, 3), marker((1, 1), 10), pane((1, 2), 5, 8),
                               marker((1, 2), 20)])  # fmt: skip
        assert state.marker.next_offset == 20
        assert state.open["r", 5][KEY].exposures == 8

    def test_a_flush_without_its_marker_does_not_count(self) -> None:
        """Killed between cells and marker: the state is that of the flush before."""
        state = cells.restore([pane((1, 1), 5, 3), marker((1, 1), 10), pane((1, 2), 5, 8),
                               pane((1, 2), 6, 1)])  # fmt: skip
        assert state.marker.next_offset == 10
        assert {key: c[KEY].exposures for key, c in state.open.items()} == {("r", 5): 3}
        assert "predictions/0/open/r/6" in state.keys

    def test_a_later_owner_outranks_an_unfinished_flush(self) -> None:
        """What a killed owner left is below the next epoch, and was rewritten by it."""
        state = cells.restore([marker((1, 1), 10), pane((1, 2), 6, 9), pane((2, 1), 6, 2),
                               marker((2, 1), 12)])  # fmt: skip
        assert state.open["r", 6][KEY].exposures == 2
        assert state.stamp == (2, 1)

    def test_tombstones_remove(self) -> None:
        """A closed pane's cell is gone."""
        gone = cells.StoredRecord(key="predictions/0/open/r/5", stamp=(1, 2), body=None)
        state = cells.restore([pane((1, 1), 5, 3), marker((1, 1), 9), gone, marker((1, 2), 12)])
        assert state.open == {}

    def test_live_rollouts_keep_their_classes_in_order(self) -> None:
        """Class numbers follow the log, so they survive a restart."""
        live = LiveRollout(spec=spec(), spec_hash=spec().spec_hash, first_offset=4, from_pane=2,
                           classes={"cat": 0, "ant": 1})  # fmt: skip
        record = cells.StoredRecord(
            key="predictions/0/live/x", stamp=(1, 1), body=cells.live_body(live)
        )
        (found,) = cells.restore([record, marker((1, 1), 5)]).live
        assert (found.spec, found.classes, found.first_offset) == (spec(), live.classes, 4)

    def test_what_else_a_fold_keeps_comes_back_by_its_key(self) -> None:
        """Bodies that are neither marker, pane nor rollout are the fold's own business."""
        part = ("davy.JoinPart", {"rollout": "r", "name": "head", "data": b"1"})
        record = cells.StoredRecord(key="predictions/0/join/r/head", stamp=(1, 1), body=part)
        assert cells.restore([record, marker((1, 1), 5)]).parts == {"join/r/head": part}
