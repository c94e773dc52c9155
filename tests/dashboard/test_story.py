"""What is remembered of decisions, commands and weights, and what is told of it."""

from __future__ import annotations

import pytest

from streams.dashboard import decided, stories
from streams.dashboard.answers.common import State
from streams.dashboard.answers.rollout import RolloutView
from streams.dashboard.answers.story import AuditEntry, Did
from streams.dashboard.claims import Claim, Claims
from streams.dashboard.series import evidence_series, traffic_series
from streams.dashboard.view import view_of
from streams.judge.decision_facts import Action, Finding
from streams.judge.facts import CommandKind, RoutingPhase
from streams.spec.dimensions import Dimension, SegmentHarm
from streams.spec.model import Candidate, Mode, RolloutSpec, Stage, Target
from tests.dashboard.world import ARM, BEGIN_S, FORGED, World, cell, check, spec, verdict

THREE = (Stage(weight_bp=1000), Stage(weight_bp=2500, approval=True), Stage(weight_bp=10_000))


@pytest.fixture
def world() -> World:
    return World()


def view(world: World, rollout: str = "digits-v2") -> RolloutView:
    with world.window.looking(rollout) as seen:
        return view_of(seen)


def trail(world: World, rollout: str = "digits-v2") -> list[AuditEntry]:
    with world.window.looking(rollout) as seen:
        return list(seen.story.trail.newest_first())


class TestState:
    def test_from_nothing_to_promoted(self, world: World) -> None:
        one = world.apply()
        assert view(world).summary.state is State.WAITING
        world.decide(one, Action.ADVANCE, 2500)
        assert view(world).summary.state is State.SILENT
        world.beat(one)
        assert view(world).summary.state is State.RUNNING
        world.decide(one, Action.HOLD, 2500, "min_time: stage 0 needs 600 s")
        assert view(world).summary.state is State.RUNNING
        world.decide(one, Action.HOLD, 2500, "signal_harm: a person must look: scores")
        assert view(world).summary.state is State.HELD
        world.command(one, "PAUSE")
        paused = view(world)
        assert (paused.summary.state, paused.pause and paused.pause.actor) == ("paused", "grace")
        world.decide(one, Action.PROMOTE, 10_000, "no_harm_shown: every guardrail", stage=1)
        world.beat(one, state="ENDED")
        ended = view(world)
        assert (ended.summary.state, ended.summary.judge, ended.commands) == (
            *("promoted", "ended"),
            [],
        )

    @pytest.mark.parametrize(
        ("reason", "state"),
        [("harm: harm shown: errors", "rolled_back"), ("aborted: aborted by ada", "aborted")],
    )
    def test_of_a_rollback(self, world: World, reason: str, state: str) -> None:
        one = world.apply()
        world.decide(one, Action.ROLLBACK, 0, reason)
        assert view(world).summary.state == state

    def test_of_an_abort_before_the_judge_answers(self, world: World) -> None:
        one = world.apply()
        world.decide(one, Action.ADVANCE, 2500)
        world.command(one, "ABORT")
        told = view(world).summary
        assert (told.state, told.wanted_pct) == ("aborted", {"baseline": 100.0, ARM: 0.0})


class TestStages:
    def test_those_that_were_passed_and_skipped(self, world: World) -> None:
        """A person promotes from the first stage: the second was never entered."""
        one = world.apply(spec(stages=THREE))
        world.decide(one, Action.ADVANCE, 1000, second=10)
        assert [stage.state for stage in view(world).stages] == ["current", "ahead", "ahead"]
        world.decide(one, Action.PROMOTE, 10_000, "promoted_by_person: by ada", stage=2, second=70)
        first, second, third = view(world).stages
        assert [first.state, second.state, third.state] == ["done", "skipped", "done"]
        assert (first.entered_s, first.left_s) == (BEGIN_S + 11, BEGIN_S + 71)
        assert (second.entered_s, second.approval) == (None, True)

    def test_what_came_before_what_is_remembered(self, world: World) -> None:
        """A history that begins later does not say that stages were skipped, nor when."""
        one = world.apply(spec(stages=THREE))
        world.decide(one, Action.HOLD, 2500, stage=1, seq=8)
        first, second, _ = view(world).stages
        assert (first.state, second.state, second.entered_s) == ("done", "current", None)

    def test_a_rollback_leaves_the_rest(self, world: World) -> None:
        one = world.apply(spec(stages=THREE))
        world.decide(one, Action.ADVANCE, 1000)
        world.decide(one, Action.ROLLBACK, 0, "harm: errors")
        assert [stage.state for stage in view(world).stages] == ["done", "skipped", "skipped"]


