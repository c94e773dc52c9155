"""Which stage is too short, gets too few requests or asks too much, and what would help?

Proposals scale what was simulated: evidence grows with time, with w (1 - w) of the weight, and with
the square of log(1 + margin). They are round and meant to be planned again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from streams.planner import words
from streams.planner.facts import Advice, Detection, Leg, Outlook, Promotion, Shown
from streams.planner.harms import breaks_by_itself, describe
from streams.spec.formats import format_margin, format_share
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import FULL_BP, RolloutSpec

ENOUGH = 0.9
"""A stage shall find the harm that is asked about in nine of ten cases."""
MOST_WEIGHT = 0.5
RATIOS = {MetricKind.ERRORS, MetricKind.TIMEOUTS, MetricKind.LATENCY}


def advise(spec: RolloutSpec, outlook: Outlook) -> Outlook:
    """The outlook with advice: what cannot pass first, then stage by stage."""
    found = [
        *_impossible(spec, outlook),
        *_blind(outlook),
        *_starved(spec, outlook),
        *_slow(outlook),
    ]
    return replace(outlook, advice=tuple(found))


def _impossible(spec: RolloutSpec, outlook: Outlook) -> Iterator[Advice]:
    """The baseline itself breaks a limit."""
    p_error = outlook.traffic.p_error
    for metric in spec.metrics:
        if not breaks_by_itself(metric, outlook.traffic):
            continue
        if metric.kind is MetricKind.LATENCY_SLA:
            yield Advice(
                problem=f"no candidate can pass: the baseline's latency is already beyond the "
                f"{metric.limit_ms:g} ms of {metric.name}; a good candidate is rolled back",
                change=f"raise `{metric.name}`, or tell the real --latency",
            )
        else:
            limit, rate = format_share(metric.floor or 0.0), format_share(p_error)
            passable = format_share(float(f"{max(0.0, 1 - 2 * p_error):.4g}"))
            yield Advice(
                problem=f"no candidate can pass: {metric.name} must stay above {limit}, but the "
                f"baseline already fails {rate} of requests; a good candidate is rolled back",
                change=f"write `{metric.name}: {passable}`, or `{metric.name}: off`",
            )


def _blind(outlook: Outlook) -> Iterator[Advice]:
    """A stage raises the weight before it would have found the harm."""
    for found in outlook.detections:
        following = _after(outlook, found.leg)
        if following is None or found.by_end >= ENOUGH:
            continue
        harm = describe(found.harm, outlook.traffic)
        yield Advice(
            problem=f"stage {stage_name(found.leg)} is too short for {harm}: it raises the weight "
            f"having found it in {words.chance(found.by_end)} of cases",
            change=_longer(found, following),
        )


def _after(outlook: Outlook, leg: Leg) -> Leg | None:
    place = outlook.legs.index(leg)
    return outlook.legs[place + 1] if place + 1 < len(outlook.legs) else None


def _longer(found: Detection, following: Leg) -> str:
    most, leg = found.spread.most_s, found.leg
    if not math.isfinite(most):
        return "give it more weight: at this one, time does not help"
    longer = f"let it last {words.time(1.1 * most)}"
    weight = _weight(leg, 1.1 * most / leg.lasts_s)
    if weight is None or weight >= following.candidate_bp:
        return f"{longer}; raising its weight to the next stage's would not do"
    return f"{longer}, or give it {words.share(weight)}"


def _starved(spec: RolloutSpec, outlook: Outlook) -> Iterator[Advice]:
    """The requests that a stage asks for do not come in its time."""
    for leg in outlook.legs:
        stage = spec.stages[leg.index]
        if leg.max_time_s is None or leg.lasts_s <= leg.max_time_s:
            continue
        yield Advice(
            problem=f"stage {stage_name(leg)} gets too few requests: {stage.min_exposures} for the "
            f"candidate take {words.time(leg.lasts_s)}, max_time is {words.time(leg.max_time_s)}",
            change="lower min_exposures, or give it more weight or time",
        )


def _slow(outlook: Outlook) -> Iterator[Advice]:
    """A good candidate stays longer than planned, or longer than the stage allows."""
    promotion = outlook.promotion
    limit = promotion.leg.max_time_s
    for one in promotion.shown:
        if breaks_by_itself(one.metric, outlook.traffic):
            continue
        half, most = one.spread.half_s, one.spread.most_s
        if limit is not None and most > limit:
            told = f"in max_time {words.time(limit)}: then davy holds and tells a person"
            yield Advice(
                problem=f"{_cannot(one, promotion)} in nine of ten cases {told}",
                change=_ease(one, promotion, most / limit, f"raise max_time to {_beyond(most)}"),
            )
        elif half > promotion.leg.lasts_s:
            yield Advice(
                problem=f"{_cannot(one, promotion)} in {words.time(promotion.leg.lasts_s)}: "
                f"a good candidate stays {_stay(half)}",
                change=_ease(one, promotion, half / promotion.leg.lasts_s, "accept the wait"),
            )


def _cannot(one: Shown, promotion: Promotion) -> str:
    return f"stage {stage_name(promotion.leg)} cannot show {one.metric.name} harmless"


def _stay(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "for ever (more than 30d)"
    return f"about {words.time(seconds)}"


def _beyond(seconds: float) -> str:
    return words.time(1.1 * seconds) if math.isfinite(seconds) else "more than 30d"


def _ease(one: Shown, promotion: Promotion, times: float, patience: str) -> str:
    """`times`: how many times as much evidence is needed."""
    ways = [patience]
    if math.isfinite(times):
        weight = _weight(promotion.leg, 1.1 * times)
        ways += [] if weight is None else [f"give it {words.share(weight)}"]
    ways.append(_wider(one.metric, 1.1 * times))
    return ", or ".join(ways)


def _wider(metric: Metric, times: float) -> str:
    match metric.kind:
        case MetricKind.LATENCY_SLA:
            return f"raise `{metric.name}`"
        case MetricKind.SUCCESS:
            return f"lower `{metric.name}`"
        case kind if kind in RATIOS and metric.margin > 0 and math.isfinite(times):
            wide = math.expm1(math.log1p(metric.margin) * math.sqrt(times))
            return f"tolerate `{metric.name}: {format_margin(math.ceil(100 * wide) / 100)}`"
        case _:
            return f"tolerate more of {metric.name}"


def _weight(leg: Leg, times: float) -> int | None:
    """Weight that gives so many times the evidence in the same time; None if none does."""
    share = leg.candidate_bp / FULL_BP
    wanted = share * (1 - share) * times
    if share >= MOST_WEIGHT or wanted >= MOST_WEIGHT**2:
        return None
    exact_bp = FULL_BP * (1 - math.sqrt(1 - 4 * wanted)) / 2
    step = 100 if exact_bp > 100 else 10 if exact_bp > 10 else 1  # noqa: PLR2004 - basis points
    return math.ceil(exact_bp / step) * step


def stage_name(leg: Leg) -> str:
    """`1% for 2h`, as a spec writes it."""
    return f"{words.share(leg.candidate_bp)} for {words.time(leg.lasts_s)}"
