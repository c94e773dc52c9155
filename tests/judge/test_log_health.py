"""What a log does not hold is never guessed: nothing is raised on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import pytest

from streams.judge.chain import decision_body
from streams.judge.decision_facts import Action, Decision, Finding, HealthCheck
from streams.judge.facts import CommandKind, PaneInput
from streams.judge.log_health import LogHealth
from streams.judge.rollout import RolloutJudge
from streams.panes.breaches import Breach
from streams.spec.metric_facts import Role
from streams.spec.model import FULL_BP, RolloutSpec, Stage
from tests.judge.world import ERRORS, PANE_MS, Model, World, make_spec, run

ADDED = Breach.of_partitions("outcomes", 2, 3)
DELETED = Breach.of_records("predictions", 0, 100, 500)
AT = 30
STAGES = (Stage(weight_bp=2_500, min_time_s=5), Stage(weight_bp=FULL_BP))
SPEC = make_spec(stages=STAGES, metrics=(ERRORS,))
ILL = Model(errors=0.2)


@dataclass(kw_only=True)
class BrokenWorld(World):
    """Owners tell something with the pane of a second."""

    breaches: Iterable[Breach] = (ADDED,)
    at: int = AT

    def pane(self, second: int) -> PaneInput:
        found = super().pane(second)
        return replace(found, breaches=tuple(self.breaches)) if second == self.at else found


def judged(
    world: World, seconds: int = 120, commands: dict[int, CommandKind] | None = None
) -> list[Decision]:
    return run(RolloutJudge(world.spec, PANE_MS), world, seconds, commands)


def ill(spec: RolloutSpec, *breaches: Breach, at: int = AT) -> BrokenWorld:
    """From the breach on the candidate fails often; before it nothing was to be seen."""
    world = BrokenWorld(spec=spec, breaches=breaches, at=at, rate=50)
    return replace(world, models={"candidate": ILL})


class TestPartitionsChanged:
    def test_the_world_without_it_promotes(self) -> None:
        """Else the tests below would show nothing."""
        assert judged(World(spec=SPEC, rate=1000))[-1].action is Action.PROMOTE

    def test_every_verdict_is_invalid_and_nothing_is_raised(self) -> None:
        told = judged(BrokenWorld(spec=SPEC, rate=1000, at=3))
        after = [one for one in told if not log_of(one).ok]
        assert {v.finding for one in after for v in one.verdicts} == {Finding.INVALID}
        assert {v.reason for one in after for v in one.verdicts} == {"partitions_changed"}
        assert {one.action for one in after} == {Action.HOLD}
        assert len(after) > 10

    def test_the_reason_says_what_happened_and_what_to_do(self) -> None:
        reason = judged(BrokenWorld(spec=SPEC))[-1].reason
        assert reason.startswith("invalid: verdicts cannot be trusted: partitions_changed: ")
        assert "outcomes from 2 to 3" in reason
        assert "`davy rollout abort digits-2` and apply a new rollout" in reason

    def test_a_person_can_roll_back(self) -> None:
        last = judged(BrokenWorld(spec=SPEC), commands={60: CommandKind.ABORT})[-1]
        assert (last.action, last.terminal) == (Action.ROLLBACK, True)

    @pytest.mark.parametrize("kind", [CommandKind.PROMOTE, CommandKind.RESUME])
    def test_no_person_can_raise(self, kind: CommandKind) -> None:
        told = judged(BrokenWorld(spec=SPEC, at=3, rate=1000), commands={60: kind})
        assert not [one for one in told if one.terminal]
        refused = [one.reason for one in told if one.reason.startswith("promote_refused")]
        assert len(refused) == (kind is CommandKind.PROMOTE)

    def test_harm_that_was_found_before_stays_found(self) -> None:
        """A signal's harm is on record; what comes after the breach is not looked at."""
        signal = ERRORS.model_copy(update={"role": Role.SIGNAL})
        guard = ERRORS.model_copy(update={"name": "guarded", "margin": 50.0})
        spec = make_spec(stages=STAGES, metrics=(signal, guard))
        told = judged(ill(spec, ADDED, at=100), seconds=140)
        findings = {v.metric: (v.finding, v.reason) for v in told[-1].verdicts}
        assert findings["errors"] == (Finding.HARM, "e_harm_crossed")
        assert findings["guarded"] == (Finding.INVALID, "partitions_changed")
        assert told[-1].reason.startswith("invalid: ")

    def test_harm_after_it_is_not_believed(self) -> None:
        told = judged(ill(SPEC, ADDED, at=2))
        assert {one.action for one in told[2:]} == {Action.HOLD}


class TestRecordsLost:
    def test_nothing_is_raised_until_a_person_resumes(self) -> None:
        """The stage begins afresh; what was lost stays told."""
        told = judged(BrokenWorld(spec=SPEC, breaches=(DELETED,), at=3, rate=1000))
        assert {one.action for one in told if not log_of(one).ok} == {Action.HOLD}
        assert not told[-1].terminal
        assert told[-1].reason.startswith("incomplete: records_lost: 400 records of predictions-0 ")
        assert "`davy rollout resume digits-2`" in told[-1].reason

    def test_resumed(self) -> None:
        world = BrokenWorld(spec=SPEC, breaches=(DELETED,), at=3, rate=1000)
        last = judged(world, commands={40: CommandKind.RESUME})[-1]
        assert last.action is Action.PROMOTE
        assert log_of(last).observed == 400
        assert last.cut.pane >= world.panes[40].pane + 5

    def test_harm_rolls_back(self) -> None:
        """All arms lost the same stretches, whatever they answered."""
        last = judged(ill(SPEC, DELETED, at=8))[-1]
        assert (last.action, last.reason.split(":")[0]) == (Action.ROLLBACK, "harm")

    def test_told_twice_it_counts_once(self) -> None:
        """An owner that was killed before its marker passed finds it again, or more of it."""
        health = LogHealth("r")
        health.hear([DELETED, Breach.of_records("predictions", 0, 100, 600)])
        health.hear([DELETED, Breach.of_records("predictions", 1, 100, 101)])
        assert health.missing == 501

    def test_a_loss_after_the_person_looked_is_new(self) -> None:
        health = LogHealth("r")
        health.hear([DELETED])
        health.resume()
        assert not health.incomplete
        health.hear([Breach.of_records("predictions", 0, 700, 701)])
        assert health.incomplete


@pytest.mark.parametrize("breach", [ADDED, DELETED])
def test_a_restart_after_every_pane_changes_nothing(breach: Breach) -> None:
    """State and continuation give the same bytes."""

    def bodies(each: Callable[[RolloutJudge], RolloutJudge]) -> list[bytes]:
        world, commands = BrokenWorld(spec=SPEC, breaches=(breach,)), {50: CommandKind.RESUME}
        told = run(RolloutJudge(SPEC, PANE_MS), world, 80, commands, each)
        return [decision_body(one) for one in told]

    again = bodies(lambda judge: RolloutJudge.from_state(SPEC, json.loads(state_of(judge))))
    assert bodies(lambda judge: judge) == again


def state_of(judge: RolloutJudge) -> str:
    return json.dumps(judge.to_state())


def log_of(decision: Decision) -> HealthCheck:
    (found,) = (check for check in decision.health if check.name == "log")
    return found
