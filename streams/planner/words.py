"""How are times, counts and chances said to a person? Two figures, no more."""

from __future__ import annotations

import math

from streams.spec.formats import format_duration, format_weight

NEVER = "not in 30d"
STEPS_S = (1, 10, 60, 600, 3600, 86_400)


def time(seconds: float) -> str:
    """`47s`, `12m`, `3h 20m`, `5d 4h`; what is not within the horizon is told as such.

    >>> time(47.3), time(754.0), time(12_047.0), time(math.inf)
    ('47s', '12m 30s', '3h 20m', 'not in 30d')
    """
    if not math.isfinite(seconds):
        return NEVER
    for below, step in ((600, 1), (3600, 30), (86_400, 600), (math.inf, 3600)):
        if seconds < below:
            return format_duration(max(step, step * round(seconds / step)))
    return NEVER


def count(number: float) -> str:
    """`7`, `1 200`, `35 000`: three figures at most.

    >>> count(7.2), count(1234.0), count(34_567.0), count(0.4)
    ('7', '1 230', '34 600', '0.4')
    """
    if not math.isfinite(number):
        return "no end"
    if number < 1:
        return f"{number:.1g}" if number else "0"
    return f"{round(number, min(0, 2 - math.floor(math.log10(number)))):,.0f}".replace(",", " ")


def chance(part: float) -> str:
    """`34%`; what is neither impossible nor certain is not told so.

    >>> chance(0.336), chance(1.0), chance(0.0), chance(0.9999)
    ('34%', '>99%', '<1%', '>99%')
    """
    percent = round(100 * part)
    if percent < 1:
        return "<1%"
    return ">99%" if percent > 99 else f"{percent}%"  # noqa: PLR2004 - per cent


def share(weight_bp: int) -> str:
    """`1%`."""
    return format_weight(weight_bp)
