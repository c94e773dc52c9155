"""What is pass, what is fail, and what is neither; told as a log would tell it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from streams.actuator.desk import Record
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from streams.spec.model import Candidate, Mode
from streams.spec.targeting import HeaderRule
from streams.verdicts.board import Board
from streams.verdicts.facts import Result
from streams.verdicts.hooks import next_step, steps_of
from streams.verdicts.ruling import may_begin, may_have, may_keep
from tests.verdicts.world import ARM, World, spec

Story = Callable[[World], Any]
PASS, FAIL, UNDECIDED = Result.PASSED, Result.FAILED, Result.UNDECIDED


def advanced(world: World, candidate_bp: int = 2500, **more: Any) -> None:
    world.decide(Action.ADVANCE, candidate_bp, **more)
    world.beat()


def answer(world: World, weight_bp: int = 2500, arm: str = ARM) -> tuple[Result, str]:
    found = may_have(world.known, arm, weight_bp, time.monotonic())
    assert found.sentence
    return found.result, found.code


class TestMayHave:
    @pytest.mark.parametrize(
        ("weight_bp", "expected"),
        [
            (1, (PASS, "advance")),
            (2500, (PASS, "advance")),
            (2501, (UNDECIDED, "not_yet")),
            (10_000, (UNDECIDED, "not_yet")),
        ],
    )
    def test_as_much_as_davy_wants_and_no_more(
        self, weight_bp: int, expected: tuple[Result, str]
    ) -> None:
        world = World()
        advanced(world)
        assert answer(world, weight_bp) == expected

    @pytest.mark.parametrize(
        ("then", "expected"),
        [
            (lambda w: w.decide(Action.HOLD, 2500, "min_time: a"), (UNDECIDED, "min_time")),
            (lambda w: w.decide(Action.HOLD, 2500, "invalid: a"), (UNDECIDED, "invalid")),
            (lambda w: w.decide(Action.ROLLBACK, 0, "harm: errors"), (FAIL, "harm")),
            (lambda w: w.decide(Action.PROMOTE, 10_000), (PASS, "promote")),
            (lambda w: w.command(CommandKind.PAUSE), (UNDECIDED, "paused")),
            (lambda w: w.command(CommandKind.PAUSE, until_ms=1), (PASS, "advance")),
            (lambda w: w.command(CommandKind.PAUSE, until_ms=2**50), (UNDECIDED, "paused")),
            (lambda w: w.command(CommandKind.ABORT), (FAIL, "aborted")),
            (lambda w: w.beat(valid_s=0), (UNDECIDED, "no_lease")),
            (lambda w: w.beat(spec_hash="another", valid_s=0), (PASS, "advance")),
            (
                lambda w: w.decide(Action.ADVANCE, 10_000, prev_hash="a stranger's"),
                (UNDECIDED, "refused"),
            ),
            (lambda w: w.decide(Action.ADVANCE, 5000, seq=1), (PASS, "advance")),
            (lambda w: w.decide(Action.HOLD, 2500, segments={"tier=free": 0}),
             (FAIL, "slice_dropped")),
            (lambda w: w.decide(Action.ADVANCE, 5000, segments={"tier=free": 100}),
             (UNDECIDED, "not_yet")),
        ],
    )  # fmt: skip
    def test_what_comes_after_a_pass(self, then: Story, expected: tuple[Result, str]) -> None:
        world = World()
        advanced(world)
        then(world)
        assert answer(world) == expected

    def test_resume_ends_a_pause_and_begins_a_new_chain(self) -> None:
        world = World()
        advanced(world)
        world.command(CommandKind.PAUSE)
        world.decide(Action.ADVANCE, 5000, prev_hash="lost")
        world.command(CommandKind.RESUME)
        assert answer(world) == (PASS, "advance")
        world.decide(Action.ADVANCE, 5000)
        assert answer(world, 5000) == (PASS, "advance")

    def test_the_end_needs_no_judge(self) -> None:
        """A judge that has ended is not silent: what it said last holds."""
        world = World()
        advanced(world)
        world.decide(Action.PROMOTE, 10_000)
        world.beat(valid_s=0)
        world.beat(ended=True)
        assert answer(world, 10_000) == (PASS, "promote")

    def test_silence_for_too_long_fails(self) -> None:
        """As the actuator would go back to the baseline."""
        world = World(spec(silence_rollback_s=0.001))
        world.decide(Action.ADVANCE, 2500)
        world.beat(valid_s=0.001)
        end = time.monotonic() + 10
        while answer(world) != (FAIL, "silence_rollback"):
            assert answer(world)[0] is not PASS or time.monotonic() < end

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({"mode": Mode.SHADOW}, "shadow"),
            ({"targeting": (HeaderRule(header="x-tier", values=("free",)),)}, "targeting"),
        ],
    )
    def test_what_a_controller_cannot_do(self, more: dict[str, Any], code: str) -> None:
        world = World(spec(**more))
        advanced(world)
        assert answer(world) == (UNDECIDED, code)

    def test_each_candidate_for_itself(self) -> None:
        """One was taken out: it fails, and the other goes on."""
        two = (Candidate(name=ARM, version="v2"), Candidate(name="small", version="v3"))
        world = World(spec(candidates=two))
        shares = {"all": {"baseline": 8750, ARM: 1250, "small": 0}}
        world.decide(Action.ADVANCE, 0, weights_bp=shares)
        world.beat()
        assert answer(world, 1250) == (PASS, "advance")
        assert answer(world, 1250, "small") == (FAIL, "dropped")


class TestHistory:
    def test_is_no_present_word(self) -> None:
        """Neither a heartbeat nor weights of history; decisions and commands are."""
        world = World(live=False)
        advanced(world)
        world.route(2500)
        world.board.loaded(0)
        assert answer(world) == (UNDECIDED, "no_lease")
        world.live = True
        world.beat()
        assert answer(world) == (PASS, "advance")
        assert may_keep(world.known, ARM, time.monotonic()).code == "routing_unknown"

    def test_a_resume_of_history_lies_among_its_decisions(self) -> None:
        """Read before all decisions, it begins a new chain where it was said."""
        world = World(live=False)
        world.command(CommandKind.RESUME, at_ms=2)
        world.decide(Action.ADVANCE, 100)  # at 1
        world.decide(Action.ADVANCE, 2500, prev_hash="lost")  # at 2, the first that counts
        world.decide(Action.HOLD, 2500)
        world.board.loaded(0)
        assert world.known.refused == ""
        assert world.known.standing.fence == 3

    def test_an_abort_of_history_is_the_end(self) -> None:
        world = World(live=False)
        world.command(CommandKind.ABORT, at_ms=10**9)
        advanced(world)
        world.board.loaded(0)
        assert answer(world) == (FAIL, "aborted")


class Heard(Board):
    """Takes nothing in and remembers what came."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Record] = []

    def take(self, record: Record, partition: int, *, live: bool) -> None:  # noqa: ARG002 - as it is
        self.told.append(record)


