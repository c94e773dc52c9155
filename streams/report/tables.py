"""Which tables does the page show? Rows of text from the facts; each drawing has one of them.

Nothing is escaped here: whoever writes HTML does that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streams import figures
from streams.audit.timeline import Moment
from streams.report import words
from streams.report.facts import CheckStory, DecisionLine, MetricStory, Report, Span
from streams.spec.formats import format_duration
from streams.spec.metric_facts import Role
from streams.spec.model import ALL_SEGMENT

FEW = 3
"""Times in which a check had failed that are told one by one; the JSON form has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Headers and rows."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    prose: frozenset[int] = frozenset()
    """Columns of sentences, which may be wrapped."""
    ids: tuple[str, ...] = ()
    """Of each row, where one may be pointed at."""


def _table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], prose: Iterable[int] = ()
) -> Table:
    return Table(headers=tuple(headers), rows=tuple(map(tuple, rows)), prose=frozenset(prose))


def numbers(stories: Iterable[MetricStory]) -> Table:
    """The last evidence on each metric, a candidate's beside the baseline's."""
    found = list(stories)
    names = {words.candidate(story) for story in found}
    several = len(names) > 1 or any(story.segment != ALL_SEGMENT for story in found)
    headers = (
        *("metric", *(["of"] if several else []), "finding", "baseline's", "candidate's"),
        *("estimate", "interval", "limit", "e: harm", "e: no harm"),
    )
    return _table(headers, (_number(story, several=several) for story in found))


def _number(story: MetricStory, *, several: bool) -> tuple[str, ...]:
    return (
        story.metric if story.role == Role.GUARDRAIL else f"{story.metric} ({story.role})",
        *([words.candidate(story)] if several else []),
        words.said(story.finding),
        words.counted(story.baseline, story.kind),
        words.counted(story.treated, story.kind),
        figures.amount(story.estimate, story.unit),
        figures.interval(story.low, story.high, story.unit),
        figures.amount(story.limit, story.unit),
        words.against(story.log_e_harm, story.log_e_harm_threshold),
        words.against(story.log_e_safe, story.log_e_safe_threshold),
    )


def history(story: MetricStory) -> Table:
    """What is drawn of a metric."""
    headers = ("data up to", "decision", "finding", "estimate", "interval", "limit")
    rows = (
        (
            figures.moment(point.at_ms),
            f"#{point.seq}",
            words.said(point.finding),
            figures.amount(point.estimate, story.unit),
            figures.interval(point.low, point.high, story.unit),
            figures.amount(point.limit, story.unit),
            words.e_value(point.log_e_harm),
            words.e_value(point.log_e_safe),
        )
        for point in story.points
    )
    return _table((*headers, "e-value harm", "e-value no harm"), rows)


def shares(report: Report) -> Table:
    """Wanted and applied shares, as they changed."""
    track = report.track
    changes = [("wanted", step) for step in track.wanted]
    changes += [("at the target", step) for step in track.applied]
    ordered = sorted(changes, key=lambda change: change[1].at_ms)
    rows = (
        (figures.moment(step.at_ms), who, words.share_bp(step.share_bp)) for who, step in ordered
    )
    return _table(("since", "", "share of the candidates"), rows, {1})


def measured(report: Report) -> Table:
    """Requests that were counted, by stretch of time."""
    rows = (
        (
            figures.moment(each.at_ms),
            words.number(each.baseline),
            words.number(each.candidates),
            words.share_bp(each.share_bp),
        )
        for each in report.track.measured
    )
    return _table(("until", "baseline", "candidates", "share of the candidates"), rows)


def timeline(moments: Iterable[Moment]) -> Table:
    """What happened, by the clock."""
    rows = ((figures.moment(m.at_ms), m.who, m.what, m.place) for m in moments)
    return _table(("when", "who", "what", "where"), rows, {1, 2, 3})


def decisions(lines: Sequence[DecisionLine]) -> Table:
    """Every decision of the log, once; a row's id is its offset."""
    rows = (
        (
            f"#{line.seq}",
            figures.moment(line.at_ms),
            figures.moment(line.until_ms),
            line.action,
            words.share_bp(line.share_bp),
            f"{line.code}: {line.sentence}" if line.code else line.sentence,
            line.decision_id,
        )
        for line in lines
    )
    headers = ("", "written", "data up to", "action", "share", "reason", "decision id")
    return Table(
        headers=headers,
        rows=tuple(rows),
        prose=frozenset({5}),
        ids=tuple(f"decision-{line.offset}" for line in lines),
    )


def health(checks: Iterable[CheckStory]) -> Table:
    """Health checks, and when they had failed."""
    headers = ("check", "state", "why", "observed", "expected", "e-value", "had failed")
    return _table(headers, map(_check, checks), {2, 6})


def _check(check: CheckStory) -> tuple[str, ...]:
    tested = bool(check.log_e_threshold)
    return (
        check.name,
        "ok" if check.ok else "FAILED",
        check.reason,
        words.plain(check.observed),
        words.plain(check.expected),
        words.against(check.log_e, check.log_e_threshold) if tested else words.NOTHING,
        _failures(check.failed),
    )


def _failures(spans: Sequence[Span]) -> str:
    """All of a few, the ends of many."""
    if len(spans) <= FEW:
        return "; ".join(map(_span, spans)) or "never"
    return f"{len(spans)} times: first {_span(spans[0])}; last {_span(spans[-1])}"


def _span(span: Span) -> str:
    until = "still" if span.until_ms is None else f"to {figures.moment(span.until_ms)}"
    return f"{figures.moment(span.from_ms)} {until}"


def commands(report: Report) -> Table:
    """What people asked."""
    rows = (
        (
            figures.moment(each.at_ms),
            each.actor or "somebody",
            each.command if each.stage is None else f"{each.command} stage {each.stage}",
            each.reason or "no reason given",
            "" if each.until_ms is None else f"until {figures.moment(each.until_ms)}",
            each.place,
        )
        for each in report.commands
    )
    return _table(("when", "who", "asked", "why", "", "where"), rows, {1, 3})


def cohorts(report: Report) -> Table:
    """How far outcomes have come, by arm."""
    headers = ("outcome", "arm", "cohorts matured", "cohorts waiting", "exposures before")
    rows = (
        (
            f"{story.outcome} ({story.kind}, within {format_duration(story.window_s)})",
            arm.arm,
            words.number(story.matured),
            words.number(story.waiting),
            figures.moment(story.matured_until_ms or 0),
            words.number(arm.exposures),
            words.number(arm.answered),
            words.share(arm.answered / arm.exposures) if arm.exposures else words.NOTHING,
            words.number(arm.events),
        )
        for story in report.cohorts
        for arm in story.arms
    )
    return _table((*headers, "matured exposures", "with outcome", "coverage", "events"), rows)
