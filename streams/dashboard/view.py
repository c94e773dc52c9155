"""What does the page show of one rollout as it is now? Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from streams.actuator.lease import Silence
from streams.dashboard import shares
from streams.dashboard.answers.common import JudgeState
from streams.dashboard.answers.evidence import Evidence
from streams.dashboard.answers.rollout import (
    BreachTold,
    LeaseTold,
    MetricDeclared,
    Pause,
    RolloutView,
    SegmentTold,
    StageTold,
)
from streams.dashboard.evidence import (
    drifts_of,
    evidence_of,
    figures_of,
    guardrails,
    health_of,
    shadows_of,
    worst,
)
from streams.dashboard.orders import allowed
from streams.dashboard.pane_book import PaneBook
from streams.dashboard.shapes import kinds_of
from streams.dashboard.story import Story, Visit
from streams.dashboard.summary import summary_of, wanted
from streams.judge.decision_facts import Decision, Finding, Verdict, claim_name
from streams.judge.explain import explain
from streams.panes.breaches import Breach, BreachKind
from streams.spec.model import ALL_SEGMENT, BASELINE
from streams.verdicts.facts import Known

Passed = Literal["done", "current", "ahead", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that is known of one rollout at a moment."""

    known: Known
    story: Story
    book: PaneBook
    watermark_ms: int | None
    change: int
    read: bool
    """Whether the log was read to its end of it."""
    whole: bool
    """Whether nothing of story and book was given up."""
    now: float
    """Monotonic seconds."""


def view_of(seen: Seen) -> RolloutView:
    """All of it that is small."""
    known, story, book = seen.known, seen.story, seen.book
    spec, last = known.spec, story.decided.last
    decision = last.decision if last else None
    pane_ms = book.pane_ms or (decision.pane_ms if decision else 0)
    return RolloutView(
        summary=summary_of(known, story, book, read=seen.read, change=seen.change, now=seen.now),
        spec_hash=spec.spec_hash,
        unit=spec.unit,
        revision=spec.revision,
        router=spec.target.router,
        dry_run=spec.target.dry_run,
        pane_s=pane_ms / 1000 if pane_ms else None,
        watermark_s=None if seen.watermark_ms is None else seen.watermark_ms / 1000,
        sentence=explain(decision) if decision else "",
        decision=decision.seq if decision else None,
        refused=known.refused,
        pause=_pause(known),
        commands=allowed(known),
        declared=[
            MetricDeclared(name=m.name, kind=m.kind, role=m.role, outcome=m.outcome)
            for m in spec.metrics
        ],
        stages=_stages(known, story),
        evidence=_evidence(decision, story) if decision else [],
        segments=list(_segments(known, story, book)),
        health=[health_of(check) for check in decision.health] if decision else [],
        lease=_lease(known, story, pane_ms, seen.now),
        drifts=drifts_of(decision) if decision else [],
        figures=figures_of(decision) if decision else [],
        shadows=shadows_of(decision) if decision else [],
        breaches=[BreachTold(kind=each.kind, sentence=_breach(each)) for each in book.breaches],
        distributions=kinds_of(book),
        remembered=seen.whole,
    )


def _pause(known: Known) -> Pause | None:
    standing = known.standing
    until = standing.paused_until_ms
    if not standing.paused:
        return None
    return Pause(actor=standing.paused, until_s=None if until is None else until / 1000)


def _stages(known: Known, story: Story) -> list[StageTold]:
    last = story.decided.last
    current = last.stage if last else -1
    return [
        StageTold(
            index=index,
            weight_pct=stage.weight_bp / shares.PERCENT,
            min_time_s=stage.min_time_s,
            max_time_s=stage.max_time_s,
            min_exposures=stage.min_exposures,
            approval=stage.approval,
            state=_passed(index, current, known, story),
            entered_s=story.visits.get(index, Visit()).entered_s,
            left_s=story.visits.get(index, Visit()).left_s,
        )
        for index, stage in enumerate(known.spec.stages)
    ]


def _passed(index: int, current: int, known: Known, story: Story) -> Passed:
    """A person may promote from any stage: those between are skipped, where that can be known."""
    if index == current:
        return "done" if known.ended else "current"
    if index in story.visits or (index < current and not story.from_begin):
        return "done"
    return "skipped" if known.ended or index < current else "ahead"


def _evidence(decision: Decision, story: Story) -> list[Evidence]:
    """On the whole, then slices with harm; guardrails before signals."""
    told = [v for v in decision.verdicts if v.segment == ALL_SEGMENT or v.finding is Finding.HARM]
    order = {metric.name: place for place, metric in enumerate(story.spec.metrics)}

    def place(verdict: Verdict) -> tuple[bool, str, int, str]:
        sliced = verdict.segment != ALL_SEGMENT
        return sliced, verdict.role, order.get(verdict.metric, len(order)), verdict.candidate

    return [evidence_of(verdict, story.claims) for verdict in sorted(told, key=place)]


def _segments(known: Known, story: Story, book: PaneBook) -> Iterator[SegmentTold]:
    last = story.decided.last
    verdicts = last.decision.verdicts if last else ()
    weights = wanted(known)
    for segment in (ALL_SEGMENT, *known.spec.slices):
        harm = [v for v in verdicts if v.segment == segment and v.finding is Finding.HARM]
        share = shares.of_segment(known.spec, weights, segment)
        sums = {arm: book.sums.get((segment, arm)) for arm in known.spec.arms}
        yield SegmentTold(
            segment=segment,
            exposures={arm: each.exposures if each else 0 for arm, each in sums.items()},
            errors={arm: each.errors if each else 0 for arm, each in sums.items()},
            wanted_pct=share,
            dropped=segment != ALL_SEGMENT
            and segment in weights
            and not any(pct for arm, pct in share.items() if arm != BASELINE),
            worst=worst(guardrails(verdicts, segment)),
            harmed=[claim_name(v.metric, v.candidate, ALL_SEGMENT) for v in harm],
        )


def _lease(known: Known, story: Story, pane_ms: int, now: float) -> LeaseTold:
    lease, last = known.lease, story.decided.last
    # Before the first heartbeat was heard here nobody here knows since when the judge is silent.
    heard = lease.heard is not None and known.silence(now) is Silence.FROZEN
    change = lease.next_change(now) if heard else None
    judged_ms = (story.judged_pane + 1) * pane_ms
    if last is not None:
        judged_ms = max(judged_ms, last.through_ms)
    return LeaseTold(
        judge=JudgeState(known.judge(now)),
        heard_ago_s=None if lease.heard is None else max(0.0, now - lease.heard),
        valid_s=lease.valid_s,
        rollback_s=lease.rollback_s,
        rollback_in_s=None if change is None or known.ended else change - now,
        judged_through_s=judged_ms / 1000 if judged_ms else None,
    )


def _breach(breach: Breach) -> str:
    match breach.kind:
        case BreachKind.PARTITIONS_CHANGED:
            return (
                f"{breach.topic} has {breach.last} partitions and had {breach.first} when the "
                "rollout began: abort it and apply a new one"
            )
        case BreachKind.RECORDS_LOST:
            return (
                f"offsets {breach.first} to {breach.last} of {breach.topic}-{breach.partition} "
                "were deleted before they were read: resume begins the stage afresh"
            )
        case _:
            assert_never(breach.kind)
