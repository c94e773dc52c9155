"""What was decided and done? Pages of it, the newest first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile, islice
from typing import Annotated

from fastapi import APIRouter, Path, Query

from streams.dashboard.answers.story import AuditEntry, AuditList, DecisionList, DecisionView
from streams.dashboard.evidence import (
    drifts_of,
    evidence_of,
    figures_of,
    health_of,
    shadows_of,
)
from streams.dashboard.orders import NoAnswer
from streams.dashboard.routes.asked import TROUBLES, Before, Id, Limit, nothing
from streams.dashboard.story import Story
from streams.dashboard.window import Window

Number = Annotated[int, Path(ge=0, description="Its number within the rollout.")]
Turns = Annotated[bool, Query(description="Without those that restate the one before.")]


def told_router(window: Window) -> APIRouter:
    """`/decisions` and `/audit`."""
    router = APIRouter(prefix="/rollouts/{rollout}", responses=TROUBLES)

    @router.get("/decisions")
    def decisions(
        rollout: Id, limit: Limit = 50, before: Before = None, *, turns: Turns = False
    ) -> DecisionList:
        """The timeline."""
        with window.looking(rollout) as seen:
            decided = seen.story.decided
            lines = [
                line for line in decided.lines(turns=turns) if before is None or line.seq < before
            ]
            more = len(lines) > limit
            return DecisionList(
                items=lines[:limit],
                next=lines[limit - 1].seq if more else None,
                forgotten=decided.forgotten,
            )

    @router.get("/decisions/{seq}")
    def decision(rollout: Id, seq: Number) -> DecisionView:
        """One decision with all its evidence."""
        with window.looking(rollout) as seen:
            return _decision(seen.story, seq)

    @router.get("/audit")
    def audit(rollout: Id, limit: Limit = 50, before: Before = None) -> AuditList:
        """The trail: who did what, when and why."""
        with window.looking(rollout) as seen:
            trail = seen.story.trail
            found = list(islice(_after(list(trail.newest_first()), before), limit + 1))
            return AuditList(
                items=found[:limit],
                next=found[limit - 1].number if len(found) > limit else None,
                forgotten=trail.forgotten,
            )

    return router


def _after(entries: list[AuditEntry], before: int | None) -> Iterator[AuditEntry]:
    """Those behind the entry of this number; none where it is forgotten."""
    if before is None:
        return iter(entries)
    rest = dropwhile(lambda entry: entry.number != before, entries)
    next(rest, None)
    return rest


def _decision(story: Story, seq: int) -> DecisionView:
    lines = (line for line in story.decided.lines(turns=False) if line.seq == seq)
    line, decision = next(lines, None), story.decided.get(seq)
    if line is None or decision is None:
        raise _forgotten(story, seq)
    return DecisionView(
        decision=line,
        evidence=[evidence_of(verdict, story.claims) for verdict in decision.verdicts],
        health=[health_of(check) for check in decision.health],
        drifts=drifts_of(decision),
        figures=figures_of(decision),
        shadows=shadows_of(decision),
        prev_hash=decision.prev_hash,
    )


def _forgotten(story: Story, seq: int) -> NoAnswer:
    name = f"{story.spec.rollout}#{seq}"
    return nothing(
        "unknown_decision",
        f"the evidence of decision {name} is not remembered, or there is no such decision",
        "seq",
        f"`davy explain '{name}'` reads it from the log; `full` in /decisions tells which are here",
    )