class TestEvidence:
    def test_the_worst_and_the_nearest(self, world: World) -> None:
        """Of guardrails; a signal with harm is shown and counts for neither."""
        one = world.apply()
        signal = verdict(metric="scores", role="signal", finding=Finding.HARM, log_e_harm=9.0)
        fine = verdict(metric="p50", finding=Finding.NO_HARM, log_e_harm=-3.0)
        near = verdict(metric="errors", log_e_harm=3.0)
        ill = check(name="log", ok=False)
        verdicts = (signal, fine, near)
        world.decide(one, Action.HOLD, 2500, verdicts=verdicts, health=(check(), ill))
        told = view(world)
        assert [each.metric for each in told.evidence] == ["errors", "p50", "scores"]
        assert (told.summary.worst, told.summary.nearest_harm) == ("undecided", 0.75)
        assert told.summary.healthy is False

    def test_what_is_infinite_is_not_known(self, world: World) -> None:
        one = world.apply()
        endless = verdict(estimate=float("inf"), log_e_safe=float("-inf"))
        world.decide(one, Action.HOLD, 2500, verdicts=(endless,))
        (told,) = view(world).evidence
        assert (told.estimate, told.log_e_safe, told.low) == (None, None, 0.5)

    def test_over_time(self, world: World) -> None:
        """One row a bucket, with both arms' own counts."""
        one = world.apply()
        for second in range(0, 50, 10):
            grown = verdict(log_e_harm=float(second), events={"baseline": 9, ARM: second})
            world.decide(one, Action.HOLD, 2500, second=second, verdicts=(grown,))
        claim = Claim("errors", ARM, "all")
        with world.stories.reading(one.rollout) as story:
            assert story is not None
            series = story.claims.get(claim)
            assert series is not None
            told = evidence_series(claim, "ratio", series)
        assert told.at_s == [BEGIN_S + 1.0 + second for second in range(0, 50, 10)]
        assert told.log_e_harm == told.events[ARM] == [0.0, 10.0, 20.0, 30.0, 40.0]
        assert (told.high, told.events["baseline"]) == ([None] * 5, [9.0] * 5)

    def test_so_many_slices_and_no_more(self) -> None:
        """The whole always has a series."""
        claims = Claims()
        many = [verdict(segment=f"country=c{n}") for n in range(200)]
        claims.put(1000, [*many, verdict()])
        remembered = [each for each in many if Claim.of(each) in claims]
        assert remembered == many[:64]
        assert Claim.of(verdict()) in claims


class TestSegments:
    def test_one_that_went_back_alone(self, world: World) -> None:
        country = Dimension(name="country", values=("SG",))
        one = world.apply(spec(segments=(country,), on_segment_harm=SegmentHarm.SEGMENT))
        home = {"baseline": 10_000, ARM: 0}
        split = {"all": {"baseline": 7500, ARM: 2500}, "country=SG": home}
        harm = verdict(segment="country=SG", finding=Finding.HARM)
        world.decide(one, Action.HOLD, 0, weights_bp=split, verdicts=(verdict(), harm))
        world.pane(one, 0, {("all", ARM): cell(8, 2), ("country=SG", ARM): cell(3, 1)})
        whole, sg, other = view(world).segments
        assert [whole.segment, sg.segment, other.segment] == ["all", "country=SG", "country=other"]
        assert [whole.dropped, sg.dropped, other.dropped] == [False, True, False]
        assert (sg.harmed, sg.worst) == (["errors of candidate"], "harm")
        assert (other.wanted_pct[ARM], sg.wanted_pct[ARM]) == (25.0, 0.0)
        assert (sg.exposures[ARM], sg.errors[ARM], whole.exposures["baseline"]) == (3, 1, 0)


