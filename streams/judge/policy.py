"""What is to be done, given what is known? A pure function from a situation to a ruling.

Going down needs one reason; going up needs all of them (architecture, rules 5 and 6).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from streams.judge.commands import Wishes
from streams.judge.decision_facts import Action
from streams.judge.stages import Progress
from streams.spec.model import FULL_BP, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything the policy looks at. Findings are named `metric of candidate`."""

    stage: int
    """Index of the current stage; -1 before the first."""
    baseline_seen: bool
    """Some pane with requests of the baseline was judged."""
    silent: bool
    """An arm that should have traffic has none in this pane."""
    harmed: tuple[str, ...] = ()
    """Guardrails with harm that leave no candidate in the running."""
    dropped: tuple[str, ...] = ()
    """Guardrails with harm for which a candidate was just taken out, others remaining."""
    parted: tuple[str, ...] = ()
    """Guardrails with harm in slices that were just sent back alone."""
    suspicious: tuple[str, ...] = ()
    """Signals with harm."""
    unhealthy: tuple[str, ...] = ()
    """Failed health checks that make verdicts invalid."""
    broken: str = ""
    """Why nothing may ever be raised again, with what to do; empty if something may."""
    incomplete: str = ""
    """Why nothing is raised until a person resumes; harm is still believed."""
    unproven: tuple[str, ...] = ()
    """Guardrails that are not shown to be harmless in the current stage."""
    progress: Progress
    wishes: Wishes = field(default_factory=Wishes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What to do, to which stage that leads, and why: a code and a sentence."""

    action: Action
    stage: int
    code: str
    sentence: str

    @property
    def terminal(self) -> bool:
        """Whether the rollout ends here."""
        return self.action in {Action.ROLLBACK, Action.PROMOTE}


def rule(now: Situation, stages: Sequence[Stage]) -> Ruling:
    """Decide. The order of the questions is the policy."""
    return (
        _go_down(now)
        or _person(now, stages)
        or doubt(now)
        or raise_in_flight(now)
        or _wait(now, stages)
        or _go_up(now, stages)
    )


def _go_down(now: Situation) -> Ruling | None:
    if now.wishes.abort:
        return rollback("aborted", f"aborted by {now.wishes.abort}")
    if now.harmed:
        return rollback("harm", f"harm shown: {listed(now.harmed)}")
    harm = listed((*now.dropped, *now.parted))
    if now.dropped:
        sentence = f"harm shown: {harm}; the other candidates go on"
        return held(now, "candidate_dropped", sentence)
    if now.parted:
        sentence = f"harm shown: {harm}; there all requests go to the baseline, the others go on"
        return held(now, "slice_dropped", sentence)
    return None


def _person(now: Situation, stages: Sequence[Stage]) -> Ruling | None:
    if now.wishes.promote and now.wishes.too_late:
        return refused(now, now.wishes.too_late)
    if now.wishes.promote and now.broken:
        return refused(now, now.broken)
    if now.wishes.promote and now.suspicious:
        return refused(now, f"harm is shown: {listed(now.suspicious)}")
    if now.wishes.promote:
        return _promote(stages, "promoted_by_person", f"promoted by {now.wishes.promote}")
    if now.wishes.pause:
        return held(now, "paused", f"paused by {now.wishes.pause}")
    return None


def doubt(now: Situation) -> Ruling | None:
    """What a person must look at."""
    if now.broken:
        return held(now, "invalid", f"verdicts cannot be trusted: {now.broken}")
    if now.suspicious:
        return held(now, "signal_harm", f"a person must look: {listed(now.suspicious)}")
    if now.unhealthy:
        return held(now, "invalid", f"verdicts cannot be trusted: {listed(now.unhealthy)}")
    if now.incomplete:
        return held(now, "incomplete", now.incomplete)
    return None


def raise_in_flight(now: Situation) -> Ruling | None:
    """Until the target has them, the stage's weights are restated as a raise."""
    if now.stage < 0 or now.progress.applied:
        return None
    if now.progress.short:
        sentence = f"stage {now.stage} is waiting for its weights to be applied"
        return Ruling(action=Action.ADVANCE, stage=now.stage, code="raising", sentence=sentence)
    return held(now, "routing_differs", "the target gives a candidate more than is desired")


def _wait(now: Situation, stages: Sequence[Stage]) -> Ruling | None:
    lacking = next(_lacks(now, stages), None)
    if lacking is None:
        return None
    return overdue(now, stages, *lacking)


def overdue(now: Situation, stages: Sequence[Stage], code: str, sentence: str) -> Ruling:
    """Hold for what is lacking; past the stage's maximum time a person must know."""
    limit_s = stages[now.stage].max_time_s if now.stage >= 0 else None
    if limit_s is not None and now.progress.elapsed_s >= limit_s:
        late = f"undecided at the stage's maximum of {limit_s:g} s: {sentence}"
        return held(now, "max_time", late)
    return held(now, code, sentence)


def _lacks(now: Situation, stages: Sequence[Stage]) -> Iterator[tuple[str, str]]:
    """What a raise is still waiting for, the slowest changing first."""
    if now.stage < 0:
        if not now.baseline_seen:
            yield "no_baseline", "no request of the baseline was seen yet"
    else:
        yield from stage_lacks(now, stages[now.stage])
    if stages[now.stage + 1].weight_bp >= FULL_BP and now.unproven:
        yield "not_shown_harmless", f"not shown to be harmless yet: {listed(now.unproven)}"
    if now.stage >= 0 and now.silent:
        yield "silence", "an arm that should have traffic has none"
    yield from approval_lacks(now, stages)


def approval_lacks(now: Situation, stages: Sequence[Stage]) -> Iterator[tuple[str, str]]:
    """The person's yes that the next stage needs; asked for last, when all else is there."""
    up = now.stage + 1
    if stages[up].approval and up not in now.wishes.approved:
        share = f"{stages[up].weight_bp / 100:g} %"
        yield "awaiting_approval", f"stage {up} ({share}) waits for a person: davy rollout approve"


def stage_lacks(now: Situation, stage: Stage) -> Iterator[tuple[str, str]]:
    """Time and requests that the stage still needs: code and sentence."""
    have, progress = now.progress.exposures, now.progress
    if progress.confirmed_s < stage.min_time_s:
        have_s, need_s = int(progress.confirmed_s), stage.min_time_s
        yield "min_time", f"stage {now.stage} needs {need_s:g} s of confirmed weights, has {have_s}"
    need = max(1, stage.min_exposures)
    if have < need:
        yield "min_exposures", f"stage {now.stage} needs {need} requests per candidate, has {have}"


def _go_up(now: Situation, stages: Sequence[Stage]) -> Ruling:
    up = now.stage + 1
    if stages[up].weight_bp >= FULL_BP:
        return _promote(stages, "no_harm_shown", "every guardrail is shown to be harmless")
    share = f"{stages[up].weight_bp / 100:g} %"
    known = "the baseline is heard" if now.stage < 0 else "no harm is seen"
    sentence = f"{known}, stage {up} begins with {share} for the candidate"
    return Ruling(action=Action.ADVANCE, stage=up, code="advance", sentence=sentence)


def held(now: Situation, code: str, sentence: str) -> Ruling:
    """Stay where we are."""
    return Ruling(action=Action.HOLD, stage=now.stage, code=code, sentence=sentence)


def refused(now: Situation, why: str) -> Ruling:
    """A promotion that a person asked for and does not get."""
    sentence = f"promotion asked by {now.wishes.promote}, but {why}"
    return held(now, "promote_refused", sentence)


def rollback(code: str, sentence: str) -> Ruling:
    """Back before the first stage, and the end."""
    return Ruling(action=Action.ROLLBACK, stage=-1, code=code, sentence=sentence)


def _promote(stages: Sequence[Stage], code: str, sentence: str) -> Ruling:
    top = len(stages) - 1
    return Ruling(action=Action.PROMOTE, stage=top, code=code, sentence=sentence)


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return ", ".join(names)
