"""Shadow mode: copies are judged pair by pair, raised and held; no live request ever moves."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from streams.judge.commands import Wishes
from streams.judge.decision_facts import Action, Decision, Finding
from streams.judge.explain import explain
from streams.judge.facts import CommandKind
from streams.judge.policy import Situation
from streams.judge.rollout import RolloutJudge
from streams.judge.shadow_policy import rule_copies
from streams.judge.stages import Progress
from streams.spec.model import ALL_SEGMENT, BASELINE, MIRROR, Candidate
from tests.judge.mirror import (
    DIFFERENT,
    ERRORS,
    METRICS,
    RATIO,
    STAGES,
    TIMEOUTS,
    MirrorWorld,
    Twin,
    home,
    shadow_spec,
)
from tests.judge.world import PANE_MS, START, run

HARM = ("errors of candidate",)
DONE = Progress(applied=True, short=False, confirmed_s=60, elapsed_s=70, exposures=500)
READY = Situation(stage=0, baseline_seen=True, silent=False, progress=DONE)
LAST = replace(READY, stage=1)
BEFORE = replace(READY, stage=-1, progress=replace(DONE, confirmed_s=0, exposures=0))


class TestRule:
    """The policy as a table: only `advance` and `hold`, but for a person who ends it."""

    @pytest.mark.parametrize(
        ("now", "action", "stage", "code"),
        [
            (BEFORE, Action.ADVANCE, 0, "advance"),
            (replace(BEFORE, baseline_seen=False), Action.HOLD, -1, "no_baseline"),
            (READY, Action.ADVANCE, 1, "advance"),
            (replace(READY, unproven=HARM), Action.ADVANCE, 1, "advance"),
            (LAST, Action.HOLD, 1, "shadow_done"),
            (replace(LAST, unproven=HARM), Action.HOLD, 1, "not_shown_harmless"),
            (replace(READY, harmed=HARM), Action.HOLD, 0, "shadow_harm"),
            (replace(LAST, harmed=HARM), Action.HOLD, 1, "shadow_harm"),
            (replace(READY, dropped=HARM), Action.HOLD, 0, "candidate_dropped"),
            (replace(READY, suspicious=HARM), Action.HOLD, 0, "signal_harm"),
            (replace(READY, unhealthy=("unpaired",)), Action.HOLD, 0, "invalid"),
            (replace(READY, silent=True), Action.HOLD, 0, "silence"),
            (replace(READY, progress=replace(DONE, confirmed_s=7)), Action.HOLD, 0, "min_time"),
            (replace(READY, progress=replace(DONE, exposures=9)), Action.HOLD, 0, "min_exposures"),
            (
                replace(READY, progress=replace(DONE, applied=False, short=True)),
                Action.ADVANCE,
                0,
                "raising",
            ),
        ],
    )
    def test_situation(self, now: Situation, action: Action, stage: int, code: str) -> None:
        ruling = rule_copies(now, STAGES)
        assert (ruling.action, ruling.stage, ruling.code) == (action, stage, code)
        assert not ruling.terminal

    @pytest.mark.parametrize("now", [BEFORE, READY, LAST, replace(READY, harmed=HARM)])
    @pytest.mark.parametrize(
        ("wishes", "action", "code"),
        [
            (Wishes(promote="ada"), Action.HOLD, "promote_refused"),
            (Wishes(pause="ada"), Action.HOLD, "paused"),
            (Wishes(abort="ada"), Action.ROLLBACK, "aborted"),
        ],
    )
    def test_wishes(self, now: Situation, wishes: Wishes, action: Action, code: str) -> None:
        """A person may pause and end it; promotion needs a live rollout."""
        ruling = rule_copies(replace(now, wishes=wishes), STAGES)
        assert (ruling.action, ruling.code) == (action, code)

    def test_a_stage_that_takes_too_long(self) -> None:
        """Past its maximum time a person is told."""
        stages = (STAGES[0], STAGES[1].model_copy(update={"max_time_s": 60.0}))
        assert rule_copies(replace(LAST, unproven=HARM), stages).code == "max_time"


def judged(world: MirrorWorld, seconds: int, **more: object) -> list[Decision]:
    return run(RolloutJudge(world.spec, PANE_MS), world, seconds, **more)


def finding(decision: Decision, metric: str) -> Finding:
    return next(v.finding for v in decision.verdicts if v.metric == metric)


class TestRollout:
    """Whole rollouts of copies."""

    def test_a_candidate_that_is_as_good(self) -> None:
        """Copies are raised stage by stage; at the end it holds, and no live request has moved."""
        decisions = judged(MirrorWorld(spec=shadow_spec()), 120)
        assert {d.action for d in decisions} == {Action.ADVANCE, Action.HOLD}
        assert all(d.weights_bp[ALL_SEGMENT] == home(shadow_spec()) for d in decisions)
        last = decisions[-1]
        assert last.reason.startswith("shadow_done: ")
        assert (last.stage, last.terminal) == (1, False)
        assert last.weights_bp[MIRROR] == {BASELINE: 5000, "candidate": 5000}
        assert {v.finding for v in last.verdicts} <= {Finding.NO_HARM, Finding.BETTER}
        assert all(check.ok for check in last.health)
        assert "stays at copies of 50 %" in explain(last)

    @pytest.mark.parametrize(
        ("metric", "twin"),
        [
            (ERRORS, Twin(only_candidate=0.10)),
            (RATIO, Twin(slower=1.3)),
            (DIFFERENT, Twin(different=0.15)),
        ],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_harm_holds(self, metric, twin: Twin) -> None:
        """What is worse is found, told and never raised again; nothing is rolled back."""
        decisions = judged(MirrorWorld(spec=shadow_spec(), twins={"candidate": twin}), 90)
        first = next(d for d in decisions if d.reason.startswith("shadow_harm: "))
        assert finding(first, metric.name) is Finding.HARM
        after = decisions[decisions.index(first) :]
        assert {d.action for d in after} == {Action.HOLD}
        assert {d.weights_bp[MIRROR]["candidate"] for d in after} == {
            first.weights_bp[MIRROR]["candidate"]
        }

    def test_a_shock_of_both_is_no_harm(self) -> None:
        """An outage that hits both answers to the same requests cancels."""
        world = MirrorWorld(spec=shadow_spec(metrics=(ERRORS, TIMEOUTS)))
        world.shock = lambda second: 0.3 if 20 <= second < 40 else 0.0
        decisions = judged(world, 90)
        assert not any(d.reason.startswith("shadow_harm") for d in decisions)
        assert decisions[-1].reason.startswith("shadow_done: ")

    def test_the_tail_is_told_beside_the_median(self) -> None:
        """The verdict shows the median of the ratios and, in words, their 95 % quantile."""
        last = judged(MirrorWorld(spec=shadow_spec()), 60)[-1]
        ratio = next(v for v in last.verdicts if v.metric == "latency_ratio")
        assert ratio.low is not None
        assert ratio.high is not None
        assert ratio.low < 1.0 < ratio.high
        assert "p95 of the ratio 1.6" in ratio.reason

    def test_several_candidates(self) -> None:
        """The harmful one gets no more copies, the other goes on to the end."""
        candidates = (Candidate(name="a", version="v2"), Candidate(name="b", version="v3"))
        twins = {"a": Twin(only_candidate=0.2), "b": Twin()}
        spec = shadow_spec(candidates=candidates)
        decisions = judged(MirrorWorld(spec=spec, twins=twins, rate=400), 120)
        assert any(d.reason.startswith("candidate_dropped: ") for d in decisions)
        last = decisions[-1]
        assert last.reason.startswith("shadow_done: ")
        assert last.weights_bp[MIRROR] == {BASELINE: 7500, "a": 0, "b": 2500}

    def test_abort_takes_the_copies_away(self) -> None:
        """The only end of a shadow rollout is a person's."""
        world = MirrorWorld(spec=shadow_spec())
        last = judged(world, 40, commands={30: CommandKind.ABORT})[-1]
        assert (last.action, last.terminal) == (Action.ROLLBACK, True)
        assert last.weights_bp == {ALL_SEGMENT: home(world.spec), MIRROR: home(world.spec)}
        assert explain(last).count("no request is copied any more") == 1

    def test_state_goes_on_byte_for_byte(self) -> None:
        """Restored after every pane, through JSON: the same decisions."""
        worlds = [
            MirrorWorld(spec=shadow_spec(), twins={"candidate": Twin(only_candidate=0.03)})
            for _ in "ab"
        ]

        def again(judge: RolloutJudge) -> RolloutJudge:
            return RolloutJudge.from_state(judge.spec, json.loads(json.dumps(judge.to_state())))

        assert judged(worlds[1], 60, each=again) == judged(worlds[0], 60)


