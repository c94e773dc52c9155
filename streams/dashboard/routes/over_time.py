"""How do evidence, traffic and values of a rollout look?"""

from __future__ import annotations

from fastapi import APIRouter

from streams.dashboard.answers.series import (
    Distribution,
    EvidenceSeries,
    Kind,
    Span,
    TrafficSeries,
)
from streams.dashboard.claims import Claim
from streams.dashboard.orders import NoAnswer
from streams.dashboard.routes.asked import TROUBLES, Id, Segment, Word, nothing
from streams.dashboard.series import evidence_series, traffic_series
from streams.dashboard.shapes import distribution_of
from streams.dashboard.view import Seen
from streams.dashboard.window import Window
from streams.spec.model import ALL_SEGMENT


def series_router(window: Window) -> APIRouter:
    """`/evidence`, `/traffic` and `/distributions`."""
    router = APIRouter(prefix="/rollouts/{rollout}", responses=TROUBLES)

    @router.get("/evidence")
    def evidence(
        rollout: Id, metric: Word, candidate: Word = "", segment: Segment = ALL_SEGMENT
    ) -> EvidenceSeries:
        """One metric over time; without `candidate` of the first one."""
        with window.looking(rollout) as seen:
            who = candidate or seen.known.spec.candidates[0].name
            return _evidence(seen, Claim(metric, who, segment))

    @router.get("/traffic")
    def traffic(rollout: Id, segment: Segment = ALL_SEGMENT) -> TrafficSeries:
        """Wanted, applied and measured shares over time."""
        with window.looking(rollout) as seen:
            _check_segment(seen, segment)
            return traffic_series(seen.known.spec, seen.story, seen.book, segment)

    @router.get("/distributions")
    def distributions(
        rollout: Id, kind: Kind, segment: Segment = ALL_SEGMENT, span: Span = Span.ALL
    ) -> Distribution:
        """All arms overlaid; of slices what is recent is not known apart."""
        with window.looking(rollout) as seen:
            _check_segment(seen, segment)
            return distribution_of(seen.known.spec, seen.book, kind, segment, span)

    return router


def _evidence(seen: Seen, claim: Claim) -> EvidenceSeries:
    series, last = seen.story.claims.get(claim), seen.story.decided.last
    verdicts = last.decision.verdicts if last else ()
    units = (verdict.unit for verdict in verdicts if Claim.of(verdict) == claim)
    if series is None:
        raise _no_evidence(seen, claim)
    return evidence_series(claim, next(units, ""), series)


def _no_evidence(seen: Seen, claim: Claim) -> NoAnswer:
    names = ", ".join(metric.name for metric in seen.known.spec.metrics)
    of = f"{claim.metric} of {claim.candidate} in {claim.segment}"
    advice = f"metrics are {names}; evidence begins with the first decision"
    return nothing("no_evidence", f"there is no evidence on {of}", "metric", advice)


def _check_segment(seen: Seen, segment: str) -> None:
    known = (ALL_SEGMENT, *seen.known.spec.slices)
    if segment not in known:
        reason = f"`{seen.known.spec.rollout}` has no segment `{segment}`"
        raise nothing("unknown_segment", reason, "segment", f"there are: {', '.join(known)}")
