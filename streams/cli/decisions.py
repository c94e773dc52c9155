"""`davy decisions`: what was decided, as it is decided."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated

import typer

from streams.cli import show
from streams.cli.common import Bootstrap, Config, Prefix, settings_of
from streams.cli.log import Entry, Log
from streams.judge.record import decision_from_record

app = typer.Typer(no_args_is_help=True, help="Decisions, as they are made.")

Rollout = Annotated[
    str | None, typer.Argument(help="Only this rollout's; all if left out.", show_default=False)
]
Back = Annotated[int, typer.Option("--lines", "-n", min=0, help="Older records per partition.")]
All = Annotated[bool, typer.Option("--all", help="From the beginning.")]
Follow = Annotated[bool, typer.Option(help="Wait for new ones; end with Ctrl-C.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")]


@app.callback()
def decisions() -> None:
    """Decisions, as they are made."""


@app.command()
def tail(
    rollout: Rollout = None,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    lines: Back = 10,
    everything: All = False,  # noqa: FBT002 - a flag
    follow: Follow = True,  # noqa: FBT002 - a flag
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Print decisions, one a line."""
    log = Log(settings_of(config, bootstrap, prefix))
    with suppress(KeyboardInterrupt, BrokenPipeError):
        for entry in log.follow("decisions", back=None if everything else lines, wait=follow):
            if rollout in (None, entry.key):
                _print(entry, as_json=as_json)


def _print(entry: Entry, *, as_json: bool) -> None:
    if entry.record is None:
        return
    if as_json:
        show.say(json.dumps(entry.record))
        return
    decision = decision_from_record(entry.record)
    show.say(show.decision_line(decision, entry.at_ms), style=show.COLOURS.get(decision.action, ""))
