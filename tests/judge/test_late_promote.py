"""A person's `promote` counts while it is fresh, by the log's own time, and a replay agrees."""

from __future__ import annotations

import pytest

from streams.figures import moment
from streams.judge.chain import decision_body
from streams.judge.commands import PROMOTE_MS
from streams.judge.decision_facts import Action, Decision
from streams.judge.facts import CommandFact, CommandKind, Cut
from streams.judge.rollout import RolloutJudge
from streams.replay.cuts import replay_bodies
from tests.judge.world import PANE_MS, START, World, command, make_spec, run

SPEC = make_spec()
LONG_MS = 3 * 86_400_000
ASKED = 20
"""Second at which somebody promotes; the judge goes on after it as if nothing had been."""


class Told:
    """A rollout whose judge hears of a promotion, `away_ms` after it was asked."""

    def __init__(self, away_ms: int) -> None:
        self.judge, self.world = RolloutJudge(SPEC, PANE_MS), World(spec=SPEC)
        self.decisions = run(self.judge, self.world, ASKED)
        self.asked_ms = (START + ASKED) * PANE_MS
        self.asked: list[CommandFact] = [command(0, CommandKind.PROMOTE, self.asked_ms)]
        self.world.confirm(self.asked_ms + away_ms)  # the actuator has looked all the while
        self.step(ASKED, self.asked)

    def step(self, second: int, commands: list[CommandFact]) -> None:
        """Judge the pane of a second, with what the actuator has written since."""
        pane, routing = self.world.pane(second), self.world.read()
        cut = Cut(pane=pane.pane, routing_offset=self.world.offset, commands_offset=1)
        if decision := self.judge.step(pane, cut, routing, commands):
            self.decisions.append(decision)

    @property
    def last(self) -> Decision:
        return self.decisions[-1]


def test_at_once() -> None:
    told = Told(away_ms=0)
    assert (told.last.action, told.last.terminal) == (Action.PROMOTE, True)
    assert told.last.reason == "promoted_by_person: promoted by ada: says so"


def test_days_later_it_is_refused_with_the_reason() -> None:
    """And what was judged till then goes on as if nobody had asked."""
    told = Told(away_ms=LONG_MS)
    times = (told.asked_ms, told.asked_ms + PROMOTE_MS, told.asked_ms + LONG_MS)
    asked, until, now = map(moment, times)
    assert told.last.action is Action.HOLD
    assert told.last.reason == (
        "promote_refused: promotion asked by ada: says so, but that was at "
        f"{asked} and counted until {until}; the log is at {now}: ask again"
    )
    told.step(ASKED + 1, [])
    assert not told.judge.ended
    assert "promote_refused" not in told.last.reason


@pytest.mark.parametrize("away_ms", [0, LONG_MS])
def test_a_replay_comes_to_the_same_bytes(away_ms: int) -> None:
    """Whenever it is made: no clock is asked."""
    told = Told(away_ms)
    panes = {pane.pane: pane for pane in told.world.panes}
    again = replay_bodies(SPEC, PANE_MS, panes, told.world.facts, told.asked, told.decisions)
    assert again == [decision_body(decision) for decision in told.decisions]
