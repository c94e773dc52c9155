"""How does a report look in a browser, and on paper? One page without script or other files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from streams import figures
from streams.charts.look import STYLE, line_colour
from streams.judge.explain import explain_drift
from streams.report import arm_tables, plots, shapes, tables, words
from streams.report.facts import Report

FOLDER = Path(__file__).parent / "templates"
TONES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("harm", "FAILED", "rollback", "Fail", "rolled back"), "bad"),
        **dict.fromkeys(("no harm", "better", "ok", "promote", "Pass", "promoted"), "good"),
        **dict.fromkeys(("invalid", "Marginal"), "doubt"),
    }
)
"""Words that have a colour; they are read without it too."""


def page(report: Report) -> str:
    """The whole page; every word of the log is escaped."""
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            version=metadata.version("davy"),
            style=STYLE,
            own_style=(FOLDER / "report.css").read_text(encoding="utf-8"),
            legend=figures.LEGEND,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(
        tables=tables,
        arm_tables=arm_tables,
        plots=plots,
        shapes=shapes,
        explain_drift=explain_drift,
        tone=tone,
        colour=line_colour,
    )
    environment.filters.update(
        moment=figures.moment,
        lasted=words.lasted,
        number=words.number,
        share_bp=words.share_bp,
        said=words.said,
    )
    return environment


def tone(cell: str) -> str:
    """The class of a cell by its word; empty for most.

    >>> tone("harm"), tone("undecided")
    ('bad', '')
    """
    return TONES.get(cell, "")
