"""How do lines, bands, bars and words become SVG? Text out; every word is escaped.

Points are pixels of a frame. A `kind` is a class of `look.STYLE`, a `colour` a CSS value such as
`var(--line-0)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from streams.charts.frame import Frame

Point = tuple[float, float]
"""x and y."""


def svg(frame: Frame, parts: Iterable[str], told: str) -> str:
    """The drawing; `told` says in words what it shows."""
    box = f"0 0 {frame.width} {frame.height}"
    return f'<svg viewBox="{box}" role="img" aria-label="{escape(told)}">{"".join(parts)}</svg>'


def rule(start: Point, end: Point, kind: str = "grid") -> str:
    """A straight line."""
    (x1, y1), (x2, y2) = start, end
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def label(
    place: Point, text: str, *, anchor: str = "start", kind: str = "", colour: str = ""
) -> str:
    """Words; `anchor` says which end of them stands at the place: start, middle or end."""
    x, y = place
    shown = f' class="{kind}"' if kind else ""
    filled = f' style="fill:{colour}"' if colour else ""
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text{shown} {where}{filled}>{escape(text)}</text>"


def path(points: Sequence[Point], colour: str, *, dash: str = "") -> str:
    """A line through points."""
    drawn = "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="M{drawn}" style="stroke:{colour}"{dashed}/>'


def steps(points: Sequence[Point], end_x: float, colour: str, *, dash: str = "") -> str:
    """A line that keeps each height until the next point, the last one until `end_x`."""
    corners: list[Point] = []
    for x, y in points:
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    return path([*corners, (end_x, corners[-1][1])], colour, dash=dash)


def band(upper: Sequence[Point], lower: Sequence[Point], colour: str) -> str:
    """The area between two lines that run the same way."""
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in (*upper, *reversed(lower)))
    return f'<polygon class="band" points="{corners}" style="fill:{colour}"/>'


def bar(corner: Point, width: float, height: float, colour: str) -> str:
    """A rectangle; the corner is its upper left one."""
    x, y = corner
    size = f'width="{max(width, 0.0):.1f}" height="{max(height, 0.0):.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} style="fill:{colour}"/>'


def dot(place: Point, colour: str, radius: float = 5) -> str:
    """A disc."""
    x, y = place
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" style="fill:{colour}"/>'
