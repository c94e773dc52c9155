"""How is it printed? Colours and boxes for a person at a terminal, plain columns for a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams import figures
from streams.judge.decision_facts import Decision, Finding, Verdict
from streams.judge.explain import explain_drift, explain_drifts, explain_figures
from streams.spec.formats import format_weight
from streams.spec.model import ALL_SEGMENT
from streams.spec.provenance import LoadedSpec
from streams.spec.render import COLUMN, render_spec, spec_lines

GAP = "  "
VERDICTS = (
    *("metric", "candidate", "finding", "estimate", "interval", "limit"),
    *("e harm", "e no harm"),
)
MAIN = frozenset({"accuracy", "rate", "mean"})
"""Figures that stand in a decision's one line."""
COLOURS = {
    "advance": "green",
    "promote": "bold green",
    "rollback": "bold red",
    "hold": "yellow",
    Finding.HARM: "bold red",
    Finding.NO_HARM: "green",
    "no harm": "green",
    Finding.BETTER: "green",
    Finding.INVALID: "yellow",
}


def say(text: str, style: str = "") -> None:
    """One line on stdout."""
    if _terminal():
        Console().print(Text(text, style=style), soft_wrap=True)
    else:
        print(text, flush=True)  # noqa: T201 - a command line speaks on stdout


def hint(text: str) -> None:
    """What to do next, on stderr and for a person at a terminal alone."""
    if sys.stderr.isatty():
        Console(stderr=True).print(Text(text, style="dim"), soft_wrap=True)


def records(told: Iterable[Mapping[str, object]]) -> None:
    """For programs: one JSON object a line."""
    for each in told:
        say(json.dumps(each))


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table; cells whose text has a colour get it."""
    told = [list(row) for row in rows]
    if not _terminal():
        _columns([list(headers), *told])
        return
    drawn = Table(*headers, box=box.SIMPLE, pad_edge=False)
    for row in told:
        drawn.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    Console().print(drawn)


def spec(loaded: LoadedSpec) -> None:
    """The whole spec with sources."""
    if not _terminal():
        say(render_spec(loaded))
        return
    console = Console()
    for line in spec_lines(loaded):
        text = Text(f"{line.text:<{COLUMN}}")
        if line.comment:
            text.append(f" # {line.comment}", style="dim" if line.comment == "default" else "cyan")
        console.print(text, soft_wrap=True)


def moment(at_ms: int) -> str:
    """UTC, to the second; `-` for "not yet"."""
    return figures.moment(at_ms)


def weights(by_arm: dict[str, int]) -> str:
    """`baseline 98%, candidate 2%`."""
    return ", ".join(f"{arm} {format_weight(bp)}" for arm, bp in sorted(by_arm.items()))


def by_segment(weights_bp: Mapping[str, dict[str, int]]) -> str:
    """`baseline 98%, candidate 2%; country=SG: baseline 100%, candidate 0%`."""
    apart = {name: bp for name, bp in weights_bp.items() if name != ALL_SEGMENT}
    whole = weights(weights_bp.get(ALL_SEGMENT, {}))
    return "; ".join((whole, *(f"{name}: {weights(bp)}" for name, bp in sorted(apart.items()))))


def decision_line(decision: Decision, at_ms: int) -> str:
    """A decision in one line, for `tail` and `list`."""
    return GAP.join(
        (
            moment(at_ms),
            decision.rollout,
            f"#{decision.seq}",
            decision.action,
            by_segment(decision.weights_bp),
            decision.reason,
            *([explain_drifts(decision.news)] if decision.news else []),
            *(text for figure, text in explain_figures(decision.figures) if figure.name in MAIN),
        )
    )


def evidence(decision: Decision) -> None:
    """The verdicts and health checks of a decision, and how to read them.

    Of slices those with harm; there may be some thousand others, which `--json` tells.
    """
    told = [v for v in decision.verdicts if v.segment == ALL_SEGMENT or v.finding is Finding.HARM]
    table(VERDICTS, (_verdict(verdict) for verdict in told))
    if decision.verdicts:
        say(figures.LEGEND, style="dim")
    slices = {verdict.segment for verdict in decision.verdicts} - {ALL_SEGMENT}
    if quiet := sorted(slices - {verdict.segment for verdict in told}):
        say(f"harm is not shown in {', '.join(quiet)}", style="dim")
    for drift in decision.drifts:
        say(f"baseline in pane {drift.pane}: {explain_drift(drift)}")
    for _, text in explain_figures(decision.figures):
        say(f"shown {text}")
    for check in decision.health:
        say(f"health {check.name}: {'ok' if check.ok else 'FAILED'}{GAP}{check.reason}")


def _verdict(verdict: Verdict) -> tuple[str, ...]:
    whole = verdict.segment == ALL_SEGMENT
    return (
        verdict.metric,
        verdict.candidate if whole else f"{verdict.candidate} in {verdict.segment}",
        verdict.finding.replace("_", " "),
        figures.amount(verdict.estimate, verdict.unit),
        figures.interval(verdict.low, verdict.high, verdict.unit),
        figures.amount(verdict.margin, verdict.unit),
        figures.against(verdict.log_e_harm, verdict.log_e_harm_threshold),
        figures.against(verdict.log_e_safe, verdict.log_e_safe_threshold),
    )


def _columns(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        say(GAP.join(cells).rstrip())


def _terminal() -> bool:
    return sys.stdout.isatty()
