"""How much a dashboard remembers, measured: what README.md says of it must hold."""

from __future__ import annotations

import gc
import re
import tracemalloc
from pathlib import Path

import pytest

from streams.dashboard import watched
from streams.dashboard.told import KeptDecision
from streams.judge.decision_facts import Action, Verdict
from streams.spec.model import RolloutSpec
from tests.dashboard.world import ARM, BEGIN_S, World, spec, verdict

README = Path(__file__).parents[2] / "streams" / "dashboard" / "README.md"
METRICS, SLICES = 12, 12
KB = 1024


def evidence() -> tuple[Verdict, ...]:
    """Of many metrics, on the whole and on many slices."""
    segments = ("all", *(f"country={number}" for number in range(SLICES)))
    return tuple(
        verdict(metric=f"m{number}", segment=segment)
        for segment in segments
        for number in range(METRICS)
    )


def held_by(world: World, rollouts: int) -> int:
    """Bytes that are held once so many more rollouts are there, each with a decision."""
    first = len(world.board.all())
    for number in range(first, first + rollouts):
        made = world.apply(spec(f"r{number}"))
        world.decide(made, Action.ADVANCE, 1000, verdicts=evidence())
        world.last.clear()  # the judge's own, which is no part of a dashboard
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


class TestBoard:
    def test_a_rollout_more_takes_no_more_than_the_readme_says(self) -> None:
        """However many there are, and however many slices their evidence has."""
        (told,) = re.findall(r"\| spec, last decision .*?\| (\d+) kB", README.read_text())
        world = World(most=2)
        tracemalloc.start()
        try:
            before = held_by(world, 10)
            each = (held_by(world, 10) - before) / 10
        finally:
            tracemalloc.stop()
        assert each < int(told) * KB

    def test_answers_need_nothing_of_what_is_left_out(self) -> None:
        """Verdicts name the evidence on the whole, and the list whether checks hold."""
        world = World()
        one = world.apply()
        world.decide(one, Action.ADVANCE, 1000, verdicts=evidence())
        known = world.board.get(one.rollout)
        assert known is not None
        assert isinstance(known.told, KeptDecision)
        assert {each.segment for each in known.told.verdicts} == {"all"}
        assert len(known.told.verdicts) == METRICS
        assert world.window.summary(one.rollout).healthy is True
        with world.window.looking(one.rollout) as seen:
            last = seen.story.decided.last
        assert last is not None
        assert len(last.decision.verdicts) == METRICS * (1 + SLICES)


class TestEnded:
    @pytest.fixture
    def world(self, monkeypatch: pytest.MonkeyPatch) -> World:
        """One whose board looks at every record whether something has grown old."""
        monkeypatch.setattr(watched, "SWEEP_S", 0.0)
        world = World()
        world.board._wall_ms = lambda: BEGIN_S * 1000
        return world

    def ended(self, world: World, made: RolloutSpec, days: float) -> tuple[Verdict, ...]:
        """The board's evidence on a rollout so many days after its last decision."""
        now_ms = int((BEGIN_S + days * 86_400) * 1000)
        world.board._wall_ms = lambda: now_ms
        world.apply(spec("another"))
        known = world.board.get(made.rollout)
        assert known is not None
        assert known.told is not None
        return known.told.verdicts

    def test_evidence_goes_a_day_after_the_end(self, world: World) -> None:
        """The last word and what follows from it stay."""
        one = world.apply()
        world.decide(one, Action.ROLLBACK, 0, "harm: errors of candidate")
        assert self.ended(world, one, 0.9) != ()
        assert self.ended(world, one, 1.1) == ()
        told = world.window.summary(one.rollout)
        assert (told.state, told.reason_code) == ("rolled_back", "harm")
        assert told.wanted_pct[ARM] == 0.0

    def test_of_what_lives_it_stays(self, world: World) -> None:
        one = world.apply()
        world.decide(one, Action.HOLD, 1000)
        assert self.ended(world, one, 30) != ()
