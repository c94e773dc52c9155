"""`davy replay`: do a rollout's recorded decisions follow from the log?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from streams.cli import show
from streams.cli.codes import Code
from streams.cli.common import Bootstrap, Config, JsonLines, Prefix, settings_of
from streams.cli.trails import FromFiles, open_trail
from streams.cli.waiting import busy, measured
from streams.replay.check import E_VALUES_AGREE, Checked, Outcome, checks
from streams.replay.files import Format, write_trail
from streams.replay.records import Trail

COLOURS = {Outcome.OK: "green", Outcome.DIFFERS: "bold red", Outcome.NOT_JUDGED: "yellow"}

Rollout = Annotated[str, typer.Argument(help="Rollout id.", show_default=False)]
Export = Annotated[
    Path | None,
    typer.Option(help="Also write all that is needed to judge it elsewhere into this folder."),
]
As = Annotated[Format, typer.Option("--format", help="Of the exported files.")]


def replay(
    rollout: Rollout,
    from_files: FromFiles = None,
    export: Export = None,
    form: As = Format.JSONL,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: JsonLines = False,  # noqa: FBT002 - a flag
) -> None:
    """Judge a rollout again and compare each decision byte for byte; exit code 1 if one differs.

    Example: davy replay digits-v2 --export build/digits-v2
    """
    with busy(f"reading {rollout}"):
        trail = open_trail(rollout, settings_of(config, bootstrap, prefix), from_files)
    if export is not None:
        _export(trail, export, form, as_json=as_json)
    with measured("judging again") as step:
        checked = list(_stepped(trail, step))
    if as_json:
        show.records(map(_record, checked))
    else:
        for each in checked:
            _print(each)
        _sum_up(rollout, checked)
    if any(each.outcome is not Outcome.OK for each in checked):
        raise typer.Exit(Code.NO)


def _stepped(trail: Trail, step: Callable[[int, int], None]) -> Iterator[Checked]:
    for done, each in enumerate(checks(trail), start=1):
        step(done, len(trail.decisions))
        yield each


def _record(checked: Checked) -> dict[str, object]:
    decision = checked.recorded.decision
    return {
        "seq": decision.seq,
        "decision_id": decision.decision_id,
        "action": decision.action,
        "pane": decision.cut.pane,
        "outcome": checked.outcome,
        "difference": None if checked.difference is None else asdict(checked.difference),
        "e_gap": checked.e_gap,
        "why": checked.why,
    }


def _export(trail: Trail, folder: Path, form: Format, *, as_json: bool) -> None:
    count = len(trail.decisions)  # an unknown rollout leaves no folder behind
    write_trail(trail, folder, form)
    if as_json:
        return
    show.say(f"{trail.rollout}: {count} decisions and what they follow from written to {folder}")


def _print(checked: Checked) -> None:
    decision, outcome = checked.recorded.decision, checked.outcome
    told = ""
    if checked.difference is not None:
        told = f"  {checked.difference}"
    elif checked.why:
        told = f"  {checked.why}"
    line = f"#{decision.seq} {decision.action:<8}  pane {decision.cut.pane}  {outcome}{told}"
    show.say(line, style=COLOURS[outcome])
    if outcome is Outcome.DIFFERS:
        near = "within" if checked.e_gap <= E_VALUES_AGREE else "beyond"
        show.say(f"    log e-values differ by {checked.e_gap:.3g} at most, {near} 1e-9")


def _sum_up(rollout: str, checked: Sequence[Checked]) -> None:
    counts = Counter(each.outcome for each in checked)
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
    show.say(f"{rollout}: {told}", style="" if counts[Outcome.OK] == len(checked) else "bold red")
