"""`davy audit`: can the record of a rollout be believed, and what does it prove?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from streams.audit import nist as evidence
from streams.audit.facts import Finding
from streams.audit.timeline import timeline
from streams.audit.verify import Audit
from streams.audit.verify import verify as verified
from streams.cli import show
from streams.cli.common import Bootstrap, Config, Prefix, settings_of
from streams.cli.trails import FromFiles, audit_log, audited_rollouts
from streams.errors import LogError
from streams.wire.keys import open_trusted

GAPS = 1
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
    """Walk the chain of decisions and what was done on it; exit code 1 if there is a gap."""
    settings = settings_of(config, bootstrap, prefix)
    trusted = open_trusted(settings)
    names = [rollout] if rollout else audited_rollouts(settings, from_files)
    if not names:
        raise LogError("there is no rollout to audit: `judge-state` is empty")
    found = {}
    for name in names:
        log = audit_log(name, settings, from_files, trusted)
        if not log.decisions and not log.unusable and log.state is None:
            raise LogError(f"there is nothing of rollout `{name}`; `davy rollout list` shows all")
        found[name] = verified(log, signed=trusted is not None)
    if as_json:
        show.say(json.dumps({name: _told(audited) for name, audited in found.items()}))
    else:
        for name, audited in found.items():
            _print(name, audited)
    if any(audited.findings for audited in found.values()):
        raise typer.Exit(GAPS)


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
) -> None:
    """What happened, in the order of the clock: who decided, asked and moved what."""
    settings = settings_of(config, bootstrap, prefix)
    moments = timeline(audit_log(rollout, settings, from_files, None))
    if not moments:
        raise LogError(f"there is nothing of rollout `{rollout}`; `davy rollout list` shows all")
    rows = [(show.moment(m.at_ms), m.who, m.what, m.place) for m in moments]
    show.table(("when", "who", "what", "where"), rows)


@app.command()
def nist(as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Which outcomes of the NIST AI RMF 1.0 davy's records serve as evidence for, and where."""
    show.say(evidence.as_json() if as_json else evidence.as_markdown())
