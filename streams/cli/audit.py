"""`davy audit`: can the record of a rollout be believed, and what does it prove?"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from streams.audit import nist as evidence
from streams.audit.facts import Finding
from streams.audit.timeline import timeline
from streams.audit.verify import Audit
from streams.audit.verify import verify as verified
from streams.cli import show
from streams.cli.codes import Code
from streams.cli.common import Bootstrap, Config, JsonLines, Prefix, settings_of
from streams.cli.trails import FromFiles, audit_log, audited_rollouts
from streams.cli.waiting import busy, measured
from streams.errors import LogError
from streams.settings import Settings
from streams.wire.keys import open_trusted

app = typer.Typer(no_args_is_help=True, help="The record of rollouts: whole, signed, readable.")

One = Annotated[str, typer.Argument(help="Rollout id.", show_default=False)]
Which = Annotated[
    str | None, typer.Argument(help="Rollout id; all if left out.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON.")]


@app.callback()
def audit() -> None:
    """The record of rollouts: whole, signed, readable."""


@app.command()
def verify(
    rollout: Which = None,
    from_files: FromFiles = None,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Walk the chain of decisions and what was done on it; exit code 1 if there is a gap.

    Example: davy audit verify digits-v2 --json
    """
    settings = settings_of(config, bootstrap, prefix)
    with measured("auditing") as step:
        found = _verified(settings, rollout, from_files, step)
    if as_json:
        show.say(json.dumps({name: _told(audited) for name, audited in found.items()}))
    else:
        for name, audited in found.items():
            _print(name, audited)
    if any(audited.findings for audited in found.values()):
        raise typer.Exit(Code.NO)


def _verified(
    settings: Settings,
    rollout: str | None,
    folder: Path | None,
    step: Callable[[int, int], None],
) -> dict[str, Audit]:
    """What came of each; LogError where there is nothing of one, or none at all."""
    trusted = open_trusted(settings)
    names = [rollout] if rollout else audited_rollouts(settings, folder)
    if not names:
        raise LogError("there is no rollout to audit: `judge-state` is empty")
    found = {}
    for done, name in enumerate(names, start=1):
        log = audit_log(name, settings, folder, trusted)
        if not log.decisions and not log.unusable and log.state is None:
            raise LogError(f"there is nothing of rollout `{name}`; `davy rollout list` shows all")
        found[name] = verified(log, signed=trusted is not None)
        step(done, len(names))
    return found


def _told(audited: Audit) -> dict[str, object]:
    return {
        "decisions": audited.decisions,
        "findings": [_finding(finding) for finding in audited.findings],
        "remarks": list(audited.remarks),
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {"gap": finding.gap, "place": finding.place, "sentence": finding.sentence}


def _print(name: str, audited: Audit) -> None:
    for finding in audited.findings:
        show.say(f"  {finding}", style="bold red")
    for remark in audited.remarks:
        show.say(f"  {remark}", style="yellow")
    gaps = len(audited.findings)
    verdict = "whole" if not gaps else f"{gaps} gap{'s' if gaps > 1 else ''}"
    style = "bold red" if gaps else "green"
    show.say(f"{name}: {audited.decisions} decisions, {verdict}", style=style)


@app.command(name="log")
def print_log(
    rollout: One,
    from_files: FromFiles = None,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: JsonLines = False,  # noqa: FBT002 - a flag
) -> None:
    """What happened, in the order of the clock: who decided, asked and moved what.

    Example: davy audit log digits-v2
    """
    settings = settings_of(config, bootstrap, prefix)
    with busy(f"reading {rollout}"):
        moments = timeline(audit_log(rollout, settings, from_files, None))
    if not moments:
        raise LogError(f"there is nothing of rollout `{rollout}`; `davy rollout list` shows all")
    if as_json:
        show.records(map(asdict, moments))
        return
    rows = [(show.moment(m.at_ms), m.who, m.what, m.place) for m in moments]
    show.table(("when", "who", "what", "where"), rows)


@app.command()
def nist(as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Which outcomes of the NIST AI RMF 1.0 davy's records serve as evidence for, and where.

    Example: davy audit nist --json
    """
    show.say(evidence.as_json() if as_json else evidence.as_markdown())
