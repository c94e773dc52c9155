"""How does a rollout look over time? Shares, estimates with their intervals, and e-values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from streams import figures
from streams.charts.frame import Bend, Frame, Scale, ticks, time_ticks
from streams.charts.look import line_colour
from streams.charts.marks import Point as Pixel
from streams.charts.marks import band, dot, label, path, rule, steps, svg
from streams.report.facts import MetricStory, Point, Report, ShareStep
from streams.spec.formats import format_duration, format_weight
from streams.spec.model import FULL_BP

WIDE = Frame(height=230)
HALF = Frame(width=520, height=230, left=64)
SHARES_BP = (0, 100, 500, 1000, 2500, 5000, FULL_BP)
LEAST_LOG10 = -2.0
"""Smaller e-values are drawn here."""
HARM, SAFE = "var(--bad)", "var(--good)"
ROOM = 0.08
"""Part of a range that is left free beyond its ends."""
BEYOND = 2.5
"""E-values beyond this power of their threshold are drawn at the top."""
FAR = 4.0
"""An end of an interval that is so many times larger than estimates and limits is cut off."""
Draw = Callable[[float, float], Pixel]
"""From a time in milliseconds and a value to where it stands."""


def share_plot(report: Report) -> str:
    """Share of the candidates over time: wanted, at the target, and counted."""
    track = report.track
    times = [step.at_ms for step in (*track.wanted, *track.applied)]
    until_ms = max([report.until_ms, *times])
    time, share = _time(report.begun_ms, until_ms), Scale(low=0, high=FULL_BP, bend=Bend.ROOT)

    def at(at_ms: float, bp: float) -> Pixel:
        return WIDE.x(time.place(at_ms)), WIDE.y(share.place(bp))

    parts = [*_hours(WIDE, report.begun_ms, until_ms)]
    for bp in SHARES_BP:
        parts += _level(WIDE, share.place(bp), format_weight(bp))
    counted = [at(m.at_ms, m.share_bp) for m in track.measured if m.share_bp is not None]
    parts += [dot(place, line_colour(3), 2.5) for place in counted]
    parts += _stepped(at, track.applied, until_ms, line_colour(0), "")
    parts += _stepped(at, track.wanted, until_ms, line_colour(1), "6 4")
    return svg(WIDE, parts, "Share of the candidates over time: wanted, at the target, counted")


def _stepped(
    at: Draw, found: Sequence[ShareStep], until_ms: int, colour: str, dash: str
) -> Iterator[str]:
    if found:
        points = [at(step.at_ms, step.share_bp) for step in found]
        yield steps(points, at(until_ms, 0)[0], colour, dash=dash)


def estimate_plot(story: MetricStory, report: Report) -> str:
    """The estimate with its interval over time, and the limit that is tested."""
    low, high = value_range(story.points, story.unit)
    value = Scale(low=low, high=high)
    at = _drawn(HALF, report, value)
    parts = [*_hours(HALF, report.begun_ms, report.until_ms)]
    for tick in ticks(low, high, 5):
        parts += _level(HALF, value.place(tick), _on_axis(tick, story.unit))
    known = [p for p in story.points if p.low is not None or p.high is not None]
    if known:
        upper = [at(p.at_ms, high if p.high is None else p.high) for p in known]
        lower = [at(p.at_ms, low if p.low is None else p.low) for p in known]
        parts.append(band(upper, lower, line_colour(0)))
    parts += _line(at, [(p.at_ms, p.estimate) for p in story.points], line_colour(0), "")
    parts += _line(at, [(p.at_ms, p.limit) for p in story.points], HARM, "6 4")
    name = f"{story.metric} of {story.candidate} over time: estimate, interval and limit"
    return svg(HALF, parts, name)


def _on_axis(value: float, unit: str) -> str:
    """As few letters as an axis has room for; the key names the unit.

    >>> _on_axis(1.5, "ratio"), _on_axis(0.95, "share"), _on_axis(0.04, "nats")
    ('1.5x', '95%', '0.04')
    """
    match unit:
        case "ratio":
            return f"{value:g}x"
        case "share":
            return f"{100 * value:.6g}%"
        case _:
            return f"{value:g}"


def value_range(points: Sequence[Point], unit: str) -> tuple[float, float]:
    """Least and largest value that is drawn: of all limits, and of the later half of the rest.

    Intervals begin as wide as the world; what lies far above estimates and limits is cut off.
    """
    late = points[len(points) // 2 :]
    middle = [v for p in late for v in (p.estimate, p.limit) if v is not None]
    ends = [v for p in late for v in (p.low, p.high) if v is not None]
    most = FAR * max(map(abs, middle), default=math.inf)
    known = [*middle, *(end for end in ends if abs(end) <= most)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = ROOM * (high - low) or 0.5 * abs(high) or 1.0
    least = 0.0 if low >= 0 else -math.inf
    largest = 1.0 if unit == "share" and high <= 1 else math.inf
    return max(low - room, least), min(high + room, largest)


def e_value_plot(story: MetricStory, report: Report) -> str:
    """E-values for harm and for no harm over time, and what each must reach."""
    thresholds = (
        (story.log_e_harm_threshold, HARM, "harm shown at"),
        (story.log_e_safe_threshold, SAFE, "no harm shown at"),
    )
    scale = Scale(low=LEAST_LOG10, high=_top(story))
    at = _drawn(HALF, report, scale)
    parts = [*_hours(HALF, report.begun_ms, report.until_ms)]
    for power in _powers(scale.high):
        parts += _level(HALF, scale.place(power), _power(power))
    for threshold, colour, told in thresholds:
        if threshold is not None:
            parts += _threshold(HALF, scale.place(_log10(threshold)), colour, told, threshold)
    parts += _line(at, [(p.at_ms, _log10_known(p.log_e_safe)) for p in story.points], SAFE, "")
    parts += _line(at, [(p.at_ms, _log10_known(p.log_e_harm)) for p in story.points], HARM, "")
    name = f"{story.metric} of {story.candidate} over time: e-values on a logarithmic scale"
    return svg(HALF, parts, name)


def _top(story: MetricStory) -> float:
    """Upper end of the scale, powers of ten: what is far beyond its threshold is drawn there."""
    must = [story.log_e_harm_threshold, story.log_e_safe_threshold]
    limits = [_log10(log_e) for log_e in must if log_e is not None]
    logs = [log_e for point in story.points for log_e in (point.log_e_harm, point.log_e_safe)]
    highest = max((_log10(log_e) for log_e in logs if log_e is not None), default=0.0)
    limit = max(limits, default=1.0)
    return max(1.0, (1 + 2 * ROOM) * max(limit, min(highest, BEYOND * limit)))


def _threshold(frame: Frame, part: float, colour: str, told: str, log_e: float) -> Iterator[str]:
    y = frame.y(part)
    yield path([(frame.x(0.0), y), (frame.x(1.0), y)], colour, dash="6 4")
    text = f"{told} {figures.e_value(log_e)}"
    yield label((frame.x(1.0) - 4, y - 5), text, anchor="end", colour=colour)


def _log10(log_e: float) -> float:
    return log_e / math.log(10)


def _log10_known(log_e: float | None) -> float | None:
    return None if log_e is None else _log10(log_e)


def _powers(top: float) -> range:
    step = max(1, math.ceil((top - LEAST_LOG10) / 6))
    return range(-step * (-int(LEAST_LOG10) // step), math.floor(top) + 1, step)


def _power(power: int) -> str:
    """`0.01`, `1`, `100`, `10^6`.

    >>> [_power(power) for power in (-2, 0, 2, 6)]
    ['0.01', '1', '100', '10^6']
    """
    return f"{10.0**power:g}" if abs(power) <= 3 else f"10^{power}"  # noqa: PLR2004 - 1000


def _time(begun_ms: int, until_ms: int) -> Scale:
    return Scale(low=begun_ms, high=max(until_ms, begun_ms + 1))


def _drawn(frame: Frame, report: Report, value: Scale) -> Draw:
    time = _time(report.begun_ms, report.until_ms)

    def at(at_ms: float, height: float) -> Pixel:
        return frame.x(time.place(at_ms)), frame.y(value.place(height))

    return at


def _hours(frame: Frame, begun_ms: int, until_ms: int) -> Iterator[str]:
    """Ticks of the time since the begin."""
    lasts_s = max(until_ms - begun_ms, 1) / 1000
    most = 7 if frame.width > HALF.width else 5
    for tick in time_ticks(lasts_s, most):
        x = frame.x(tick / lasts_s)
        yield rule((x, frame.y(1.0)), (x, frame.y(0.0)))
        yield label((x, frame.y(0.0) + 16), format_duration(tick), anchor="middle")
    below = (frame.x(0.5), float(frame.height - 6))
    yield label(below, "since the first pane that was judged", anchor="middle")


def _level(frame: Frame, part: float, text: str) -> Iterator[str]:
    y = frame.y(part)
    yield rule((frame.x(0.0), y), (frame.x(1.0), y))
    yield label((frame.x(0.0) - 6, y + 4), text, anchor="end")


def _line(
    at: Draw, values: Sequence[tuple[int, float | None]], colour: str, dash: str
) -> Iterator[str]:
    known = [at(at_ms, value) for at_ms, value in values if value is not None]
    if known:
        yield path(known, colour, dash=dash)
        if len(known) == 1 and not dash:
            yield dot(known[0], colour, 3)
