"""What is the whole story of a rollout? Put together from what the log holds of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streams.judge.decision_facts import Decision
from streams.judge.explain import explain
from streams.report.course import asked, decision_lines, deeds, moments
from streams.report.evidence import check_stories, end_ms, metric_stories
from streams.report.facts import ArmFacts, Report, SpecText
from streams.report.gather import Recorded
from streams.report.head import chain_head
from streams.report.outline import state_of, verdict
from streams.report.seen import Seen, judged_range
from streams.report.spread import distributions, with_quantiles
from streams.report.track import in_effect_ms, track_of
from streams.spec.model import ALL_SEGMENT, RolloutSpec
from streams.spec.render import render_recorded


def tell(recorded: Recorded) -> Report:
    """The story; the same records give the same.

    Raises:
        LogError: there is no decision, or the spec that was judged is missing.
    """
    trail, log, seen = recorded.trail, recorded.log, recorded.seen
    spec, lines = trail.spec, decision_lines(trail)
    decisions = [told.decision for told in trail.decisions]
    last = decisions[-1]
    stories = tuple(with_quantiles(metric_stories(decisions), spec.metrics, seen.cells))
    since_ms = in_effect_ms(spec, last, log.routing)
    return Report(
        rollout=spec.rollout,
        service=spec.service,
        route=spec.route,
        mode=spec.mode.value,
        state=state_of(last),
        verdict=verdict(spec, last, in_effect=since_ms is not None),
        evidence=explain(last),
        begun_ms=judged_range(decisions)[0] * last.pane_ms,
        until_ms=max(map(end_ms, decisions)),
        in_effect_ms=since_ms,
        stage=last.stage,
        stages_bp=tuple(stage.weight_bp for stage in spec.stages),
        arms=tuple(_arms(spec, seen)),
        metrics=tuple(story for story in stories if story.segment == ALL_SEGMENT),
        slices=tuple(story for story in stories if story.segment != ALL_SEGMENT),
        track=track_of(decisions, log.routing, seen.measured),
        distributions=distributions(seen.cells, spec.arms),
        timeline=moments(log, lines),
        decisions=lines,
        health=check_stories(decisions),
        cohorts=seen.cohorts,
        figures=last.figures,
        drifts=last.drifts,
        shadows=last.shadows,
        commands=asked(log),
        deeds=deeds(log),
        spec=_spec(recorded, spec),
        chain=chain_head(log, trail, signed=recorded.signed),
        remarks=tuple(_remarks(seen, decisions)),
    )


def _arms(spec: RolloutSpec, seen: Seen) -> Iterator[ArmFacts]:
    for version, arm in spec.versions.items():
        cell = seen.cells.get((ALL_SEGMENT, arm))
        requests = 0 if cell is None else cell.exposures
        yield ArmFacts(arm=arm, version=version, requests=requests if seen.panes else None)


def _spec(recorded: Recorded, spec: RolloutSpec) -> SpecText:
    found = (each for each in recorded.log.rollouts if each.record["spec_hash"] == spec.spec_hash)
    applied = next(found, None)
    return SpecText(
        spec_hash=spec.spec_hash,
        applied_by="" if applied is None else str(applied.record["applied_by"]),
        applied_ms=None if applied is None else applied.at_ms,
        yaml=render_recorded(spec),
    )


def _remarks(seen: Seen, decisions: Sequence[Decision]) -> Iterator[str]:
    if not seen.panes:
        yield (
            "`panes` no longer holds what was judged, so requests, counted shares, distributions "
            "and cohorts are missing here; what was decided and why is not"
        )
    elif seen.panes < seen.wanted:
        yield (
            f"`panes` holds {seen.panes} of the {seen.wanted} panes that were judged; requests, "
            "counted shares, distributions and cohorts are of those alone"
        )
    if len({decision.seq for decision in decisions}) < len(decisions):
        yield "a number of the chain stands there more than once; all decisions are told"
