"""Decisions and views to show, without a broker; a mark by which a demo's processes are found."""

import uuid
from collections.abc import Callable

import pytest

from streams.demo.acts import Told, View, acts
from streams.demo.faults import Fault
from streams.judge.decision_facts import Action, Decision, Finding, Verdict
from streams.judge.facts import Cut

NO_HARM = Verdict(
    metric="errors",
    kind="errors",
    role="guardrail",
    segment="all",
    candidate="candidate",
    finding=Finding.NO_HARM,
    reason="no_harm_shown",
    unit="ratio",
    estimate=0.9,
    low=0.4,
    high=1.2,
    margin=1.5,
    log_e_harm=-3.0,
    log_e_harm_threshold=6.4,
    log_e_safe=4.1,
    log_e_safe_threshold=3.0,
    alpha_share=0.0017,
    exposures={"baseline": 900, "candidate": 300},
    events={"baseline": 9, "candidate": 3},
    first_pane=1,
    last_pane=9,
)


def decision(seq: int, action: Action, *, stage: int, share_bp: int, terminal: bool) -> Decision:
    return Decision(
        rollout="digits-v2",
        decision_id=f"{seq:032x}",
        seq=seq,
        spec_hash="0" * 32,
        action=action,
        reason="min_time: the stage has not lasted long enough",
        stage=stage,
        terminal=terminal,
        weights_bp={"all": {"baseline": 10_000 - share_bp, "candidate": share_bp}},
        verdicts=(NO_HARM,),
        health=(),
        pane_ms=500,
        cut=Cut(pane=seq),
        steps=(),
        prev_hash="",
    )


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def make_view() -> Callable[..., View]:
    """`make_view(action, share_bp=.., applied=.., measured=..)`: an act after two decisions."""

    def make(
        action: Action,
        *,
        share_bp: int,
        applied: float | None,
        measured: float | None,
        fault: Fault = Fault.NONE,
    ) -> View:
        good, bad = acts(Fault.ERRORS)
        terminal = action in (Action.PROMOTE, Action.ROLLBACK)
        first = decision(1, Action.ADVANCE, stage=0, share_bp=200, terminal=False)
        last = decision(2, action, stage=1, share_bp=share_bp, terminal=terminal)
        return View(
            act=good if fault is Fault.NONE else bad,
            elapsed_s=12.3,
            told=(Told(decision=first, at_ms=1_000), Told(decision=last, at_ms=9_500)),
            applied=applied,
            measured=measured,
            rate=250.0,
            released=terminal,
        )

    return make
