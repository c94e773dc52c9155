"""How does the outlook look in a browser? One page that needs nothing else: tables and curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from streams.planner import words
from streams.planner.curve import Axis, axis_of, chance
from streams.planner.facts import Detection, Outlook
from streams.planner.report import Block, assumed, harm_block, notes, promotion_block, stage_words

WIDTH, HEIGHT = 760, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 40
POINTS = 160
LIGHT = ("#0b7285", "#e8590c", "#5f3dc4", "#2b8a3e", "#c2255c", "#364fc7", "#846358", "#495057")
DARK = ("#3bc9db", "#ffa94d", "#b197fc", "#69db7c", "#faa2c1", "#91a7ff", "#d0b8ac", "#ced4da")


def _colours(colours: Sequence[str]) -> str:
    return "; ".join(f"--line-{place}: {colour}" for place, colour in enumerate(colours))


STYLE = f"""
:root {{ color-scheme: light dark; --rule: #ced4da; --soft: #6c757d; --warn: #fff3bf;
  --ink: #212529; --paper: #fff; {_colours(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ --rule: #495057; --soft: #adb5bd; --warn: #4d3f00;
  --ink: #e9ecef; --paper: #16191d; {_colours(DARK)} }} }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--paper) }}
h1 {{ font-size: 1.5rem; margin-bottom: 0 }} h2 {{ font-size: 1.15rem; margin: 2rem 0 .3rem }}
.soft {{ color: var(--soft) }} p {{ margin: .3rem 0 .7rem }}
.wide {{ overflow-x: auto }} .wide > * {{ min-width: 34rem }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }}
th, td {{ text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--rule) }}
th:first-child, td:first-child {{ text-align: left }} th {{ font-weight: 600; color: var(--soft);
  vertical-align: bottom }} td {{ white-space: nowrap }} .wide + .soft {{ margin-top: 1rem }}
.advice {{ background: var(--warn); border-radius: 6px; padding: .5rem 1rem; margin: .6rem 0 }}
.advice b {{ display: block }} svg {{ width: 100%; height: auto; margin-top: .8rem }}
svg text {{ font-size: 12px; fill: var(--soft) }} svg .grid {{ stroke: var(--rule) }}
svg .name {{ font-weight: 600 }} svg path {{ fill: none; stroke-width: 2.2 }}
"""


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
        colour = f"var(--line-{place % len(LIGHT)})"
        parts += _line(axis, found, colour, ends=ends)
        parts.append(_name(place, stage_words(outlook, found), colour))
    return (
        f'<div class="wide"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="Chance that the harm is found, by time since the stage began">'
        + "".join(parts)
        + "</svg></div>"
    )


def _grid(axis: Axis, *, ending: bool) -> Iterator[str]:
    for part in (0.0, 0.5, 0.9, 1.0):
        y = _y(part)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * part:.0f}%</text>'
    for tick in axis.ticks:
        x, bottom = _x(axis.place(tick)), _y(0.0)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom:.1f}"/>'
        at = f'x="{x:.1f}" y="{bottom + 16:.1f}"'
        yield f'<text {at} text-anchor="middle">{words.time(tick)}</text>'
    legend = "; dot: the stage ends, dashed: if it went on" if ending else ""
    yield (
        f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle">time since the '
        f"stage began (logarithmic){legend}</text>"
    )


def _line(axis: Axis, found: Detection, colour: str, *, ends: bool) -> Iterator[str]:
    stop = axis.place(found.leg.lasts_s) if ends else 1.0
    yield f'<path d="{_path(axis, found, 0.0, stop)}" style="stroke:{colour}"/>'
    if not ends:
        return
    beyond = f'style="stroke:{colour}" stroke-dasharray="2 5"'
    yield f'<path d="{_path(axis, found, stop, 1.0)}" {beyond}/>'
    x, y = _x(stop), _y(chance(found, found.leg.lasts_s))
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" style="fill:{colour}"/>'


def _path(axis: Axis, found: Detection, start: float, stop: float) -> str:
    steps = max(2, math.ceil(POINTS * (stop - start)))
    places = [start + (stop - start) * i / steps for i in range(steps + 1)]
    points = [f"{_x(p):.1f},{_y(chance(found, axis.time(p) * (1 + 1e-9))):.1f}" for p in places]
    return "M" + "L".join(points)


def _name(place: int, text: str, colour: str) -> str:
    y = TOP + 18 + 17 * place
    return f'<text class="name" x="{LEFT + 12}" y="{y}" style="fill:{colour}">{escape(text)}</text>'


def _x(place: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * place


def _y(part: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - part)
