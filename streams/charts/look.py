"""How do davy's own pages look? Colours of lines and the style of text, tables and drawings.

A page holds all that it needs; it is light or dark as its reader's screen is, and light on paper.
"""

from __future__ import annotations

from collections.abc import Sequence

LIGHT = ("#0b7285", "#e8590c", "#5f3dc4", "#2b8a3e", "#c2255c", "#364fc7", "#846358", "#495057")
DARK = ("#3bc9db", "#ffa94d", "#b197fc", "#69db7c", "#faa2c1", "#91a7ff", "#d0b8ac", "#ced4da")
LINES = len(LIGHT)
"""How many colours of lines there are: `--line-0` and so on."""


def line_colour(place: int) -> str:
    """The colour of a line by its place; they repeat.

    >>> line_colour(1), line_colour(9)
    ('var(--line-1)', 'var(--line-1)')
    """
    return f"var(--line-{place % LINES})"


def _colours(colours: Sequence[str]) -> str:
    return "; ".join(f"--line-{place}: {colour}" for place, colour in enumerate(colours))


STYLE = f"""
:root {{ color-scheme: light; --rule: #ced4da; --soft: #5c636a; --warn: #fff3bf;
  --ink: #212529; --paper: #fff; --good: #267f38; --bad: #c92a2a; --doubt: #a15c00;
  {_colours(LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ color-scheme: dark; --rule: #495057;
  --soft: #adb5bd; --warn: #4d3f00; --ink: #e9ecef; --paper: #16191d; --good: #69db7c;
  --bad: #ff8787; --doubt: #ffd43b; {_colours(DARK)} }} }}
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