class TestOrder:
    def test_topics_come_in_no_order(self) -> None:
        """What is read before its spec counts as soon as that is read."""
        heard, board = Heard(), Board()
        early = World(board=heard)
        advanced(early)
        early.route(100)
        begun, *rest = heard.told
        for record in rest:
            board.take(record, 0, live=True)
        assert board.get(early.spec.rollout) is None
        board.take(begun, 0, live=True)
        late = World(early.spec, board)
        assert answer(late) == (PASS, "advance")
        assert may_keep(late.known, ARM, time.monotonic()).result is PASS


class TestMayKeep:
    @pytest.mark.parametrize(
        ("applied_bp", "expected"),
        [
            (0, (PASS, "keeps")),
            (2500, (PASS, "keeps")),
            (2550, (PASS, "keeps")),
            (5000, (UNDECIDED, "beyond")),
        ],
    )
    def test_what_davy_wants_and_no_more(
        self, applied_bp: int, expected: tuple[Result, str]
    ) -> None:
        """On hold too: that is what waiting is."""
        world = World()
        advanced(world)
        world.decide(Action.HOLD, 2500)
        world.route(applied_bp)
        found = may_keep(world.known, ARM, time.monotonic())
        assert (found.result, found.code) == expected

    @pytest.mark.parametrize(
        ("then", "expected"),
        [
            (lambda w: w.beat(valid_s=0), (UNDECIDED, "no_lease")),
            (lambda w: w.decide(Action.ROLLBACK, 0, "harm: errors"), (FAIL, "harm")),
            (lambda w: w.decide(Action.HOLD, 2500, prev_hash="x", seq=9), (PASS, "keeps")),
            (lambda w: w.decide(Action.ADVANCE, 9000, prev_hash="x"), (UNDECIDED, "refused")),
        ],
    )
    def test_not_on_silence_harm_or_doubt(self, then: Story, expected: tuple[Result, str]) -> None:
        world = World()
        advanced(world)
        world.route(2500)
        then(world)
        found = may_keep(world.known, ARM, time.monotonic())
        assert (found.result, found.code) == expected


class TestMayBegin:
    def test_while_the_judge_watches_and_it_has_not_ended(self) -> None:
        world = World()
        assert may_begin(world.known, time.monotonic()).result is UNDECIDED
        world.beat()
        assert may_begin(world.known, time.monotonic()).result is PASS
        world.decide(Action.PROMOTE, 10_000)
        assert may_begin(world.known, time.monotonic()).result is FAIL


def test_steps_of_which_one_is_no_share() -> None:
    assert next_step(steps_of({"steps": "5%,25"}), 0) == 500
    with pytest.raises(Exception, match="no traffic weight"):
        steps_of({"steps": "5,many"})
