"""How were values spread in each arm? Outlines over their range, bars by class and by delay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streams.charts.frame import Bend, Frame, Scale, log_ticks, ticks
from streams.charts.look import line_colour
from streams.charts.marks import Point as Pixel
from streams.charts.marks import bar, label, path, rule, svg
from streams.report.arm_facts import Bin, CohortStory, Distribution
from streams.report.spread import is_logarithmic
from streams.spec.formats import format_duration

HALF = Frame(width=520, height=230, left=64)
ROW = 20
"""Height of a class, with all its arms."""
NAMES = 150
"""Room for the names of classes."""
LONGEST_NAME = 22
SMALLEST = 0.8
"""A logarithmic scale has no 0: a first bin that begins there begins at this part of its end."""


def distribution_plot(distribution: Distribution) -> str:
    """A distribution in every arm."""
    if distribution.bins[0].low is None:
        return _class_bars(distribution)
    return _outlines(distribution)


def _outlines(distribution: Distribution) -> str:
    """Share of values by bin, an outline for each arm."""
    edges = [_low(distribution), *(each.high or 0.0 for each in distribution.bins)]
    bend = Bend.LOG if is_logarithmic(distribution) else Bend.EVEN
    value = Scale(low=edges[0], high=edges[-1], bend=bend)
    tallest = max(share for each in distribution.bins for share in each.shares)
    height = Scale(low=0.0, high=1.1 * tallest)
    parts = [*_grid(value, height)]
    for place in range(len(distribution.arms)):
        outline = _outline(distribution, place, edges, value, height)
        parts += [path(outline, line_colour(place))]
    unit = f" in {distribution.unit}" if distribution.unit else ""
    below = (HALF.x(0.5), float(HALF.height - 6))
    parts.append(label(below, f"{distribution.name}{unit}", anchor="middle"))
    return svg(HALF, parts, f"Distribution of {distribution.name} by arm")


def _low(distribution: Distribution) -> float:
    """Where the first bin begins, above 0 where the scale is logarithmic."""
    first = distribution.bins[0]
    if first.low or not is_logarithmic(distribution):
        return first.low or 0.0
    return SMALLEST * (first.high or 1.0)


def _outline(
    distribution: Distribution, place: int, edges: Sequence[float], value: Scale, height: Scale
) -> list[Pixel]:
    points: list[Pixel] = []
    for number, each in enumerate(distribution.bins):
        y = HALF.y(height.place(each.shares[place]))
        left, right = value.place(edges[number]), value.place(edges[number + 1])
        points += [(HALF.x(left), y), (HALF.x(right), y)]
    ground = HALF.y(0.0)
    return [(points[0][0], ground), *points, (points[-1][0], ground)]


def _grid(value: Scale, height: Scale) -> Iterator[str]:
    even = value.bend is not Bend.LOG
    found = ticks(value.low, value.high) if even else log_ticks(value.low, value.high)
    for tick in found:
        x = HALF.x(value.place(tick))
        yield rule((x, HALF.y(1.0)), (x, HALF.y(0.0)))
        yield label((x, HALF.y(0.0) + 16), f"{tick:g}", anchor="middle")
    yield from _shares(height)


def _shares(height: Scale) -> Iterator[str]:
    for tick in ticks(height.low, height.high, 4):
        y = HALF.y(height.place(tick))
        yield rule((HALF.x(0.0), y), (HALF.x(1.0), y))
        yield label((HALF.x(0.0) - 6, y + 4), f"{100 * tick:g}%", anchor="end")


def _class_bars(distribution: Distribution) -> str:
    """Share of each class, a bar for each arm."""
    frame = Frame(width=520, height=48 + ROW * len(distribution.bins), left=NAMES, top=8)
    largest = max(share for each in distribution.bins for share in each.shares)
    share = Scale(low=0.0, high=1.1 * largest)
    parts: list[str] = []
    for tick in ticks(0.0, share.high, 4):
        x = frame.x(share.place(tick))
        parts.append(rule((x, frame.top), (x, frame.y(0.0))))
        parts.append(label((x, frame.y(0.0) + 16), f"{100 * tick:g}%", anchor="middle"))
    for number, each in enumerate(distribution.bins):
        parts += _class(frame, share, each, frame.top + ROW * number)
    return svg(frame, parts, f"Share of {distribution.name} by arm")


def _class(frame: Frame, share: Scale, each: Bin, top: float) -> Iterator[str]:
    name = each.label
    told = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    yield label((NAMES - 8, top + ROW / 2 + 4), told, anchor="end")
    thick = (ROW - 4) / len(each.shares)
    for place, part in enumerate(each.shares):
        corner = (frame.x(0.0), top + 2 + place * thick)
        width = frame.x(share.place(part)) - frame.x(0.0)
        yield bar(corner, width, thick, line_colour(place))


def delay_plot(story: CohortStory) -> str:
    """When outcomes came: share of each arm's by delay."""
    shares = delay_shares(story)
    tallest = max((part for arm in shares for part in arm), default=0.0) or 1.0
    height = Scale(low=0.0, high=1.1 * tallest)
    count = max(map(len, shares), default=1)
    parts = [*_shares(height)]
    wide = (HALF.x(1.0) - HALF.x(0.0)) / count
    thick = (wide - 8) / max(len(shares), 1)
    for place, arm in enumerate(shares):
        for number, part in enumerate(arm):
            y = HALF.y(height.place(part))
            corner = (HALF.x(0.0) + number * wide + 4 + place * thick, y)
            parts.append(bar(corner, thick, HALF.y(0.0) - y, line_colour(place)))
    for number, end in enumerate(delay_ends(story)):
        x = HALF.x(0.0) + (number + 0.5) * wide
        parts.append(label((x, HALF.y(0.0) + 16), end, anchor="middle"))
    below = (HALF.x(0.5), float(HALF.height - 6))
    parts.append(label(below, "delay, at most", anchor="middle"))
    return svg(HALF, parts, f"When outcomes of {story.outcome} came, by arm")


def delay_shares(story: CohortStory) -> list[list[float]]:
    """Of each arm, the parts of its outcomes by delay; zeros where none came."""
    return [[n / (arm.answered or 1) for n in arm.delays] for arm in story.arms]


def delay_ends(story: CohortStory) -> list[str]:
    """Upper ends of the delays that are told apart."""
    count = max((len(arm.delays) for arm in story.arms), default=0)
    return [format_duration(story.window_s / 2**left) for left in range(count - 1, -1, -1)]