class TestHealth:
    """Copies that are lost or alone make verdicts invalid, never harmful."""

    @pytest.mark.parametrize(
        ("name", "twin"),
        [("mirrored_share", Twin(answered=0.9)), ("unpaired", Twin(alone=0.2))],
    )
    def test_lost(self, name: str, twin: Twin) -> None:
        """Told by name, with what was seen; no more copies are asked for."""
        decisions = judged(MirrorWorld(spec=shadow_spec(), twins={"candidate": twin}), 150)
        last = decisions[-1]
        assert last.reason.startswith("invalid: ")
        assert {v.finding for v in last.verdicts} == {Finding.INVALID}
        failed = [check for check in last.health if not check.ok]
        assert name in [check.name for check in failed]
        assert all(check.observed != check.expected for check in failed)

    def test_resume_begins_the_stage_afresh(self) -> None:
        """Once the copying is mended, the checks start from nothing."""
        world = MirrorWorld(spec=shadow_spec(), twins={"candidate": Twin(answered=0.8)})

        def mended(judge: RolloutJudge) -> RolloutJudge:
            if judge.last_pane == START + 80:
                world.twins = {"candidate": Twin()}
            return judge

        decisions = judged(world, 180, commands={90: CommandKind.RESUME}, each=mended)
        assert any(d.reason.startswith("invalid: ") for d in decisions)
        assert all(check.ok for check in decisions[-1].health)
        assert Finding.NO_HARM in {v.finding for v in decisions[-1].verdicts}

    def test_a_lost_record_now_and_then_is_no_failure(self) -> None:
        """Half a percent of the answers may be missing, for hours."""
        twins = {"candidate": Twin(answered=0.995, alone=0.004)}
        decisions = judged(MirrorWorld(spec=shadow_spec(), twins=twins, rate=2000), 300)
        assert all(check.ok for check in decisions[-1].health)

    def test_shares_as_applied(self) -> None:
        """Observed and expected are of the baseline's requests."""
        last = judged(MirrorWorld(spec=shadow_spec()), 120)[-1]
        check = next(check for check in last.health if check.name == "mirrored_share")
        assert check.observed == pytest.approx(0.5, abs=0.03)
        assert check.expected == pytest.approx(0.5)


def test_all_metrics_of_shadow_mode_are_judged() -> None:
    assert {v.metric for v in judged(MirrorWorld(spec=shadow_spec()), 30)[-1].verdicts} == {
        metric.name for metric in METRICS
    }
