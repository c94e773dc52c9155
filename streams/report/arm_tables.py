"""Which tables tell arms apart? Distributions, delays, and what is shown beside verdicts."""

from __future__ import annotations

from collections.abc import Iterable

from streams.judge.decision_facts import Figure, Shadow
from streams.report import words
from streams.report.arm_facts import CohortStory, Distribution
from streams.report.shapes import delay_ends, delay_shares
from streams.report.tables import Table

PLAIN_FIGURES = frozenset({"auc", "mean", "cap"})
"""Figures that are no shares."""


def bins(distribution: Distribution) -> Table:
    """What is drawn of a distribution."""
    unit = f" in {distribution.unit}" if distribution.unit else ""
    return Table(
        headers=(f"{distribution.name}{unit}", *distribution.arms),
        rows=tuple((each.label, *map(words.share, each.shares)) for each in distribution.bins),
    )


def quantiles(distribution: Distribution) -> Table:
    """How many values there are, and their quantiles; empty rows where there are none."""
    unit = f" {distribution.unit}" if distribution.unit else ""
    rows = [
        (q.label, *("-" if value is None else f"{value:.4g}{unit}" for value in q.values))
        for q in distribution.quantiles
    ]
    counts = ("values", *map(words.number, distribution.totals))
    return Table(headers=("", *distribution.arms), rows=(counts, *rows))


def delays(story: CohortStory) -> Table:
    """What is drawn of the delays of an outcome."""
    shares = delay_shares(story)
    rows = (
        (end, *(words.share(arm[place]) for arm in shares))
        for place, end in enumerate(delay_ends(story))
    )
    return Table(headers=("delay, at most", *(arm.arm for arm in story.arms)), rows=tuple(rows))


def shown(figures: Iterable[Figure]) -> Table:
    """Numbers that are shown of an arm and never tested."""
    rows = (
        (
            f"{words.said(each.name)} of {each.outcome}",
            each.arm,
            each.segment,
            f"{each.value:.4g}" if each.name in PLAIN_FIGURES else words.share(each.value),
            words.number(each.count),
        )
        for each in figures
    )
    return Table(headers=("figure", "arm", "segment", "value", "rests on"), rows=tuple(rows))


def other_judges(shadows: Iterable[Shadow]) -> Table:
    """What another judge would say; it moves nothing."""
    rows = (
        (
            each.judge,
            each.candidate,
            each.classification,
            f"{each.score:g}",
            str(each.minutes),
            each.reason,
        )
        for each in shadows
    )
    headers = ("judge", "candidate", "says", "score of 100", "minutes compared", "why")
    return Table(headers=headers, rows=tuple(rows), prose=frozenset({5}))
