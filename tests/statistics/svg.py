"""How does a plot become SVG? Lines on two axes, and dots with bands beside names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from tests.statistics.facts import Point, Series

WIDTH, HEIGHT = 860, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 200, 16, 52
ROW, LABELS = 24, 290
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "currentColor")
"""Okabe and Ito: told apart by people who see fewer colours."""
RULE = 'stroke="currentColor" stroke-opacity=".18"'
LIMIT = 'stroke="#d62828" stroke-width="2"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What is measured, in which unit, over which range."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]
    text: str = "{:g}"

    def place(self, start: float, end: float) -> Callable[[float], float]:
        """Value to pixels, kept within the range."""
        span = self.high - self.low

        def at(value: float) -> float:
            inside = min(max(value, self.low), self.high)
            return start + (inside - self.low) / span * (end - start)

        return at


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A named value with its 95 % band and the largest value that is allowed."""

    label: str
    value: float
    band: Point
    limit: float | None = None
    group: int = 0


def _text(x: float, y: float, text: str, anchor: str = "start", style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {style}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
    font = 'font-family="sans-serif" font-size="12" fill="currentColor"'
    return f"{head} {font}>{''.join(parts)}</svg>"


def _ticks_below(axis: Axis, at: Callable[[float], float], top: float, bottom: float) -> list[str]:
    parts = []
    for tick in axis.ticks:
        x = at(tick)
        parts.append(_line(x, top, x, bottom, RULE))
        parts.append(_text(x, bottom + 16, axis.text.format(tick), "middle"))
    middle = (at(axis.low) + at(axis.high)) / 2
    return [*parts, _text(middle, bottom + 38, axis.label, "middle", 'font-weight="bold"')]


def line_plot(series: Sequence[Series], x: Axis, y: Axis, marks: Sequence[Point] = ()) -> str:
    """Lines with a legend at the right; `marks` are (height, none) lines across."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    at_x, at_y = x.place(LEFT, right), y.place(bottom, TOP)
    parts = _ticks_below(x, at_x, TOP, bottom)
    for tick in y.ticks:
        parts.append(_line(LEFT, at_y(tick), right, at_y(tick), RULE))
        parts.append(_text(LEFT - 6, at_y(tick) + 4, y.text.format(tick), "end"))
    for height, _ in marks:
        parts.append(_line(LEFT, at_y(height), right, at_y(height), RULE))
    turned = f'transform="rotate(-90 16 {HEIGHT / 2})" font-weight="bold"'
    parts.append(_text(16, HEIGHT / 2, y.label, "middle", turned))
    for place, line in enumerate(series):
        parts += _drawn(line, place, at_x, at_y)
    return _svg(WIDTH, HEIGHT, parts)


def _drawn(
    line: Series, place: int, at_x: Callable[[float], float], at_y: Callable[[float], float]
) -> list[str]:
    colour, y = COLOURS[place % len(COLOURS)], TOP + 14 + 20 * place
    dash = 'stroke-dasharray="6 4"' if line.oracle else ""
    style = f'stroke="{colour}" stroke-width="2" fill="none" {dash}'
    points = " ".join(f"{at_x(a):.1f},{at_y(b):.1f}" for a, b in line.points)
    x = WIDTH - RIGHT + 14
    legend = [_line(x, y - 4, x + 24, y - 4, style), _text(x + 30, y, line.label)]
    return [f'<polyline points="{points}" {style}/>', *legend]


def dot_plot(dots: Sequence[Dot], x: Axis, groups: Sequence[str] = ()) -> str:
    """One row per dot: the value, its band, and a tick where the bar stands."""
    top = 30 if groups else 8
    bottom = top + ROW * len(dots)
    at_x = x.place(LABELS, WIDTH - 30)
    parts = _ticks_below(x, at_x, top, bottom)
    for place, name in enumerate(groups):
        colour = COLOURS[place]
        parts.append(f'<circle cx="{LABELS + 8 + 210 * place}" cy="14" r="4" fill="{colour}"/>')
        parts.append(_text(LABELS + 18 + 210 * place, 18, name))
    for place, dot in enumerate(dots):
        parts += _row(dot, top + ROW * (place + 0.5), at_x)
    return _svg(WIDTH, bottom + 48, parts)


def _row(dot: Dot, y: float, at_x: Callable[[float], float]) -> list[str]:
    colour = COLOURS[dot.group]
    low, high = (at_x(end) for end in dot.band)
    parts = [
        _text(LABELS - 10, y + 4, dot.label, "end"),
        _line(low, y, high, y, f'stroke="{colour}" stroke-width="3" stroke-opacity=".55"'),
        f'<circle cx="{at_x(dot.value):.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>',
    ]
    if dot.limit is not None:
        x = at_x(dot.limit)
        parts.append(_line(x, y - 9, x, y + 9, LIMIT))
    return parts
