"""What does the outlook say in tables and sentences? The words of terminal and page alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from streams.planner import words
from streams.planner.facts import (
    Course,
    Detection,
    Harm,
    HarmKind,
    Outlook,
    Promotion,
    Shown,
)
from streams.planner.harms import describe
from streams.spec.formats import format_margin, format_number, format_share
from streams.spec.metric_facts import MetricKind

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of the report: a heading, its sentence, and a table."""

    heading: str
    sentence: str
    headers: tuple[str, ...]
    rows: Rows


def assumed(outlook: Outlook) -> str:
    """What the figures rest on."""
    traffic = outlook.traffic
    rate = format_share(float(f"{traffic.p_error:.4g}"))
    parts = [
        f"{format_number(traffic.rps)} requests per second",
        f"{rate} of them fail today",
        f"latency p50 {traffic.p50_ms:g} ms, p99 {traffic.p99_ms:g} ms",
        f"{traffic.classes} classes",
    ]
    return ", ".join(parts)


def harm_block(outlook: Outlook, harm: Harm) -> Block:
    """How soon a harm is found in each stage, and what it costs."""
    bad = "failed requests too many" if harm.kind is HarmKind.ERRORS else "slow requests"
    course = next(course for course in outlook.courses if course.harm == harm)
    rows = [_stage(outlook, found) for found in outlook.detections if found.harm == harm]
    headers = (
        *("stage", "candidate's requests", "found before it ends"),
        *("half found after", "9 of 10 after", bad, "by"),
    )
    return Block(
        heading=f"Bad candidate: {describe(harm, outlook.traffic)}",
        sentence=_course(outlook, course, bad),
        headers=headers,
        rows=tuple(rows),
    )


def _stage(outlook: Outlook, found: Detection) -> tuple[str, ...]:
    last = found.leg is outlook.legs[-1]
    never = not math.isfinite(found.spread.half_s)
    return (
        stage_words(outlook, found),
        words.count(found.leg.requests(outlook.traffic.rps)) + ("+" if last else ""),
        words.chance(found.by_end),
        words.time(found.spread.half_s),
        words.time(found.spread.most_s),
        "-" if never else words.count(found.bad_requests),
        found.first or "-",
    )


def stage_words(outlook: Outlook, found: Detection) -> str:
    """`1% for 2h`; the last one lasts until every guardrail is shown harmless."""
    share = words.share(found.leg.candidate_bp)
    longer = " or longer" if found.leg is outlook.legs[-1] else ""
    return f"{share} for {words.time(found.leg.lasts_s)}{longer}"


def _course(outlook: Outlook, course: Course, bad: str) -> str:
    if not math.isfinite(course.spread.half_s):
        return "Bad from its first request, such a candidate is mostly not found within 30 days."
    half, most = (words.time(s) for s in (course.spread.half_s, course.spread.most_s))
    mean, worst = words.count(course.bad_requests), words.count(course.bad_requests_most)
    stages = ", ".join(
        f"{words.chance(part)} at {words.share(leg.candidate_bp)}"
        for leg, part in zip(outlook.legs, course.found_in, strict=True)
        if part > 0
    )
    return (
        f"Bad from its first request, it is rolled back after {half} (half of the cases; 9 of 10 "
        f"by {most}): {stages}. Cost: {mean} {bad} on average, 9 of 10 under {worst}."
    )


def promotion_block(outlook: Outlook) -> Block:
    """How long a good candidate takes, guardrail by guardrail."""
    promotion = outlook.promotion
    share = words.share(promotion.leg.candidate_bp)
    return Block(
        heading=f"Good candidate: like the baseline, in the last stage before 100% ({share})",
        sentence=_promoted(promotion),
        headers=("guardrail", "may be worse by", "half shown after", "9 of 10 after"),
        rows=tuple(_shown(one) for one in promotion.shown),
    )


def _promoted(promotion: Promotion) -> str:
    spread, slowest = promotion.spread, promotion.shown[0].metric.name
    if not math.isfinite(spread.half_s):
        return f"It is mostly not promoted within 30 days; what is missing: {slowest}."
    whole = words.time(promotion.earlier_s + spread.half_s)
    most = words.time(promotion.earlier_s + spread.most_s)
    stage = words.time(promotion.leg.lasts_s)
    waits = spread.half_s > promotion.leg.lasts_s
    why = f"it waits for {slowest}" if waits else f"the plan's least time, {stage}, decides"
    return (
        f"It is promoted {whole} after the begin (9 of 10 by {most}): {why}. "
        f"Slowest guardrail: {slowest}."
    )


def _shown(one: Shown) -> tuple[str, ...]:
    metric = one.metric
    match metric.kind:
        case MetricKind.SUCCESS:
            limit = f"at least {format_share(metric.floor or 0.0)}"
        case MetricKind.LATENCY_SLA:
            limit = f"at most {metric.limit_ms:g} ms"
        case MetricKind.CLASSES | MetricKind.SCORES | MetricKind.CONFIDENCES:
            limit = f"{format_number(metric.threshold or 0.0)} nats"
        case _:
            floor = f", or up to {format_share(metric.floor)}" if metric.floor else ""
            limit = f"{format_margin(metric.margin)}{floor}"
    return metric.name, limit, words.time(one.spread.half_s), words.time(one.spread.most_s)


def notes(outlook: Outlook) -> Iterator[str]:
    """What a reader should know of the figures."""
    yield (
        f"Figures come from {outlook.cases} simulated rollouts and the judge's own tests. A row is "
        "a harm that begins with that stage, after a clean start, if the stage went on until it is "
        "found. To each rollback add the seconds that late events and the router take."
    )
    if len(outlook.legs) > 1:
        yield "What was good before counts a little: a late harm takes longer to stand out."
    if outlook.candidates > 1:
        yield f"Each of the {outlook.candidates} candidates is foreseen by itself."
    if outlook.unforeseen:
        yield f"Not foreseen: {', '.join(outlook.unforeseen)}."
