"""What is to be done with copies? The policy of shadow mode: more of them, or no more.

Nothing here moves a request of a user, so there is no promotion and no rollback. Harm ends the
raising: copies cost capacity, and what was to be learnt is learnt. Only a person ends a shadow
rollout, by `abort`, which takes the copies away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.judge.decision_facts import Action
from streams.judge.policy import (
    Ruling,
    Situation,
    approval_lacks,
    doubt,
    held,
    listed,
    overdue,
    raise_in_flight,
    rollback,
    stage_lacks,
)
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, MIRROR, Stage


def rule_copies(now: Situation, stages: Sequence[Stage]) -> Ruling:
    """Decide. The order of the questions is the policy."""
    return (
        _person(now)
        or _harm(now)
        or doubt(now)
        or raise_in_flight(now)
        or _wait(now, stages)
        or _go_on(now, stages)
    )


def copied(shares: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Desired weights by segment: live requests stay with the baseline, `shares` are of copies."""
    live = {arm: FULL_BP if arm == BASELINE else 0 for arm in shares}
    return {ALL_SEGMENT: live, MIRROR: dict(shares)}


def _person(now: Situation) -> Ruling | None:
    if now.wishes.abort:
        return rollback("aborted", f"aborted by {now.wishes.abort}")
    if now.wishes.promote:
        sentence = (
            f"promotion asked by {now.wishes.promote}, but a shadow rollout moves no live "
            "traffic: apply a spec of mode live"
        )
        return held(now, "promote_refused", sentence)
    if now.wishes.pause:
        return held(now, "paused", f"paused by {now.wishes.pause}")
    return None


def _harm(now: Situation) -> Ruling | None:
    if now.harmed:
        sentence = f"harm shown: {listed(now.harmed)}; no more requests are copied than now"
        return held(now, "shadow_harm", sentence)
    if now.dropped:
        sentence = f"harm shown: {listed(now.dropped)}; the other candidates go on"
        return held(now, "candidate_dropped", sentence)
    return None


def _wait(now: Situation, stages: Sequence[Stage]) -> Ruling | None:
    if now.stage < 0 and not now.baseline_seen:
        return held(now, "no_baseline", "no request of the baseline was seen yet")
    lacking = list(stage_lacks(now, stages[now.stage])) if now.stage >= 0 else []
    if _last(now, stages) and now.unproven:
        what = f"not shown to be harmless yet: {listed(now.unproven)}"
        lacking.append(("not_shown_harmless", what))
    if now.silent and now.stage >= 0:
        lacking.append(("silence", "an arm that should have traffic has none"))
    if not _last(now, stages):
        lacking += approval_lacks(now, stages)
    return overdue(now, stages, *lacking[0]) if lacking else None


def _go_on(now: Situation, stages: Sequence[Stage]) -> Ruling:
    if _last(now, stages):
        sentence = "every guardrail is shown to be harmless; abort ends the copying"
        return held(now, "shadow_done", sentence)
    up = now.stage + 1
    share = f"{stages[up].weight_bp / 100:g} %"
    known = "the baseline is heard" if now.stage < 0 else "no harm is seen"
    sentence = f"{known}, stage {up} begins with copies of {share} of the requests"
    return Ruling(action=Action.ADVANCE, stage=up, code="advance", sentence=sentence)


def _last(now: Situation, stages: Sequence[Stage]) -> bool:
    return now.stage == len(stages) - 1
