"""What does one see while it runs? A live table on a terminal, plain lines everywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams import figures
from streams.demo import words
from streams.demo.acts import Told, View, candidate_share
from streams.demo.faults import Fault
from streams.judge.decision_facts import Action, Finding, Verdict
from streams.judge.explain import explain
from streams.spec.model import RolloutSpec

STYLES = {
    Finding.HARM: "bold red",
    Finding.NO_HARM: "green",
    Finding.BETTER: "green",
    Finding.UNDECIDED: "yellow",
    Finding.INVALID: "magenta",
}
ACTIONS = {
    Action.ADVANCE: "cyan",
    Action.HOLD: "dim",
    Action.ROLLBACK: "bold red",
    Action.PROMOTE: "bold green",
}
STATUS_EVERY_S = 3.0
HISTORY = 6
COLUMNS = {
    "metric": 7,
    "estimate": 10,
    "interval": 19,
    "limit": 10,
    "e harm": 14,
    "e no harm": 14,
    "finding": 15,
}
"""The table's columns, and how wide each is from the beginning, so that figures may grow."""


class Show(Protocol):
    """Where the demo tells what happens."""

    def say(self, text: str) -> None:
        """One line that stays."""
        ...

    def view(self, view: View, spec: RolloutSpec) -> None:
        """How things stand now; called several times a second."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def show_on(console: Console) -> Show:
    """The table where there is a terminal, else lines."""
    return LiveTable(console) if console.is_terminal else PlainLines(console)


class PlainLines:
    """A line for whatever is new, and one now and then for how it stands."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seq: dict[str, int] = {}
        self._news: dict[str, tuple[int, Action]] = {}
        self._status_s: dict[str, float] = {}

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def view(self, view: View, spec: RolloutSpec) -> None:  # noqa: ARG002 - the port's
        """Changes of stage and action at once, shares every few seconds."""
        name = view.act.rollout
        for told in view.told:
            if told.decision.seq <= self._seq.get(name, 0):
                continue
            self._seq[name] = told.decision.seq
            news = (told.decision.stage, told.decision.action)
            if self._news.get(name) != news:
                self._news[name] = news
                self.say(f"{_at(view)} decision {told.decision.seq}: {explain(told.decision)}")
        if view.elapsed_s >= self._status_s.get(name, 0.0):
            self._status_s[name] = view.elapsed_s + STATUS_EVERY_S
            self.say(f"{_at(view)} {name}: {_shares(view)}{_findings(view)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


class LiveTable:
    """The table, redrawn in place; what is said scrolls above it."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def say(self, text: str) -> None:
        """One line above the table."""
        self._live.console.print(text, highlight=False, markup=False)

    def view(self, view: View, spec: RolloutSpec) -> None:
        """Redraw."""
        self._live.update(render(view, spec), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def render(view: View, spec: RolloutSpec) -> RenderableType:
    """The whole picture of an act."""
    act = view.act
    bad = "" if act.fault is Fault.NONE else f" with fault {act.fault}"
    title = f"{act.rollout}: {act.baseline} → {act.candidate}{bad}   {words.clock(view.elapsed_s)}"
    legend = Text(figures.LEGEND, style="dim")
    parts = (_stage_line(view, spec), _metrics(view), legend, _health(view), _history(view))
    return Panel(Group(*parts), title=title, title_align="left", padding=(0, 1))


def _stage_line(view: View, spec: RolloutSpec) -> RenderableType:
    stage = view.last.decision.stage if view.last else -1
    line = Text("stage  ", style="dim")
    for index, step in enumerate(spec.stages):
        mark, style = ("▸", "bold cyan") if index == stage else (" ", "dim")
        line.append(f"{mark}{step.weight_bp / 100:g} %  ", style=style)
    line.append(
        f"   share of {view.act.candidate}: applied {words.share(view.applied):>7}, measured"
    )
    line.append(f" at the proxy {words.share(view.measured):>7}", style="bold")
    line.append(f"   {view.rate:4.0f} answers/s", style="dim")
    return line


def _metrics(view: View) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name, width in COLUMNS.items():
        table.add_column(name, no_wrap=True, min_width=width)
    for verdict in view.last.decision.verdicts if view.last else ():
        table.add_row(*_row(verdict))
    return table


def _row(verdict: Verdict) -> tuple[Text | str, ...]:
    harm = figures.against(verdict.log_e_harm, verdict.log_e_harm_threshold)
    safe = figures.against(verdict.log_e_safe, verdict.log_e_safe_threshold)
    crossed = verdict.log_e_harm >= verdict.log_e_harm_threshold
    shown = verdict.log_e_safe >= verdict.log_e_safe_threshold
    return (
        verdict.metric,
        figures.amount(verdict.estimate, verdict.unit),
        figures.interval(verdict.low, verdict.high, verdict.unit),
        figures.amount(verdict.margin, verdict.unit),
        Text(harm, style="bold red" if crossed else ""),
        Text(safe, style="green" if shown else ""),
        Text(words.finding(verdict), style=STYLES[verdict.finding]),
    )


def _health(view: View) -> RenderableType:
    line = Text("health ", style="dim")
    for name, told, style in words.health(view.last.decision.health) if view.last else ():
        line.append(f"{name} ").append(f"{told}  ", style=style)
    return line


def _history(view: View) -> RenderableType:
    found = changes(view.told)
    shown = found[-HISTORY:]
    lines = [_run(run, view.told[0]) for run in shown]
    earlier = shown[0].first.decision.seq - 1 if len(found) > len(shown) else 0
    more = f" (#1-#{earlier} came before these)" if earlier else ""
    return Group(Text(f"decisions{more}", style="dim"), *lines)


def _run(run: Run, first: Told) -> Text:
    decision = run.last.decision
    seconds = (run.first.at_ms - first.at_ms) / 1000
    line = Text(f" {seconds:5.1f} s  {run.numbers:<9} ", style="dim", no_wrap=True)
    line.append(f"{decision.action:<8}", style=ACTIONS[decision.action])
    line.append(f" {words.share(candidate_share(decision.weights_bp)):>7}  {words.why(decision)}")
    return line


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Decisions in a row that say the same of action and stage; the last one's reason counts."""

    first: Told
    last: Told

    @property
    def numbers(self) -> str:
        """`#4`, or `#5-#24`."""
        begin, end = self.first.decision.seq, self.last.decision.seq
        return f"#{begin}" if begin == end else f"#{begin}-#{end}"


def changes(told: tuple[Told, ...]) -> list[Run]:
    """Every decision, those in a row that say the same as one."""

    def news(item: Told) -> tuple[Action, int]:
        return item.decision.action, item.decision.stage

    rows = (list(row) for _, row in groupby(told, key=news))
    return [Run(first=row[0], last=row[-1]) for row in rows]


def _at(view: View) -> str:
    return f"[{words.clock(view.elapsed_s)}]"


def _shares(view: View) -> str:
    wanted = candidate_share(view.last.decision.weights_bp) if view.last else None
    return (
        f"share of {view.act.candidate} wanted {words.share(wanted)}, applied "
        f"{words.share(view.applied)}, measured {words.share(view.measured)}"
    )


def _findings(view: View) -> str:
    """What has been found so far; what is undecided is left out."""
    if view.last is None:
        return "; no decision yet"
    by_finding: dict[Finding, list[str]] = {}
    for verdict in view.last.decision.verdicts:
        if verdict.finding is not Finding.UNDECIDED:
            by_finding.setdefault(verdict.finding, []).append(verdict.metric)
    return "".join(f"; {f.replace('_', ' ')}: {', '.join(m)}" for f, m in by_finding.items())