class TestDecisions:
    def test_what_restates_is_told_apart(self, world: World) -> None:
        one = world.apply()
        world.decide(one, Action.ADVANCE, 2500)
        for seconds in (5, 6, 7):
            world.decide(one, Action.HOLD, 2500, f"min_time: has {seconds}", second=seconds)
        with world.stories.reading(one.rollout) as story:
            assert story is not None
            lines = story.decided.lines(turns=False)
            turns = story.decided.lines(turns=True)
        assert [(line.seq, line.turn) for line in lines] == [
            *((4, False), (3, False), (2, True), (1, True)),
        ]
        assert [line.seq for line in turns] == [2, 1]
        assert [line.full for line in lines] == [True, False, True, True]
        assert lines[0].sentence.startswith("digits-v2: stays at 25 %, because has 7")

    def test_the_oldest_are_forgotten_and_counted(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Evidence goes by its bytes, lines by their number; the newest is always whole."""
        monkeypatch.setattr(decided, "PACKED_BYTES", 1)
        one = world.apply()
        for number in range(decided.TURNS + 5):
            world.decide(one, Action.HOLD, 2500, f"code{number}: so", second=number)
        with world.stories.reading(one.rollout) as story:
            assert story is not None
            lines = story.decided.lines(turns=False)
            assert (len(lines), story.decided.forgotten) == (decided.TURNS, 5)
            newest = lines[0].seq
            assert [line.seq for line in lines if line.full] == [newest]
            assert story.decided.get(newest) == world.last[one.rollout]
            assert story.decided.get(newest - 1) is None

    def test_evidence_of_a_turn_comes_back_whole(self, world: World) -> None:
        one = world.apply()
        first = world.decide(one, Action.ADVANCE, 2500)
        world.decide(one, Action.ROLLBACK, 0, "harm: errors")
        with world.stories.reading(one.rollout) as story:
            assert story is not None
            assert story.decided.get(1) == first


class TestDoubted:
    def test_a_forged_decision_is_in_the_trail_and_nowhere_else(self, world: World) -> None:
        one = world.apply()
        world.decide(one, Action.ADVANCE, 1000)
        world.decide(one, Action.PROMOTE, 10_000, doubted=FORGED)
        told = view(world)
        assert (told.decision, told.summary.wanted_pct[ARM]) == (1, 10.0)
        newest = trail(world)[0]
        assert (newest.did, newest.actor, newest.reason) == (
            *(Did.DOUBTED, "unknown", "no signature"),
        )

    def test_a_broken_chain_is_told(self, world: World) -> None:
        one = world.apply()
        world.decide(one, Action.ADVANCE, 1000)
        world.decide(one, Action.ADVANCE, 2500, prev_hash="another")
        told = view(world)
        assert (told.decision, told.refused.split(":")[0]) == (1, "decision #2 is not believed")
        assert trail(world)[0].did is Did.DOUBTED

    def test_one_that_stands_twice_in_the_log_is_one(self, world: World) -> None:
        """A broker without transactions shows some twice."""
        one = world.apply()
        first = world.decide(one, Action.ADVANCE, 1000)
        del world.last[one.rollout]
        world.decide(one, Action.ADVANCE, 1000)
        assert [entry.did for entry in trail(world)] == [Did.DECIDED, Did.APPLIED]
        assert view(world).decision == first.seq


class TestTrail:
    def test_in_the_order_of_the_clock(self, world: World) -> None:
        """Topics are read one after the other; the trail is told by time."""
        one = world.apply()
        world.command(one, "PAUSE", "lunch", second=30)
        world.decide(one, Action.ADVANCE, 2500, second=1)
        world.route(one, 2500, second=5)
        told = trail(world)
        assert [entry.did for entry in reversed(told)] == [
            *(Did.APPLIED, Did.DECIDED, Did.ROUTED, Did.COMMANDED),
        ]
        assert (told[0].actor, told[0].what, told[0].reason) == ("grace", "pause", "lunch")
        assert told[1].what == "#0 applied: baseline 75%, candidate 25%"
        assert told[3].actor == "ada"

    def test_looks_that_say_nothing_new_are_left_out(self, world: World) -> None:
        one = world.apply()
        seen = RoutingPhase.OBSERVED
        world.route(one, 2500, second=1)
        for second in (2, 3, 4):
            world.route(one, 2500, second=second, phase=seen)
        world.route(one, 4000, second=5, phase=seen)
        world.route(one, 4000, second=6, phase=seen, reason="drift_lower: somebody lowered it")
        world.route(one, 4000, second=7, phase=RoutingPhase.INTENT)
        told = [entry for entry in trail(world) if entry.did is Did.ROUTED]
        assert [entry.at_s - BEGIN_S for entry in reversed(told)] == [1, 5, 6]

    def test_a_command_that_was_read_before_its_spec(self) -> None:
        """History is read topic by topic."""
        world = World(live=False)
        one = spec()
        world.command(one, "PAUSE")
        world.apply(one)
        assert [entry.did for entry in trail(world)] == [Did.COMMANDED, Did.APPLIED]


class TestTraffic:
    def test_wanted_applied_and_measured(self, world: World) -> None:
        """Changes are times of their own; counts stand at buckets alone."""
        one = world.apply()
        world.decide(one, Action.ADVANCE, 1000, second=0)
        world.route(one, 1000, second=3)
        world.pane(one, 5, {("all", "baseline"): cell(90), ("all", ARM): cell(10, 1)})
        world.pane(one, 5, {("all", ARM): cell(5)}, source_partition=1)
        with world.window.looking(one.rollout) as seen:
            told = traffic_series(one, seen.story, seen.book, "all")
        assert [at - BEGIN_S for at in told.at_s] == [1, 3, 5]
        assert told.wanted_pct[ARM] == [10.0, 10.0, 10.0]
        assert told.applied_pct[ARM] == [None, 10.0, 10.0]
        assert (told.exposures[ARM], told.errors[ARM]) == ([None, None, 15.0], [None, None, 1.0])
        assert told.measured_pct["baseline"] == [None, None, pytest.approx(100 * 90 / 105)]

    def test_in_shadow_mode_shares_are_those_of_copies(self, world: World) -> None:
        stages = (Stage(weight_bp=2000),)
        one = world.apply(spec(mode=Mode.SHADOW, stages=stages))
        mirror = {"baseline": 8000, ARM: 2000}
        split = {"all": {"baseline": 10_000, ARM: 0}, "mirror": mirror}
        world.decide(one, Action.ADVANCE, 0, weights_bp=split)
        world.pane(one, 0, {("all", "baseline"): cell(100), ("all", ARM): cell(20)})
        told = view(world).summary
        assert told.wanted_pct == told.measured_pct == {"baseline": 80.0, ARM: 20.0}


class TestCommands:
    def test_which_may_be_asked(self, world: World) -> None:
        """A stage that was begun waits for nobody."""
        one = world.apply(spec(stages=THREE))
        world.decide(one, Action.ADVANCE, 1000)
        asked = [CommandKind.PAUSE, CommandKind.RESUME, CommandKind.APPROVE]
        assert view(world).commands == [*asked, CommandKind.PROMOTE, CommandKind.ABORT]
        world.decide(one, Action.ADVANCE, 2500, stage=1)
        assert CommandKind.APPROVE not in view(world).commands

    def test_nothing_of_one_that_ended_before_what_was_read(self, world: World) -> None:
        """Its last lease alone is left; nobody knows any more how it went to its end."""
        slow = Target(router="memory", options={"name": "x"}, max_step_bp=1000)
        one = world.apply(spec().model_copy(update={"target": slow}))
        world.beat(one, state="ENDED")
        told = view(world)
        assert (told.summary.state, told.commands) == ("ended", [])


class TestBounds:
    def test_stories_of_those_that_changed_last(self) -> None:
        """Others are told from the board alone, and say that their history was given up."""
        world = World(most=2)
        made = [world.apply(spec(f"r{number}")) for number in range(4)]
        for each in made:
            world.decide(each, Action.ADVANCE, 2500)
        assert world.stories.count() == 2
        assert [view(world, each.rollout).remembered for each in made] == [
            *(False, False, True, True),
        ]
        forgotten = view(world, "r0")
        assert (forgotten.summary.state, forgotten.decision) == ("silent", None)
        assert forgotten.summary.wanted_pct[ARM] == 25.0

    def test_who_only_ended_long_ago_pushes_nobody_out(self) -> None:
        """Leases and commands of all times are read; most are of rollouts that are over."""
        world = World(most=2)
        one = world.apply(spec("r0"))
        world.decide(one, Action.ADVANCE, 2500)
        for number in range(1, 5):
            world.beat(world.apply(spec(f"r{number}")), state="ENDED")
        assert (world.stories.count(), view(world, "r0").remembered) == (2, True)

    def test_commands_of_rollouts_that_nobody_applied(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stories, "EARLY_ROLLOUTS", 3)
        world = World(live=False)
        made = [spec(f"r{number}") for number in range(5)]
        for each in made:
            world.command(each, "PAUSE")
        for each in made:
            world.apply(each)
        kept = [each.rollout for each in made if len(trail(world, each.rollout)) == 2]
        assert kept == ["r2", "r3", "r4"]

    def test_one_that_was_taken_back_is_gone(self, world: World) -> None:
        one = world.apply()
        world.decide(one, Action.ADVANCE, 2500)
        world.withdraw(one.rollout)
        assert (world.stories.count(), world.news.change(one.rollout)) == (0, 0)


def test_several_candidates(world: World) -> None:
    """Each has its own share."""
    names = (Candidate(name="b", version="v2"), Candidate(name="c", version="v3"))
    one: RolloutSpec = world.apply(spec(candidates=names))
    split = {"all": {"baseline": 5000, "b": 4000, "c": 1000}}
    world.decide(one, Action.ADVANCE, 0, weights_bp=split, verdicts=())
    told = view(world).summary
    assert told.wanted_pct == {"baseline": 50.0, "b": 40.0, "c": 10.0}
    assert (told.candidates, told.worst) == ({"b": "v2", "c": "v3"}, None)
