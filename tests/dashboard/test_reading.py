"""What is told while the log is read, how far back it reaches, and that it is of one moment."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

import pytest

from streams.dashboard.news import News
from streams.dashboard.orders import NoAnswer
from streams.dashboard.pane_books import PaneBooks
from streams.dashboard.pane_reader import PaneReader
from streams.dashboard.window import DAY_MS
from streams.judge.decision_facts import Action
from streams.settings import Settings
from tests.dashboard.world import World

MOMENTS = 400


class TestUnread:
    @pytest.fixture
    def world(self) -> World:
        """A log of which a part was read: a decision, but not the last one."""
        world = World()
        world.board._loaded.clear()
        world.log.why = "the log is being read (1 of 1 partitions left)"
        world.decide(world.apply(), Action.ADVANCE, 1000)
        return world

    def test_of_one_rollout_nothing_is_told(self, world: World) -> None:
        """What stands in a part of its log may be the opposite of what holds."""
        with pytest.raises(NoAnswer) as refused, world.window.looking("digits-v2"):
            pass
        assert (refused.value.status, refused.value.trouble.code) == (503, "not_read")
        assert "the log is being read" in refused.value.trouble.reason
        world.board.loaded(0)
        with world.window.looking("digits-v2") as seen:
            assert seen.known.told is not None

    def test_the_list_says_of_which_it_knows_nothing_yet(self, world: World) -> None:
        (line,) = world.window.page(10, None).items
        assert line.read is False
        world.board.loaded(0)
        (line,) = world.window.page(10, None).items
        assert (line.read, line.action) == (True, Action.ADVANCE)


class TestHistory:
    def test_moves_on_with_the_clock(self) -> None:
        """A day back, to the minute: who listens is not told of every millisecond."""
        window, now_s = World().window, 1_700_000_030.5
        told = {
            later: replace(window, wall_s=partial(float, now_s + later)).reading().history_from_s
            for later in (0, 5, 60, 7 * 86_400)
        }
        assert told[0] - 60 < now_s - DAY_MS / 1000 <= told[0]
        assert (told[5], told[60]) == (told[0], told[0] + 60)
        assert told[7 * 86_400] == told[0] + 7 * 86_400


def test_board_and_story_are_of_one_moment() -> None:
    """No answer has the state after a decision and the reason of the one before."""
    world, stop = World(), threading.Event()
    one = world.apply()
    world.decide(one, Action.ADVANCE, 1000)

    def write() -> None:
        second = 0
        while not stop.is_set():
            second += 1
            world.decide(one, Action.HOLD, 1000, f"min_time: {second}", second=second)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(MOMENTS):
            with world.window.looking(one.rollout) as seen:
                told, last = seen.known.told, seen.story.decided.last
                assert told is not None
                assert last is not None
                assert told.seq == last.seq
    finally:
        stop.set()
        writer.join()


class TestPanes:
    def test_how_far_they_are_read(self) -> None:
        """By offsets, of all partitions together; all of them only once the end was reached."""
        reader = PaneReader(Settings(), PaneBooks(News()))
        assert (reader.read_pct(), reader.unread()) == (0.0, "no broker was reached yet")
        reader._behind = frozenset({0, 1})
        reader._spans = {0: (100, 300), 1: (0, 200), 2: (50, 50)}
        assert reader.read_pct() == 0.0
        reader._next = {0: 200}
        assert reader.read_pct() == 25.0
        assert reader.unread() == "panes are being read (25 %, 2 partitions left)"
        reader._next = {0: 900, 1: 200}  # what came meanwhile is not read to its end
        assert reader.read_pct() == 99.0
        reader._behind = frozenset()
        assert (reader.read_pct(), reader.unread()) == (100.0, "")
