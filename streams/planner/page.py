"""How does the outlook look in a browser? One page that needs nothing else: tables and curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from streams.charts.frame import Frame
from streams.charts.look import STYLE, line_colour
from streams.charts.marks import Point, dot, label, path, rule, svg
from streams.planner import words
from streams.planner.curve import Axis, axis_of, chance
from streams.planner.facts import Detection, Outlook
from streams.planner.report import Block, assumed, harm_block, notes, promotion_block, stage_words

FRAME = Frame()
POINTS = 160
TOLD = "Chance that the harm is found, by time since the stage began"
"""What a drawing shows, for who does not see it."""


def page(outlook: Outlook) -> str:
    """The whole page, HTML with inline style and SVG."""
    title = escape(f"{outlook.rollout}: what it can show, and how soon")
    parts = [f"<h1>{title}</h1>", f'<p class="soft">{escape(assumed(outlook))}</p>']
    parts += _advice(outlook)
    for harm in outlook.harms:
        parts += _block(harm_block(outlook, harm))
        found = [one for one in outlook.detections if one.harm == harm]
        parts.append(_curves(outlook, found))
    parts += _block(promotion_block(outlook))
    parts += [f'<p class="soft">{escape(note)}</p>' for note in notes(outlook)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _advice(outlook: Outlook) -> Iterator[str]:
    if outlook.advice:
        yield "<h2>What to change</h2>"
    for advice in outlook.advice:
        yield (
            f'<div class="advice"><b>{escape(_sentence(advice.problem))}</b>'
            f"{escape(_sentence(advice.change))}</div>"
        )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _block(block: Block) -> Iterator[str]:
    yield f"<h2>{escape(block.heading)}</h2>"
    yield f"<p>{escape(block.sentence)}</p>"
    yield '<div class="wide"><table>' + _row("th", block.headers)
    yield from (_row("td", row) for row in block.rows)
    yield "</table></div>"


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _curves(outlook: Outlook, detections: Sequence[Detection]) -> str:
    """Chance of detection over logarithmic time, a line per stage; dashed beyond its end."""
    axis = axis_of(detections)
    ending = [found.leg is not outlook.legs[-1] for found in detections]
    parts = [*_grid(axis, ending=any(ending))]
    for place, (found, ends) in enumerate(zip(detections, ending, strict=True)):
        colour = line_colour(place)
        parts += _line(axis, found, colour, ends=ends)
        parts.append(_name(place, stage_words(outlook, found), colour))
    return f'<div class="wide">{svg(FRAME, parts, TOLD)}</div>'


def _grid(axis: Axis, *, ending: bool) -> Iterator[str]:
    left, bottom = FRAME.x(0.0), FRAME.y(0.0)
    for part in (0.0, 0.5, 0.9, 1.0):
        y = FRAME.y(part)
        yield rule((left, y), (FRAME.x(1.0), y))
        yield label((left - 8, y + 4), f"{100 * part:.0f}%", anchor="end")
    for tick in axis.ticks:
        x = FRAME.x(axis.place(tick))
        yield rule((x, FRAME.y(1.0)), (x, bottom))
        yield label((x, bottom + 16), words.time(tick), anchor="middle")
    legend = "; dot: the stage ends, dashed: if it went on" if ending else ""
    below = ((left + FRAME.width) / 2, float(FRAME.height - 6))
    yield label(below, f"time since the stage began (logarithmic){legend}", anchor="middle")


def _line(axis: Axis, found: Detection, colour: str, *, ends: bool) -> Iterator[str]:
    stop = axis.place(found.leg.lasts_s) if ends else 1.0
    yield path(_points(axis, found, 0.0, stop), colour)
    if not ends:
        return
    yield path(_points(axis, found, stop, 1.0), colour, dash="2 5")
    yield dot((FRAME.x(stop), FRAME.y(chance(found, found.leg.lasts_s))), colour)


def _points(axis: Axis, found: Detection, start: float, stop: float) -> list[Point]:
    steps = max(2, math.ceil(POINTS * (stop - start)))
    places = [start + (stop - start) * i / steps for i in range(steps + 1)]
    return [(FRAME.x(p), FRAME.y(chance(found, axis.time(p) * (1 + 1e-9)))) for p in places]


def _name(place: int, text: str, colour: str) -> str:
    return label((FRAME.left + 12, FRAME.top + 18 + 17 * place), text, kind="name", colour=colour)
