"""How did the evidence on each metric come about? Verdicts of the last decision, and points before.

Points are of chosen decisions: the first, the last, those at which something turned, and of the
others evenly many.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from streams.figures import finite
from streams.judge.decision_facts import Decision, HealthCheck, Verdict
from streams.report.facts import CheckStory, Count, MetricStory, Point, Span
from streams.spec.model import ALL_SEGMENT, BASELINE

MOST_POINTS = 120
"""Decisions that are chosen evenly, and as many turns at most."""
Key = tuple[str, str, str]
"""Metric, candidate, segment."""


def metric_stories(decisions: Sequence[Decision]) -> tuple[MetricStory, ...]:
    """Of every metric, candidate and segment that was ever told, in the order of verdicts."""
    history = chosen(decisions)
    last: dict[Key, Verdict] = {}
    points: dict[Key, list[Point]] = {}
    for decision in history:
        for verdict in decision.verdicts:
            key = (verdict.metric, verdict.candidate, verdict.segment)
            last[key] = verdict
            if verdict.segment == ALL_SEGMENT:
                points.setdefault(key, []).append(_point(decision, verdict))
    return tuple(_story(verdict, points.get(key, ())) for key, verdict in last.items())


def chosen(decisions: Sequence[Decision], most: int = MOST_POINTS) -> list[Decision]:
    """Those whose evidence is shown, in order; the first and the last are among them."""
    turns = [n for n, pair in enumerate(pairwise(decisions), start=1) if _turned(*pair)]
    step = max(1, math.ceil(len(decisions) / most))
    places = {*range(0, len(decisions), step), *turns[:most], len(decisions) - 1}
    return [decisions[place] for place in sorted(places)]


def end_ms(decision: Decision) -> int:
    """Up to where a decision had looked: the end of the last pane that was judged."""
    return (decision.cut.pane + 1) * decision.pane_ms


def _turned(before: Decision, after: Decision) -> bool:
    return (before.action, before.stage, _findings(before)) != (
        after.action,
        after.stage,
        _findings(after),
    )


def _findings(decision: Decision) -> list[str]:
    return [v.finding for v in decision.verdicts if v.segment == ALL_SEGMENT]


def _point(decision: Decision, verdict: Verdict) -> Point:
    return Point(
        at_ms=end_ms(decision),
        seq=decision.seq,
        finding=verdict.finding,
        estimate=finite(verdict.estimate),
        low=finite(verdict.low),
        high=finite(verdict.high),
        limit=finite(verdict.margin),
        log_e_harm=finite(verdict.log_e_harm),
        log_e_safe=finite(verdict.log_e_safe),
    )


def _story(verdict: Verdict, points: Sequence[Point]) -> MetricStory:
    return MetricStory(
        metric=verdict.metric,
        kind=verdict.kind,
        role=verdict.role,
        candidate=verdict.candidate,
        segment=verdict.segment,
        finding=verdict.finding,
        reason=verdict.reason,
        unit=verdict.unit,
        counted=verdict.counted,
        estimate=finite(verdict.estimate),
        low=finite(verdict.low),
        high=finite(verdict.high),
        limit=finite(verdict.margin),
        log_e_harm=finite(verdict.log_e_harm),
        log_e_harm_threshold=finite(verdict.log_e_harm_threshold),
        log_e_safe=finite(verdict.log_e_safe),
        log_e_safe_threshold=finite(verdict.log_e_safe_threshold),
        baseline=_count(verdict, BASELINE),
        treated=_count(verdict, verdict.candidate),
        points=tuple(points),
    )


def _count(verdict: Verdict, arm: str) -> Count:
    return Count(exposures=verdict.exposures.get(arm, 0), events=verdict.events.get(arm, 0))


def check_stories(decisions: Sequence[Decision]) -> tuple[CheckStory, ...]:
    """Health checks of the last decision, each with the times in which it had failed."""
    return tuple(
        _check_story(check, tuple(_failures(check.name, decisions)))
        for check in decisions[-1].health
    )


def _check_story(check: HealthCheck, failed: tuple[Span, ...]) -> CheckStory:
    return CheckStory(
        name=check.name,
        ok=check.ok,
        reason=check.reason,
        observed=finite(check.observed),
        expected=finite(check.expected),
        log_e=finite(check.log_e),
        log_e_threshold=finite(check.log_e_threshold),
        failed=failed,
    )


def _failures(name: str, decisions: Sequence[Decision]) -> Iterator[Span]:
    since: int | None = None
    for decision in decisions:
        ok = all(check.ok for check in decision.health if check.name == name)
        if not ok and since is None:
            since = end_ms(decision)
        elif ok and since is not None:
            yield Span(from_ms=since, until_ms=end_ms(decision))
            since = None
    if since is not None:
        yield Span(from_ms=since, until_ms=None)
