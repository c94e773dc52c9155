"""How are a report's facts said to a person? Times, shares, counts and names."""

from __future__ import annotations

from streams import figures
from streams.report.facts import Count, MetricStory
from streams.spec.formats import format_duration, format_weight
from streams.spec.metric_facts import MetricKind
from streams.spec.model import ALL_SEGMENT

RATES = frozenset(
    {
        *(MetricKind.ERRORS, MetricKind.TIMEOUTS, MetricKind.SUCCESS, MetricKind.REFUSALS),
        *(MetricKind.MISTAKES, MetricKind.ACCURACY, MetricKind.RECALL, MetricKind.RATE),
        *(MetricKind.PAIRED_ERRORS, MetricKind.PAIRED_TIMEOUTS, MetricKind.DISAGREEMENT),
    }
)
"""Kinds whose events are a part of their exposures, counted alike in both arms.

Not those of latency: the candidate's requests are held against a threshold above the baseline's.
"""
NOTHING = "-"
NO_BREAK = "\N{NO-BREAK SPACE}"


def number(count: int) -> str:
    """`4 512`, of which no line is broken.

    >>> number(4512).split()
    ['4', '512']
    """
    return f"{count:,}".replace(",", NO_BREAK)


def lasted(milliseconds: int) -> str:
    """`1m 12s`; to the second.

    >>> lasted(72_400), lasted(400)
    ('1m 12s', '0s')
    """
    return format_duration(round(milliseconds / 1000))


def share(part: float) -> str:
    """`1.02 %` for .0102.

    >>> share(0.0102), share(0.0)
    ('1.02 %', '0 %')
    """
    return f"{100 * part:.3g} %"


def share_bp(weight_bp: int | None) -> str:
    """`5%`."""
    return NOTHING if weight_bp is None else format_weight(weight_bp)


def counted(count: Count, kind: str) -> str:
    """`46 of 4 512 (1.02 %)`, `31.2 ms (4 512)`; of other kinds how many were counted.

    >>> counted(Count(exposures=200, events=3), "errors"), counted(Count(exposures=9, events=9), "")
    ('3 of 200 (1.5 %)', '9')
    """
    if not count.exposures:
        return NOTHING
    if count.quantile_ms is not None:
        return f"{count.quantile_ms:.3g} ms ({number(count.exposures)})"
    if kind not in RATES:
        return number(count.exposures)
    part = share(count.events / count.exposures)
    return f"{number(count.events)} of {number(count.exposures)} ({part})"


def against(log_e: float | None, threshold: float | None) -> str:
    """An e-value beside what it must reach; both are natural logarithms."""
    if log_e is None or threshold is None:
        return NOTHING
    return figures.against(log_e, threshold)


def e_value(log_e: float | None) -> str:
    """An e-value from its natural logarithm."""
    return NOTHING if log_e is None else figures.e_value(log_e)


def plain(value: float | None) -> str:
    """A number of a check; four digits."""
    return NOTHING if value is None else f"{value:.4g}"


def said(code: str) -> str:
    """A code as words: `no harm` for `no_harm`."""
    return code.replace("_", " ")


def candidate(story: MetricStory) -> str:
    """`candidate`, or `candidate in country=SG`."""
    whole = story.segment == ALL_SEGMENT
    return story.candidate if whole else f"{story.candidate} in {story.segment}"
