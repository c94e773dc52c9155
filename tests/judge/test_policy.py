"""The policy as a table: what must be known for what to be done."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from streams.judge.commands import PROMOTE_MS, Approval, Wishes, heard_ms
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from streams.judge.policy import Situation, rule
from streams.judge.stages import Progress
from streams.spec.model import FULL_BP, Stage
from tests.judge.world import PANE_MS, START, command

STAGES = (
    Stage(weight_bp=200, min_time_s=60, max_time_s=600, min_exposures=100),
    Stage(weight_bp=2500, min_time_s=60, max_time_s=600, min_exposures=100),
    Stage(weight_bp=FULL_BP),
)
DONE = Progress(applied=True, short=False, confirmed_s=60, elapsed_s=70, exposures=100)
READY = Situation(stage=0, baseline_seen=True, silent=False, progress=DONE)
LAST = replace(READY, stage=1)
BEFORE = Situation(
    stage=-1,
    baseline_seen=True,
    silent=False,
    progress=Progress(applied=True, short=False, confirmed_s=0, elapsed_s=0, exposures=0),
    unproven=("errors of candidate",),
)
HARM = ("errors of candidate",)
NOW_MS = START * PANE_MS


def replaced(stage: Stage, *, approval: bool) -> Stage:
    return stage.model_copy(update={"approval": approval})


def progress(**changes: float) -> Progress:
    return replace(DONE, **changes)


class TestRule:
    """One row per question the policy asks, and its answer."""

    @pytest.mark.parametrize(
        ("now", "action", "stage", "code"),
        [
            (BEFORE, Action.ADVANCE, 0, "advance"),
            (replace(BEFORE, baseline_seen=False), Action.HOLD, -1, "no_baseline"),
            (READY, Action.ADVANCE, 1, "advance"),
            (replace(READY, unproven=HARM), Action.ADVANCE, 1, "advance"),
            (LAST, Action.PROMOTE, 2, "no_harm_shown"),
            (replace(LAST, unproven=HARM), Action.HOLD, 1, "not_shown_harmless"),
            (replace(READY, harmed=HARM), Action.ROLLBACK, -1, "harm"),
            (replace(READY, dropped=HARM), Action.HOLD, 0, "candidate_dropped"),
            (replace(READY, suspicious=HARM), Action.HOLD, 0, "signal_harm"),
            (replace(READY, unhealthy=("sample_ratio",)), Action.HOLD, 0, "invalid"),
            (replace(READY, silent=True), Action.HOLD, 0, "silence"),
            (replace(READY, progress=progress(confirmed_s=59.9)), Action.HOLD, 0, "min_time"),
            (replace(READY, progress=progress(exposures=99)), Action.HOLD, 0, "min_exposures"),
            (
                replace(READY, progress=progress(applied=False, short=True)),
                Action.ADVANCE,
                0,
                "raising",
            ),
            (replace(READY, progress=progress(applied=False)), Action.HOLD, 0, "routing_differs"),
            (
                replace(LAST, unproven=HARM, progress=progress(elapsed_s=600)),
                Action.HOLD,
                1,
                "max_time",
            ),
            (replace(LAST, progress=progress(elapsed_s=600)), Action.PROMOTE, 2, "no_harm_shown"),
        ],
    )
    def test_situation(self, now: Situation, action: Action, stage: int, code: str) -> None:
        ruling = rule(now, STAGES)
        assert (action, stage, code) == (ruling.action, ruling.stage, ruling.code)

    @pytest.mark.parametrize(
        ("now", "wishes", "action", "code"),
        [
            (READY, Wishes(pause="ada"), Action.HOLD, "paused"),
            (READY, Wishes(abort="ada"), Action.ROLLBACK, "aborted"),
            (READY, Wishes(promote="ada"), Action.PROMOTE, "promoted_by_person"),
            (BEFORE, Wishes(promote="ada"), Action.PROMOTE, "promoted_by_person"),
            (
                replace(READY, suspicious=HARM),
                Wishes(promote="ada"),
                Action.HOLD,
                "promote_refused",
            ),
            (replace(READY, harmed=HARM), Wishes(promote="ada"), Action.ROLLBACK, "harm"),
            (replace(READY, harmed=HARM), Wishes(pause="ada"), Action.ROLLBACK, "harm"),
            (READY, Wishes(abort="ada", promote="bob"), Action.ROLLBACK, "aborted"),
            (READY, Wishes(promote="ada", too_late="it was"), Action.HOLD, "promote_refused"),
            (
                replace(READY, harmed=HARM),
                Wishes(promote="ada", too_late="it was"),
                Action.ROLLBACK,
                "harm",
            ),
        ],
    )
    def test_people(self, now: Situation, wishes: Wishes, action: Action, code: str) -> None:
        ruling = rule(replace(now, wishes=wishes), STAGES)
        assert (action, code) == (ruling.action, ruling.code)

    @pytest.mark.parametrize(
        ("now", "up"), [(BEFORE, 0), (READY, 1), (LAST, 2)], ids=["first", "middle", "last"]
    )
    def test_a_stage_that_needs_approval_waits_for_it(self, now: Situation, up: int) -> None:
        """The person is asked when all else is there; a yes to another stage is none to this."""
        stages = [replaced(s, approval=i == up) for i, s in enumerate(STAGES)]
        assert (rule(now, stages).action, rule(now, stages).code) == (
            Action.HOLD,
            "awaiting_approval",
        )
        other = Wishes(approved={up + 1: Approval(by="ada")})
        assert rule(replace(now, wishes=other), stages).code == "awaiting_approval"
        this = Wishes(approved={up: Approval(by="ada")})
        assert rule(replace(now, wishes=this), stages) == rule(now, STAGES)

    def test_a_missing_yes_is_no_excuse_for_harm(self) -> None:
        stages = [replaced(s, approval=True) for s in STAGES]
        assert rule(replace(READY, harmed=HARM), stages).action is Action.ROLLBACK

    def test_only_rollback_and_promote_end_it(self) -> None:
        """Terminal follows from the action."""
        assert rule(LAST, STAGES).terminal
        assert rule(replace(READY, harmed=HARM), STAGES).terminal
        assert not rule(READY, STAGES).terminal

    def test_stage_without_minimum_still_needs_a_request(self) -> None:
        """No data never advances, whatever the spec leaves out."""
        open_stages = (Stage(weight_bp=200), *STAGES[1:])
        nobody = replace(READY, progress=progress(exposures=0, confirmed_s=1e9))
        assert rule(nobody, open_stages).code == "min_exposures"

    def test_a_single_stage_is_never_entered_untested(self) -> None:
        """A plan of 100 % alone needs proof that it can never get, so a person must promote."""
        assert rule(BEFORE, (Stage(weight_bp=FULL_BP),)).code == "not_shown_harmless"


class TestWishes:
    """Commands folded in log order."""

    def test_pause_takes_back_promote(self) -> None:
        wishes = Wishes()
        for offset, kind in enumerate((CommandKind.PROMOTE, CommandKind.PAUSE)):
            wishes = wishes.after(command(offset, kind), NOW_MS)
        assert Wishes(pause="ada: says so") == wishes

    def test_resume_ends_pause(self) -> None:
        wishes = Wishes(pause="ada").after(command(0, CommandKind.RESUME), NOW_MS)
        assert Wishes() == wishes

    def test_promote_is_answered_once(self) -> None:
        assert Wishes(pause="ada") == Wishes(pause="ada", promote="bob").answered()

    @pytest.mark.parametrize(
        ("late_ms", "lasts_ms", "counts"),
        [
            (-60_000, None, True),  # panes far behind, or clocks that differ
            (PROMOTE_MS - 1, None, True),
            (PROMOTE_MS, None, False),
            (PROMOTE_MS, PROMOTE_MS + 1, True),
            (600_000, 600_000, False),
        ],
    )
    def test_a_promote_counts_for_a_while(
        self, late_ms: int, lasts_ms: int | None, *, counts: bool
    ) -> None:
        """An hour, or as long as it says itself."""
        until_ms = None if lasts_ms is None else NOW_MS + lasts_ms
        asked = replace(command(0, CommandKind.PROMOTE, NOW_MS), until_ms=until_ms)
        wishes = Wishes().after(asked, NOW_MS + late_ms)
        assert (wishes.promote, wishes.too_late == "") == ("ada: says so", counts)

    def test_a_fresh_word_counts_after_a_late_one(self) -> None:
        late, fresh = (command(n, CommandKind.PROMOTE, n * PROMOTE_MS) for n in (1, 9))
        wishes = Wishes().after(late, 9 * PROMOTE_MS).after(fresh, 9 * PROMOTE_MS)
        assert wishes == Wishes(promote="ada: says so")

    def test_the_newest_time_that_the_log_tells(self) -> None:
        """Panes stand still while nobody judges; targets and people go on."""
        asked = [command(0, CommandKind.RESUME, at_ms) for at_ms in (3, 9)]
        assert heard_ms(5, [], []) == 5
        assert heard_ms(5, [], asked) == 9

    def test_an_approval_is_of_one_stage(self) -> None:
        yes = replace(command(0, CommandKind.APPROVE), reason="", stage=1)
        assert Wishes(approved={1: Approval(by="ada")}) == Wishes().after(yes, NOW_MS)
        assert Wishes() == Wishes().after(command(1, CommandKind.APPROVE), NOW_MS)

    @pytest.mark.parametrize("kind", [CommandKind.PAUSE, CommandKind.APPROVE])
    def test_what_lapses(self, kind: CommandKind) -> None:
        """In event time, so that a replay sees the same."""
        asked = replace(command(0, kind), stage=1, until_ms=2000)
        wishes = Wishes().after(asked, 1000)
        assert wishes.at(1999) == wishes
        assert wishes.at(2000) == Wishes()

    def test_state_round_trip(self) -> None:
        yes = Approval(by="ada", until_ms=7)
        wishes = Wishes(pause="bob", pause_until_ms=5, approved={0: yes, 11: Approval(by="eve")})
        stored = json.loads(json.dumps(wishes.to_state()))
        assert Wishes.from_state(stored) == wishes
